// A matrix product for GPUs: 64 x 64 outputs per workgroup of 16 x 16 invocations, 4 x 4 each, K in
// steps of 16 through workgroup memory. The kernel's own file gives load_a, load_b, finish, and
// params.m, params.n, the slice of K from params.k_start up to before params.k, and in product_slices how
// many products of these sizes there are; `slice` is the one at work. A_ALONG_K and B_ALONG_K say along which index its memory runs.

const TILE: u32 = 64;
const TILE_K: u32 = 16;
const STRIDE: u32 = 68;
const THREADS: u32 = 256;

var<private> slice: u32;
var<workgroup> tile_a: array<f32, 1088>;
var<workgroup> tile_b: array<f32, 1088>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    let across = max((params.n + TILE - 1u) / TILE, 1u);
    let down = max((params.m + TILE - 1u) / TILE, 1u);
    slice = group / across / down;
    // Groups past the last have row0 >= m: they load zeros and store nothing.
    let row0 = select(group / across % down * TILE, params.m, slice >= product_slices());
    let column0 = (group % across) * TILE;
    let my_row = (local / 16u) * 4u;
    let my_column = (local % 16u) * 4u;
    var sums0 = vec4<f32>(0.0);
    var sums1 = vec4<f32>(0.0);
    var sums2 = vec4<f32>(0.0);
    var sums3 = vec4<f32>(0.0);

    for (var k0 = params.k_start; k0 < params.k; k0 += TILE_K) {
        for (var e = local; e < TILE * TILE_K; e += THREADS) {
            var r = e % TILE;
            var k = e / TILE;
            if A_ALONG_K { r = e / TILE_K; k = e % TILE_K; }
            var x = 0.0;
            if row0 + r < params.m && k0 + k < params.k { x = load_a(row0 + r, k0 + k); }
            tile_a[k * STRIDE + r] = x;
            var c = e % TILE;
            k = e / TILE;
            if B_ALONG_K { c = e / TILE_K; k = e % TILE_K; }
            x = 0.0;
            if column0 + c < params.n && k0 + k < params.k { x = load_b(k0 + k, column0 + c); }
            tile_b[k * STRIDE + c] = x;
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let at = k * STRIDE + my_row;
            let bt = k * STRIDE + my_column;
            let b = vec4<f32>(tile_b[bt], tile_b[bt + 1u], tile_b[bt + 2u], tile_b[bt + 3u]);
            sums0 += tile_a[at] * b;
            sums1 += tile_a[at + 1u] * b;
            sums2 += tile_a[at + 2u] * b;
            sums3 += tile_a[at + 3u] * b;
        }
        workgroupBarrier();
    }

    let column = column0 + my_column;
    var sums = array<vec4<f32>, 4>(sums0, sums1, sums2, sums3);
    for (var i = 0u; i < 4u; i++) {
        let row = row0 + my_row + i;
        if row < params.m && column < params.n { finish(row, column, sums[i]); }
    }
}
