// The score of given labels, or what is left of ln Z without it: one invocation a sequence. Needs shared/chain.wgsl.

struct Params {
    sequences: u32,
    positions: u32,
    labels: u32,
    first: u32,
    // The slice of the positions.
    begin: u32,
    end: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> transitions: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<f32>;
@group(0) @binding(4) var<storage, read> labelling: array<f32>;
@group(0) @binding(5) var<storage, read> log_partition: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

override LOSS: bool = true;
override RESUMES: bool = false;
override PAUSES: bool = false;

fn is_label(value: f32) -> bool {
    if is_nan(value) || value < 0.0 || value >= f32(params.labels) { return false; }
    return f32(u32(value)) == value;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let b = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if b >= params.sequences { return; }
    let labels = params.labels;
    let row = b * params.positions;
    let length = length_of(lengths[b], params.positions);
    var sum = 0.0;
    var block = 0.0;
    if RESUMES { sum = out[params.first + b]; }
    for (var t = params.begin; t < min(params.end, length); t++) {
        let label = labelling[row + t];
        if is_label(label) {
            let to = u32(label);
            var entering = 0.0;
            if t == 0u {
                entering = allowed(transitions[labels * labels + to]);
            } else {
                // What is no label has made the sum NaN.
                let before = u32(clamp(labelling[row + t - 1u], 0.0, f32(labels - 1u)));
                entering = transition(row + t, before, to);
            }
            block += allowed(scores[(row + t) * width() + to]) + entering;
            if t + 1u == length { block += allowed(transitions[(labels + 1u) * labels + to]); }
        } else {
            block = bitcast<f32>(0x7fc00000u | t);
        }
        if t % BLOCK == BLOCK - 1u {
            sum += block;
            block = 0.0;
        }
    }
    sum += block;
    if LOSS && !PAUSES { sum = log_partition[b] - sum; }
    out[params.first + b] = sum;
}
