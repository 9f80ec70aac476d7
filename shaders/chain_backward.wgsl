// From the last position to the first: ln Σ over the labels behind, and each label's marginal, less what was observed;
// where they are asked for, those of labels that follow each other too. One workgroup a sequence. Needs shared/chain.wgsl.

struct Params {
    sequences: u32,
    positions: u32,
    labels: u32,
    // The slice of the positions, counted from the last.
    begin: u32,
    end: u32,
    scale: f32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> transitions: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<f32>;
@group(0) @binding(4) var<storage, read> observed: array<f32>;
@group(0) @binding(5) var<storage, read> forward: array<f32>;
@group(0) @binding(6) var<storage, read> offsets: array<f32>;
@group(0) @binding(7) var<storage, read_write> backward: array<f32>;
@group(0) @binding(8) var<storage, read_write> gradient: array<f32>;

override OBSERVED: bool = true;
override RESUMES: bool = false;
// Whether the gradient has a place for each transition of a position too.
override PAIRS: bool = false;

// ln Σ exp_of(transition + message) of the labels of a position, which is `at` of all, that follow one.
fn from_behind(position: u32, at: u32, label: u32) -> f32 {
    let labels = params.labels;
    let base = half_of(position);
    var largest = FORBIDDEN;
    for (var i = 0u; i < labels; i++) {
        largest = max(largest, messages[base + i] + transition(at, label, i));
    }
    var sum = 0.0;
    for (var i = 0u; i < labels; i++) {
        sum += exp_of(messages[base + i] + transition(at, label, i) - largest);
    }
    return select(FORBIDDEN, largest + log_of(sum), sum > 0.0 || is_nan(sum));
}

// The part of the transitions from a label of position t, into the position behind it; nothing leads into the first
// position, and nothing into those behind the end.
fn store_pairs(row: u32, t: u32, length: u32, label: u32, message: f32) {
    let labels = params.labels;
    let at = row + t;
    for (var i = 0u; i < labels; i++) {
        let place = labels + label * labels + i;
        if t == 0u || t >= length { gradient[at * width() + place] = 0.0; }
        if t + 1u < length {
            var pair = exp_of(message + transition(at + 1u, label, i) + messages[half_of(t + 1u) + i]);
            if OBSERVED && observed[at] == f32(label) && observed[at + 1u] == f32(i) { pair -= 1.0; }
            gradient[(at + 1u) * width() + place] = params.scale * pair;
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let sequence = group_id.x + group_id.y * group_count.x;
    let stores = sequence < params.sequences;
    let which = select(0u, sequence, stores);
    let positions = params.positions;
    let labels = params.labels;
    let row = which * positions;
    let length = length_of(lengths[which], positions);
    if RESUMES {
        let behind = positions - params.begin;
        for (var j = local; j < labels; j += WORKGROUP) {
            if behind < length {
                messages[half_of(behind) + j] = backward[(row + behind) * labels + j];
            }
        }
    }
    workgroupBarrier();
    for (var s = params.begin; s < params.end; s++) {
        let t = positions - 1u - s;
        for (var j = local; j < labels; j += WORKGROUP) {
            let at = (row + t) * labels + j;
            var value = 0.0;
            var marginal = 0.0;
            if t < length {
                var behind = 0.0;
                if t + 1u == length {
                    behind = allowed(transitions[(labels + 1u) * labels + j])
                        - offsets[row + which + positions];
                } else {
                    behind = from_behind(t + 1u, row + t + 1u, j);
                }
                let offset = offsets[row + which + t];
                marginal = exp_of(forward[at] - offset + behind);
                if OBSERVED { marginal -= select(0.0, 1.0, observed[row + t] == f32(j)); }
                value = allowed(scores[(row + t) * width() + j] + behind - offset);
                messages[half_of(t) + j] = value;
            }
            if stores {
                backward[at] = value;
                if PAIRS {
                    store_pairs(row, t, length, j, forward[at] - offsets[row + which + t]);
                    gradient[(row + t) * width() + j] = params.scale * marginal;
                } else {
                    gradient[at] = params.scale * marginal;
                }
            }
        }
        workgroupBarrier();
    }
}
