// Groups of softmax units, one invocation a group: their probabilities, a state drawn from them as a one and
// zeros, or ln of the sum of exp. Needs shared/philox.wgsl and shared/softmax_group.wgsl.

struct Params {
    rows: u32,
    groups: u32,
    states: u32,
    first_case: u32,
    key: vec2<u32>,
    counter: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
// [rows, groups * states].
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

// 0: probabilities; 1: a sample; 2: ln of the sum, [rows, groups].
override KIND: u32 = 0;
override WORKGROUP: u32 = 64;

fn logit(i: u32) -> f32 { return x[i]; }

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.rows * params.groups { return; }
    let start = i * params.states;
    if KIND == 1u {
        let row = i / params.groups;
        let group = i % params.groups;
        let words = philox(
            vec4<u32>(group / 4u, params.first_case + row, params.counter),
            params.key,
        );
        let state = group_state(start, params.states, 1.0, uniforms(words)[group % 4u]);
        for (var k = 0u; k < params.states; k++) { out[start + k] = select(0.0, 1.0, k == state); }
        return;
    }
    let largest = group_max(start, params.states);
    let sum = group_sum(start, params.states, 1.0, largest);
    if KIND == 2u {
        out[i] = largest + log(sum);
        return;
    }
    for (var k = 0u; k < params.states; k++) { out[start + k] = exp(x[start + k] - largest) / sum; }
}
