// Marginals of neighbouring labels, of the first and of the last one, summed over a batch, less what was observed: one
// invocation a score of the chain. Needs shared/chain.wgsl.

struct Params {
    sequences: u32,
    positions: u32,
    labels: u32,
    scale: f32,
    // The slices of the sequences and of the positions.
    first_sequence: u32,
    end_sequence: u32,
    begin: u32,
    end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Looked at where positions have scores for transitions.
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> transitions: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<f32>;
@group(0) @binding(4) var<storage, read> observed: array<f32>;
@group(0) @binding(5) var<storage, read> forward: array<f32>;
@group(0) @binding(6) var<storage, read> offsets: array<f32>;
@group(0) @binding(7) var<storage, read> backward: array<f32>;
@group(0) @binding(8) var<storage, read_write> gradient: array<f32>;

override OBSERVED: bool = true;
override RESUMES: bool = false;
override PAUSES: bool = false;

// What a position adds to the score of label `to` after label `of`, or to that of the first label or the last one.
fn part(sequence: u32, t: u32, length: u32, of_label: u32, to: u32) -> f32 {
    let labels = params.labels;
    let row = sequence * params.positions;
    let at = (row + t) * labels;
    var sum = 0.0;
    var seen = false;
    if of_label < labels {
        if t == 0u { return 0.0; }
        let before = forward[at - labels + of_label] - offsets[row + sequence + t - 1u];
        sum = exp_of(before + transition(row + t, of_label, to) + backward[at + to]);
        if OBSERVED { seen = observed[row + t - 1u] == f32(of_label) && observed[row + t] == f32(to); }
    } else if of_label == labels {
        if t > 0u { return 0.0; }
        sum = exp_of(allowed(transitions[labels * labels + to]) + backward[at + to]);
        if OBSERVED { seen = observed[row] == f32(to); }
    } else {
        if t + 1u < length { return 0.0; }
        let ending = offsets[row + sequence + params.positions];
        let score = allowed(transitions[(labels + 1u) * labels + to]);
        sum = exp_of(forward[at + to] - offsets[row + sequence + t] + score - ending);
        if OBSERVED { seen = observed[row + t] == f32(to); }
    }
    return sum - select(0.0, 1.0, seen);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    let labels = params.labels;
    if i >= (labels + 2u) * labels { return; }
    var sum = 0.0;
    if RESUMES { sum = gradient[i]; }
    for (var b = params.first_sequence; b < params.end_sequence; b++) {
        let length = length_of(lengths[b], params.positions);
        var own = 0.0;
        for (var t = params.begin; t < min(params.end, length); t++) {
            own += part(b, t, length, i / labels, i % labels);
        }
        sum += own;
    }
    if !PAUSES { sum *= params.scale; }
    gradient[i] = sum;
}
