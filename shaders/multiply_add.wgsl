// x = factor * x + summand, so many times; four numbers an invocation.

struct Params { count: u32, times: u32, factor: f32, summand: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = ((group_id.x + group_id.y * group_count.x) * WORKGROUP + local) * 4u;
    if at >= params.count { return; }
    var value = vec4<f32>(x[at], 0.0, 0.0, 0.0);
    if at + 1u < params.count { value.y = x[at + 1u]; }
    if at + 2u < params.count { value.z = x[at + 2u]; }
    if at + 3u < params.count { value.w = x[at + 3u]; }
    for (var n = 0u; n < params.times; n += 1u) {
        value = fma(vec4<f32>(params.factor), value, vec4<f32>(params.summand));
    }
    x[at] = value.x;
    if at + 1u < params.count { x[at + 1u] = value.y; }
    if at + 2u < params.count { x[at + 2u] = value.z; }
    if at + 3u < params.count { x[at + 3u] = value.w; }
}
