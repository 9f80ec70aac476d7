// A matrix product for software adapters, which run workgroup memory and barriers slowly: every
// invocation holds ROWS x (4 * VECTORS) outputs in registers. Written out, because the drivers that this
// serves leave arrays of vectors in memory: loops over them ran at a fifth of the speed. The kernel's
// own file gives load_a, load_b, finish, params.m, params.n, the slice of K from params.k_start up to before
// params.k, and in product_slices how many products of these sizes there are; `slice` is the one at work.

const ROWS: u32 = 8;
const VECTORS: u32 = 4;
const LANES: u32 = 8;

var<private> slice: u32;

// Four neighbouring elements of a row of B; columns past the end repeat the last and are not stored.
fn load_b4(k: u32, column: u32) -> vec4<f32> {
    let last = params.n - 1u;
    return vec4<f32>(
        load_b(k, min(column, last)),
        load_b(k, min(column + 1u, last)),
        load_b(k, min(column + 2u, last)),
        load_b(k, min(column + 3u, last)),
    );
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    let span = 4u * VECTORS * LANES;
    let across = max((params.n + span - 1u) / span, 1u);
    let down = max((params.m + ROWS - 1u) / ROWS, 1u);
    slice = group / across / down;
    if slice >= product_slices() { return; }
    let row = (group / across % down) * ROWS;
    let column = (group % across) * span + lane * 4u;
    if row >= params.m { return; }
    let last_row = params.m - 1u;
    var s00 = vec4<f32>(0.0); var s01 = vec4<f32>(0.0); var s02 = vec4<f32>(0.0); var s03 = vec4<f32>(0.0);
    var s10 = vec4<f32>(0.0); var s11 = vec4<f32>(0.0); var s12 = vec4<f32>(0.0); var s13 = vec4<f32>(0.0);
    var s20 = vec4<f32>(0.0); var s21 = vec4<f32>(0.0); var s22 = vec4<f32>(0.0); var s23 = vec4<f32>(0.0);
    var s30 = vec4<f32>(0.0); var s31 = vec4<f32>(0.0); var s32 = vec4<f32>(0.0); var s33 = vec4<f32>(0.0);
    var s40 = vec4<f32>(0.0); var s41 = vec4<f32>(0.0); var s42 = vec4<f32>(0.0); var s43 = vec4<f32>(0.0);
    var s50 = vec4<f32>(0.0); var s51 = vec4<f32>(0.0); var s52 = vec4<f32>(0.0); var s53 = vec4<f32>(0.0);
    var s60 = vec4<f32>(0.0); var s61 = vec4<f32>(0.0); var s62 = vec4<f32>(0.0); var s63 = vec4<f32>(0.0);
    var s70 = vec4<f32>(0.0); var s71 = vec4<f32>(0.0); var s72 = vec4<f32>(0.0); var s73 = vec4<f32>(0.0);
    for (var k = params.k_start; k < params.k; k++) {
        let b0 = load_b4(k, column);
        let b1 = load_b4(k, column + 4u * LANES);
        let b2 = load_b4(k, column + 8u * LANES);
        let b3 = load_b4(k, column + 12u * LANES);
        var a = 0.0;
        a = load_a(min(row + 0u, last_row), k);
        s00 += a * b0; s01 += a * b1; s02 += a * b2; s03 += a * b3;
        a = load_a(min(row + 1u, last_row), k);
        s10 += a * b0; s11 += a * b1; s12 += a * b2; s13 += a * b3;
        a = load_a(min(row + 2u, last_row), k);
        s20 += a * b0; s21 += a * b1; s22 += a * b2; s23 += a * b3;
        a = load_a(min(row + 3u, last_row), k);
        s30 += a * b0; s31 += a * b1; s32 += a * b2; s33 += a * b3;
        a = load_a(min(row + 4u, last_row), k);
        s40 += a * b0; s41 += a * b1; s42 += a * b2; s43 += a * b3;
        a = load_a(min(row + 5u, last_row), k);
        s50 += a * b0; s51 += a * b1; s52 += a * b2; s53 += a * b3;
        a = load_a(min(row + 6u, last_row), k);
        s60 += a * b0; s61 += a * b1; s62 += a * b2; s63 += a * b3;
        a = load_a(min(row + 7u, last_row), k);
        s70 += a * b0; s71 += a * b1; s72 += a * b2; s73 += a * b3;
    }
    // One call of finish in a loop: inlined at each of its places it took seconds to compile.
    var found = array<vec4<f32>, 32>(
        s00, s01, s02, s03,
        s10, s11, s12, s13,
        s20, s21, s22, s23,
        s30, s31, s32, s33,
        s40, s41, s42, s43,
        s50, s51, s52, s53,
        s60, s61, s62, s63,
        s70, s71, s72, s73,
    );
    for (var e = 0u; e < ROWS * VECTORS; e++) {
        let r = row + e / VECTORS;
        let c = column + (e % VECTORS) * 4u * LANES;
        if r < params.m && c < params.n { finish(r, c, found[e]); }
    }
}
