// Steepest descent with momentum, one invocation an element.

struct Params {
    count: u32,
    nesterov: u32,
    rate: f32,
    momentum: f32,
    decay: f32,
    // So many elements decay, the first ones.
    decaying: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(3) var<storage, read_write> w: array<f32>;

override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    let g = gradient[i] + select(0.0, params.decay, i < params.decaying) * w[i];
    let v = params.momentum * velocity[i] + g;
    velocity[i] = v;
    var direction = v;
    if params.nesterov != 0u { direction = g + params.momentum * v; }
    w[i] -= params.rate * direction;
}
