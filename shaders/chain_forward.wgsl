// ln Σ over the labels before of each position, and ln Z: one workgroup a sequence. Needs shared/chain.wgsl.

struct Params {
    sequences: u32,
    positions: u32,
    labels: u32,
    // The slice of the positions.
    begin: u32,
    end: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> transitions: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<f32>;
@group(0) @binding(4) var<storage, read_write> forward: array<f32>;
@group(0) @binding(5) var<storage, read_write> offsets: array<f32>;
// The offsets so far, until the end has its part.
@group(0) @binding(6) var<storage, read_write> log_partition: array<f32>;

override RESUMES: bool = false;
override PAUSES: bool = false;

// ln Σ exp_of(message + transition) into a label of a position, which is `at` of all.
fn from_before(position: u32, at: u32, most: f32, label: u32) -> f32 {
    let labels = params.labels;
    let base = half_of(position - 1u);
    var largest = FORBIDDEN;
    for (var i = 0u; i < labels; i++) {
        largest = max(largest, messages[base + i] - most + transition(at, i, label));
    }
    var sum = 0.0;
    for (var i = 0u; i < labels; i++) {
        sum += exp_of(messages[base + i] - most + transition(at, i, label) - largest);
    }
    return select(FORBIDDEN, largest + log_of(sum), sum > 0.0 || is_nan(sum));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let sequence = group_id.x + group_id.y * group_count.x;
    // Groups behind the last sequence work on the first and store nothing, so that barriers stay uniform.
    let stores = sequence < params.sequences;
    let which = select(0u, sequence, stores);
    let positions = params.positions;
    let labels = params.labels;
    let row = which * positions;
    let length = length_of(lengths[which], positions);
    // The position before the slice, or the last one where that is further on.
    let before = min(params.begin, length) - select(0u, 1u, min(params.begin, length) > 0u);
    var total = 0.0;
    var block = 0.0;
    if RESUMES {
        total = log_partition[which];
        for (var j = local; j < labels; j += WORKGROUP) {
            if length > 0u { messages[half_of(before) + j] = forward[(row + before) * labels + j]; }
        }
    }
    workgroupBarrier();
    var most = 0.0;
    if RESUMES && length > 0u { most = largest_of(before, labels); }
    for (var t = params.begin; t < params.end; t++) {
        for (var j = local; j < labels; j += WORKGROUP) {
            var value = 0.0;
            if t < length {
                var sum = 0.0;
                if t == 0u {
                    sum = allowed(transitions[labels * labels + j]);
                } else {
                    sum = from_before(t, row + t, most, j);
                }
                value = allowed(scores[(row + t) * width() + j] + sum);
                messages[half_of(t) + j] = value;
            }
            if stores { forward[(row + t) * labels + j] = value; }
        }
        workgroupBarrier();
        if t < length {
            most = largest_of(t, labels);
            block += most;
        }
        if t % BLOCK == BLOCK - 1u {
            total += block;
            block = 0.0;
        }
        if local == 0u && stores { offsets[row + sequence + t] = select(0.0, most, t < length); }
    }
    if local == 0u && stores {
        if !PAUSES {
            var ending = 0.0;
            if length > 0u {
                let base = half_of(length - 1u);
                let ends = (labels + 1u) * labels;
                var largest = FORBIDDEN;
                for (var i = 0u; i < labels; i++) {
                    largest = max(largest, messages[base + i] - most + allowed(transitions[ends + i]));
                }
                var sum = 0.0;
                for (var i = 0u; i < labels; i++) {
                    sum += exp_of(messages[base + i] - most + allowed(transitions[ends + i]) - largest);
                }
                ending = select(FORBIDDEN, largest + log_of(sum), sum > 0.0 || is_nan(sum));
            }
            offsets[row + sequence + positions] = ending;
            block += ending;
        }
        log_partition[sequence] = total + block;
    }
}
