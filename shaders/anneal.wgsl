// One temperature of annealed importance sampling, one workgroup a chain: the increment of the chain's log
// weight from beta_from to beta_to, and hidden states at beta_sample.
// Needs shared/philox.wgsl, shared/activation.wgsl, shared/exp.wgsl and shared/softmax_group.wgsl.

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
    // Of a softmax group.
    states: u32,
    // The slices of the visible units and of the hidden ones (groups, where they are softmax units).
    first_visible: u32,
    end_visible: u32,
    first_hidden: u32,
    end_hidden: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
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
// 0: Bernoulli; 1: Gaussian; 2: softmax groups.
override HIDDEN: u32 = 0;
// Whether `increments` holds what earlier slices add.
override RESUMES: bool = false;
override WORKGROUP: u32 = 64;
var<workgroup> partial: array<f32, WORKGROUP>;

fn logit(i: u32) -> f32 { return field[i]; }

// exp z - 1 for small z.
fn grown(z: vec4<f32>) -> vec4<f32> {
    return z * (1.0 + z * (0.5 + z * (0.16666667 + z * (0.041666667 + z * 8.3333333e-3))));
}

// ln(1 + y) for small y.
fn ln_above_one(y: vec4<f32>) -> vec4<f32> {
    let s = y / (2.0 + y);
    let s2 = s * s;
    return s * (2.0 + s2 * (0.6666667 + s2 * (0.4 + s2 * (0.2857143 + s2 * 0.22222222))));
}

// softplus(q) - softplus(p) where q - p = z is small: ln(1 + sigmoid(p) (exp z - 1)), by series, because the
// difference of the two would lose what is small.
fn softplus_step(p: vec4<f32>, z: vec4<f32>) -> vec4<f32> {
    return ln_above_one(sigmoid(p) * grown(z));
}

// The same for ln of a group's sum of exp; its largest input counts apart.
fn group_step(start: u32) -> f32 {
    let largest = group_max(start, params.states);
    let change = params.beta_to - params.beta_from;
    let before = group_sum(start, params.states, params.beta_from, largest);
    var widest = 0.0;
    var y = 0.0;
    for (var k = 0u; k < params.states; k++) {
        let below = field[start + k] - largest;
        let z = change * below;
        widest = max(widest, abs(z));
        y += exp_of(params.beta_from * below) * grown(vec4<f32>(z)).x;
    }
    var step = ln_above_one(vec4<f32>(y / before)).x;
    // A NaN takes the other way, and stays.
    if !(widest < 0.25) {
        step = log_of(group_sum(start, params.states, params.beta_to, largest)) - log_of(before);
    }
    return change * largest + step;
}

// The weight's sum with what an invocation's Bernoulli or Gaussian units add to it; and their states.
fn with_units(start_sum: f32, local: u32, chain: u32, stored: bool) -> f32 {
    var sum = start_sum;
    let change = params.beta_to - params.beta_from;
    for (var column = params.first_hidden + local * 4u; column < params.end_hidden; column += WORKGROUP * 4u) {
        let start = chain * params.hidden + column;
        let count = min(4u, params.hidden - column);
        var x = vec4<f32>(0.0);
        for (var i = 0u; i < count; i++) { x[i] = field[start + i]; }
        var step = 0.5 * change * (params.beta_to + params.beta_from) * x * x;
        if HIDDEN == 0u {
            let p = params.beta_from * x;
            let z = change * x;
            let direct = softplus(params.beta_to * x) - softplus(p);
            step = select(direct, softplus_step(p, z), abs(z) < vec4<f32>(0.25));
        }
        for (var i = 0u; i < count; i++) { sum += step[i]; }
        if SAMPLE && stored {
            let words = philox(
                vec4<u32>(column / 4u, params.first_case + chain, params.counter),
                params.key,
            );
            var s = params.beta_sample * x + normals(words);
            if HIDDEN == 0u { s = bernoullis(words, sigmoid(params.beta_sample * x)); }
            for (var i = 0u; i < count; i++) { h[start + i] = s[i]; }
        }
    }
    return sum;
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
    for (var c = params.first_visible + local; c < params.end_visible; c += WORKGROUP) {
        sum += v[chain * params.visible + c] * tilt[c];
    }
    sum *= params.beta_to - params.beta_from;
    if HIDDEN == 2u {
        for (var g = params.first_hidden + local; g < params.end_hidden; g += WORKGROUP) {
            let start = chain * params.hidden + g * params.states;
            sum += group_step(start);
            if SAMPLE && group < params.chains {
                let words = philox(
                    vec4<u32>(g / 4u, params.first_case + chain, params.counter),
                    params.key,
                );
                let u = uniforms(words)[g % 4u];
                let state = group_state(start, params.states, params.beta_sample, u);
                for (var k = 0u; k < params.states; k++) {
                    h[start + k] = select(0.0, 1.0, k == state);
                }
            }
        }
    } else {
        sum = with_units(sum, local, chain, group < params.chains);
    }
    partial[local] = sum;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half { partial[local] += partial[local + half]; }
    }
    workgroupBarrier();
    if local == 0u && group < params.chains {
        let at = params.row * params.chains + chain;
        var whole = partial[0];
        if RESUMES { whole += increments[at]; }
        increments[at] = whole;
    }
}
