// dy times the slope of an activation, from the activation's output y. Needs shared/slope.wgsl.

struct Params { count: u32, unused0: u32, unused1: u32, unused2: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dy: array<f32>;

override ACTIVATION: u32 = 1;
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    dy[i] = sloped(ACTIVATION, dy[i], y[i]);
}
