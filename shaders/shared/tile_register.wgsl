// A matrix product for software adapters, which run workgroup memory and barriers slowly: every
// invocation holds ROWS x (4 * VECTORS) outputs in registers, and neighbouring invocations take
// neighbouring columns, so that an element of A is one scalar for all lanes. The kernel's own file gives
// load_a, load_b, finish, and params.m, params.n, params.k.

const ROWS: u32 = 16;
const VECTORS: u32 = 4;
const LANES: u32 = 8;

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    let across = (params.n + 4u * VECTORS * LANES - 1u) / (4u * VECTORS * LANES);
    let row0 = (group / max(across, 1u)) * ROWS;
    let column0 = (group % max(across, 1u)) * (4u * VECTORS * LANES) + lane * 4u;
    if row0 >= params.m { return; }
    var sums: array<vec4<f32>, 64>;
    // Rows and columns past the end repeat the last one; their sums are not stored.
    let last_row = params.m - 1u;
    let last_column = params.n - 1u;
    for (var k = 0u; k < params.k; k++) {
        var b: array<vec4<f32>, 4>;
        for (var j = 0u; j < VECTORS; j++) {
            let column = column0 + j * 4u * LANES;
            b[j] = vec4<f32>(
                load_b(k, min(column, last_column)),
                load_b(k, min(column + 1u, last_column)),
                load_b(k, min(column + 2u, last_column)),
                load_b(k, min(column + 3u, last_column)),
            );
        }
        for (var i = 0u; i < ROWS; i++) {
            let a = load_a(min(row0 + i, last_row), k);
            for (var j = 0u; j < VECTORS; j++) {
                sums[i * VECTORS + j] += a * b[j];
            }
        }
    }
    for (var i = 0u; i < ROWS; i++) {
        for (var j = 0u; j < VECTORS; j++) {
            let column = column0 + j * 4u * LANES;
            if row0 + i < params.m && column < params.n {
                finish(row0 + i, column, sums[i * VECTORS + j]);
            }
        }
    }
}
