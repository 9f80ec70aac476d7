// Groups of softmax units, one invocation a group: their probabilities, a state drawn from them as a one and
// zeros, or ln of the sum of exp. Needs shared/philox.wgsl, shared/exp.wgsl and shared/softmax_group.wgsl.

struct Params {
    rows: u32,
    groups: u32,
    states: u32,
    first_case: u32,
    key: vec2<u32>,
    counter: vec2<u32>,
    // The slice of the states.
    begin: u32,
    end: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// [rows, groups * states].
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
// Of groups in slices: their largest inputs, their sums, how far the sum has come, the last state that can be.
@group(0) @binding(3) var<storage, read_write> statistics: array<f32>;

// 0: all; of groups in slices 1: the largest inputs; 2: the sums; 3: the results.
override PASS: u32 = 0;
// 0: probabilities; 1: a sample; 2: ln of the sum, [rows, groups].
override KIND: u32 = 0;
override WORKGROUP: u32 = 64;

fn logit(i: u32) -> f32 { return x[i]; }

// The slice of a sample: 1 for the first state whose cumulative sum is above `target_sum`, as in group_state.
fn sample_slice(i: u32, start: u32, target_sum: f32) {
    let count = params.rows * params.groups;
    let largest = statistics[i];
    var sum = 0.0;
    var last = params.states;
    if params.begin > 0u {
        sum = statistics[2u * count + i];
        last = bitcast<u32>(statistics[3u * count + i]);
    }
    for (var k = params.begin; k < params.end; k++) {
        let passed = target_sum < sum;
        let e = exp_of(x[start + k] - largest);
        sum += e;
        if e > 0.0 { last = k; }
        out[start + k] = select(0.0, 1.0, target_sum < sum && !passed);
    }
    statistics[2u * count + i] = sum;
    statistics[3u * count + i] = bitcast<f32>(last);
    if params.end == params.states && target_sum >= sum && last < params.states { out[start + last] = 1.0; }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.rows * params.groups { return; }
    let start = i * params.states;
    let count = params.rows * params.groups;
    let length = params.end - params.begin;
    if PASS == 1u {
        var largest = group_max(start + params.begin, length);
        if params.begin > 0u { largest = max(statistics[i], largest); }
        statistics[i] = largest;
        return;
    }
    if PASS == 2u {
        var sum = group_sum(start + params.begin, length, 1.0, statistics[i]);
        if params.begin > 0u { sum += statistics[count + i]; }
        statistics[count + i] = sum;
        return;
    }
    if KIND == 1u {
        let row = i / params.groups;
        let group = i % params.groups;
        let words = philox(
            vec4<u32>(group / 4u, params.first_case + row, params.counter),
            params.key,
        );
        let u = uniforms(words)[group % 4u];
        if PASS == 3u {
            sample_slice(i, start, u * statistics[count + i]);
            return;
        }
        let state = group_state(start, params.states, 1.0, u);
        for (var k = 0u; k < params.states; k++) { out[start + k] = select(0.0, 1.0, k == state); }
        return;
    }
    var largest = 0.0;
    var sum = 0.0;
    if PASS == 3u {
        largest = statistics[i];
        sum = statistics[count + i];
    } else {
        largest = group_max(start, params.states);
        sum = group_sum(start, params.states, 1.0, largest);
    }
    if KIND == 2u {
        out[i] = largest + log_of(sum);
        return;
    }
    for (var k = params.begin; k < params.end; k++) { out[start + k] = exp_of(x[start + k] - largest) / sum; }
}
