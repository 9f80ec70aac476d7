// A matrix product for GPUs: 64 x 64 outputs a workgroup of 16 x 16 invocations, 4 x 4 each.
// Needs shared/tile_loads.wgsl.

const TILE: u32 = 64u;
const TILE_K: u32 = 16u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = corner(group_id.x + group_id.y * group_count.x);
    let own_a = own(local, A_ALONG_K);
    let own_b = own(local, B_ALONG_K);
    let my_row = local / QUADS;
    let my_column = local % QUADS;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    // Each round loads a step and makes the products of the one before.
    for (var k0 = params.k_start; ; k0 += TILE_K) {
        let next_a = fetch_a(own_a, first.x, k0);
        let next_b = fetch_b(own_b, first.y, k0);
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
        tiles[stored(own_a)] = next_a;
        tiles[B_AT + stored(own_b)] = next_b;
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
