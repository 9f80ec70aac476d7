// One temperature of annealed importance sampling, one workgroup a chain: the increment of the chain's log
// weight from beta_from to beta_to, and hidden states at beta_sample.
// Needs shared/philox.wgsl and shared/activation.wgsl.

struct Params {
    chains: u32,
    hidden: u32,
    visible: u32,
    // Which row of `increments` to write.
    row: u32,
    beta_from: f32,
    beta_to: f32,
    beta_sample: f32,
    first_case: u32,
    key: vec2<u32>,
    counter: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
// x = v W + a, [chains, hidden].
@group(0) @binding(1) var<storage, read> field: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
// b less the base's bias, [visible].
@group(0) @binding(3) var<storage, read> tilt: array<f32>;
@group(0) @binding(4) var<storage, read_write> increments: array<f32>;
@group(0) @binding(5) var<storage, read_write> h: array<f32>;

override SAMPLE: bool = true;
override WORKGROUP: u32 = 64;
var<workgroup> partial: array<f32, WORKGROUP>;

// softplus(q) - softplus(p) where q - p = z is small: ln(1 + sigmoid(p) (exp z - 1)), by series, because the
// difference of the two would lose what is small.
fn softplus_step(p: vec4<f32>, z: vec4<f32>) -> vec4<f32> {
    let grown = z * (1.0 + z * (0.5 + z * (0.16666667 + z * (0.041666667 + z * 8.3333333e-3))));
    let y = sigmoid(p) * grown;
    let s = y / (2.0 + y);
    let s2 = s * s;
    return s * (2.0 + s2 * (0.6666667 + s2 * (0.4 + s2 * (0.2857143 + s2 * 0.22222222))));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    // Groups past the last repeat the last chain and store nothing, so that barriers stay uniform.
    let chain = min(group, params.chains - 1u);
    var sum = 0.0;
    for (var c = local; c < params.visible; c += WORKGROUP) {
        sum += v[chain * params.visible + c] * tilt[c];
    }
    sum *= params.beta_to - params.beta_from;
    for (var column = local * 4u; column < params.hidden; column += WORKGROUP * 4u) {
        let start = chain * params.hidden + column;
        let count = min(4u, params.hidden - column);
        var x = vec4<f32>(0.0);
        for (var i = 0u; i < count; i++) { x[i] = field[start + i]; }
        let p = params.beta_from * x;
        let z = (params.beta_to - params.beta_from) * x;
        let direct = softplus(params.beta_to * x) - softplus(p);
        let step = select(direct, softplus_step(p, z), abs(z) < vec4<f32>(0.25));
        for (var i = 0u; i < count; i++) { sum += step[i]; }
        if SAMPLE && group < params.chains {
            let words = philox(
                vec4<u32>(column / 4u, params.first_case + chain, params.counter),
                params.key,
            );
            let s = bernoullis(words, sigmoid(params.beta_sample * x));
            for (var i = 0u; i < count; i++) { h[start + i] = s[i]; }
        }
    }
    partial[local] = sum;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half { partial[local] += partial[local + half]; }
    }
    workgroupBarrier();
    if local == 0u && group < params.chains {
        increments[params.row * params.chains + chain] = partial[0];
    }
}
