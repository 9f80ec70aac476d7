// A matrix product for large sizes: 128 x 128 outputs a workgroup of 16 x 16 invocations, 8 x 8 each, as
// 2 x 2 blocks of 4 x 4 that lie 64 rows and columns apart: so the vectors that neighbouring invocations read from
// workgroup memory are neighbours. Written out, since WGSL has no way to ask that arrays stay in registers.
// Needs shared/tile_loads.wgsl and how parts are loaded.

const TILE: u32 = 128u;
const TILE_K: u32 = 8u;
// Vectors from one block to the next.
const APART: u32 = 16u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = corner(group_id.x + group_id.y * group_count.x);
    let at_a = own_a(local);
    let at_b = own_b(local);
    let my_row = local / APART;
    let my_column = local % APART;
    var s00 = vec4<f32>(0.0); var s01 = vec4<f32>(0.0);
    var s10 = vec4<f32>(0.0); var s11 = vec4<f32>(0.0);
    var s20 = vec4<f32>(0.0); var s21 = vec4<f32>(0.0);
    var s30 = vec4<f32>(0.0); var s31 = vec4<f32>(0.0);
    var s40 = vec4<f32>(0.0); var s41 = vec4<f32>(0.0);
    var s50 = vec4<f32>(0.0); var s51 = vec4<f32>(0.0);
    var s60 = vec4<f32>(0.0); var s61 = vec4<f32>(0.0);
    var s70 = vec4<f32>(0.0); var s71 = vec4<f32>(0.0);
    // Each round loads a step and makes the products of the one before.
    for (var k0 = params.k_start; ; k0 += TILE_K) {
        let next_a = fetch_a(at_a, first.x, k0);
        let next_b = fetch_b(at_b, first.y, k0);
        if k0 > params.k_start {
            for (var k = 0u; k < TILE_K; k++) {
                let at = k * STRIDE + my_row;
                let bt = B_AT + k * STRIDE + my_column;
                let a0 = tiles[at];
                let a1 = tiles[at + APART];
                let b0 = tiles[bt];
                let b1 = tiles[bt + APART];
                s00 += a0.x * b0; s01 += a0.x * b1;
                s10 += a0.y * b0; s11 += a0.y * b1;
                s20 += a0.z * b0; s21 += a0.z * b1;
                s30 += a0.w * b0; s31 += a0.w * b1;
                s40 += a1.x * b0; s41 += a1.x * b1;
                s50 += a1.y * b0; s51 += a1.y * b1;
                s60 += a1.z * b0; s61 += a1.z * b1;
                s70 += a1.w * b0; s71 += a1.w * b1;
            }
        }
        if k0 >= params.k { break; }
        workgroupBarrier();
        store(0u, at_a, A_ALONG_K, next_a);
        store(B_AT, at_b, B_ALONG_K, next_b);
        workgroupBarrier();
    }

    // One call of finish in a loop: inlined at each of its places it took seconds to compile.
    var found = array<vec4<f32>, 16>(
        s00, s01, s10, s11, s20, s21, s30, s31,
        s40, s41, s50, s51, s60, s61, s70, s71,
    );
    for (var e = 0u; e < 16u; e++) {
        let row = first.x + (e / 8u * APART + my_row) * 4u + e / 2u % 4u;
        let column = first.y + (e % 2u * APART + my_column) * 4u;
        if row < params.m && column < params.n { finish(row, column, found[e]); }
    }
}
