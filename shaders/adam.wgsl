// Adam with decoupled weight decay, one invocation an element.

struct Params {
    count: u32,
    // So many elements decay, the first ones.
    decaying: u32,
    unused0: u32,
    unused1: u32,
    beta1: f32,
    beta2: f32,
    // 1 - beta1 and 1 - beta2.
    new1: f32,
    new2: f32,
    // The learning rate over 1 - beta1^t.
    rate: f32,
    // 1 / (1 - beta2^t).
    correction2: f32,
    epsilon: f32,
    // 1 - rate of learning * weight decay.
    keep: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;
@group(0) @binding(4) var<storage, read_write> w: array<f32>;

override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    let g = gradient[i];
    let mean = params.beta1 * m[i] + params.new1 * g;
    let square = params.beta2 * v[i] + params.new2 * (g * g);
    m[i] = mean;
    v[i] = square;
    let deviation = sqrt(square * params.correction2) + params.epsilon;
    let keep = select(1.0, params.keep, i < params.decaying);
    w[i] = keep * w[i] - params.rate * mean / deviation;
}
