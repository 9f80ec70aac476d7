// The loop of shared/tile_small.wgsl and shared/tile_narrow.wgsl: TEAMS teams of invocations hold the same
// outputs, 4 x 4 an invocation, each for its own part of every step along K. At the end their sums are added
// through workgroup memory, team by team in order, half of the rows at a time, so that it fits where the
// tiles were; then each invocation finishes four outputs, or none.
// Needs shared/tile_loads.wgsl and how parts are loaded.

// Invocations of a team, which hold all outputs of the tile.
const TEAM: u32 = THREADS / TEAMS;
// A team's part of a step.
const SHARE: u32 = TILE_K / TEAMS;
// Vectors of half of the rows.
const HALF: u32 = 2u * TEAM;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = corner(group_id.x + group_id.y * group_count.x);
    let at_a = own_a(local);
    let at_b = own_b(local);
    let team = local / TEAM;
    let lane = local % TEAM;
    let at = team * SHARE * STRIDE + lane / QUADS;
    let bt = B_AT + team * SHARE * STRIDE + lane % QUADS;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    // Each round loads a step and makes the products of the one before.
    for (var k0 = params.k_start; ; k0 += TILE_K) {
        let next_a = fetch_a(at_a, first.x, k0);
        let next_b = fetch_b(at_b, first.y, k0);
        if k0 > params.k_start {
            for (var k = 0u; k < SHARE; k++) {
                let a = tiles[at + k * STRIDE];
                let b = tiles[bt + k * STRIDE];
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

    // Invocation i takes vector i % TEAM of row i / TEAM of each four.
    let mine = local % HALF;
    var sum = vec4<f32>(0.0);
    for (var part = 0u; part < 2u; part++) {
        workgroupBarrier();
        tiles[team * HALF + lane] = select(s0, s2, part == 1u);
        tiles[team * HALF + TEAM + lane] = select(s1, s3, part == 1u);
        workgroupBarrier();
        if local / HALF == part {
            for (var t = 0u; t < TEAMS; t++) { sum += tiles[t * HALF + mine]; }
        }
    }
    let row = first.x + lane / QUADS * 4u + local / TEAM;
    let column = first.y + lane % QUADS * 4u;
    if local < 4u * TEAM && row < params.m && column < params.n { finish(row, column, sum); }
}
