// The contrastive divergence update of a bias: gradient = s0 sum of X0 - s1 sum of Xk over the cases;
// and a watch: the first step at which a bias stops being finite is kept in status[0].

struct Params {
    n: u32,
    rows: u32,
    chains: u32,
    step: u32,
    scale0: f32,
    scale1: f32,
    rate: f32,
    momentum: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<f32>;
@group(0) @binding(2) var<storage, read> xk: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(5) var<storage, read_write> status: array<atomic<u32>>;

override GRADIENT: bool = false;
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let j = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if j >= params.n { return; }
    var sum0 = 0.0;
    for (var r = 0u; r < params.rows; r++) { sum0 += x0[r * params.n + j]; }
    var sumk = 0.0;
    for (var r = 0u; r < params.chains; r++) { sumk += xk[r * params.n + j]; }
    let gradient = params.scale0 * sum0 - params.scale1 * sumk;
    if GRADIENT {
        velocity[j] = gradient;
        return;
    }
    let change = params.momentum * velocity[j] + params.rate * gradient;
    let value = bias[j] + change;
    velocity[j] = change;
    bias[j] = value;
    if (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u {
        atomicMin(&status[0], params.step);
    }
}
