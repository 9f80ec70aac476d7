// A matrix product for GPUs: 64 x 64 outputs a workgroup of 16 x 16 invocations, 4 x 4 each.
// Needs shared/tile_loads.wgsl and how parts are loaded.

const TILE: u32 = 64u;
const TILE_K: u32 = 16u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = corner(group_id.x + group_id.y * group_count.x);
    let at_a = own_a(local);
    let at_b = own_b(local);
    let my_row = local / QUADS;
    let my_column = local % QUADS;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    // Each round loads a step and makes the products of the one before.
    for (var k0 = params.k_start; ; k0 += TILE_K) {
        let next_a = fetch_a(at_a, first.x, k0);
        let next_b = fetch_b(at_b, first.y, k0);
        if k0 > params.k_start {
            for (var k = 0u; k < TILE_K; k++) {
                let a = tiles[k * STRIDE + my_row];
                let b = tiles[B_AT + k * STRIDE + my_column];
                s0 += a.x * b;
                s1 += a.y * b;
                s2 += a.z * b;
                s3 += a.w * b;
            }
        }
        if k0 >= params.k { break; }
        workgroupBarrier();
        store(0u, at_a, A_ALONG_K, next_a);
        store(B_AT, at_b, B_ALONG_K, next_b);
        workgroupBarrier();
    }

    let row = first.x + my_row * 4u;
    let column = first.y + my_column * 4u;
    // One call of finish in a loop: inlined at each of its places it took seconds to compile.
    var found = array<vec4<f32>, 4>(s0, s1, s2, s3);
    for (var i = 0u; i < 4u; i++) {
        if row + i < params.m && column < params.n { finish(row + i, column, found[i]); }
    }
}
