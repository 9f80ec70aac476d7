// The best labels of each sequence, first of equal ones, and their score. Needs shared/chain.wgsl.

struct Params {
    sequences: u32,
    positions: u32,
    labels: u32,
    // The slice of the positions; on the way back counted from the last.
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
// The best score up to each label of a position, which a slice goes on from.
@group(0) @binding(4) var<storage, read_write> best: array<f32>;
// The label before on the best way to each label.
@group(0) @binding(5) var<storage, read_write> before: array<u32>;
@group(0) @binding(6) var<storage, read_write> score: array<f32>;
// The last label of the best way.
@group(0) @binding(7) var<storage, read_write> last: array<u32>;
@group(0) @binding(8) var<storage, read_write> path: array<f32>;

// 1: there, one workgroup a sequence; 2: and back, one invocation a sequence.
override PASS: u32 = 1;
override RESUMES: bool = false;
override PAUSES: bool = false;

fn go_back(b: u32) {
    let labels = params.labels;
    let row = b * params.positions;
    let length = length_of(lengths[b], params.positions);
    for (var s = params.begin; s < params.end; s++) {
        let t = params.positions - 1u - s;
        var label = -1.0;
        if t + 1u == length { label = f32(last[b]); }
        if t + 1u < length { label = f32(before[(row + t + 1u) * labels + u32(path[row + t + 1u])]); }
        path[row + t] = label;
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    if PASS == 2u {
        let b = group * WORKGROUP + local;
        if b < params.sequences { go_back(b); }
        return;
    }
    let stores = group < params.sequences;
    let b = select(0u, group, stores);
    let positions = params.positions;
    let labels = params.labels;
    let row = b * positions;
    let length = length_of(lengths[b], positions);
    let from_position = min(params.begin, length) - select(0u, 1u, min(params.begin, length) > 0u);
    var total = 0.0;
    var block = 0.0;
    if RESUMES {
        total = score[b];
        for (var j = local; j < labels; j += WORKGROUP) {
            if length > 0u {
                messages[half_of(from_position) + j] = best[(row + from_position) * labels + j];
            }
        }
    }
    workgroupBarrier();
    var most = 0.0;
    if RESUMES && length > 0u { most = largest_of(from_position, labels); }
    for (var t = params.begin; t < params.end; t++) {
        for (var j = local; j < labels; j += WORKGROUP) {
            var value = 0.0;
            var way = 0u;
            if t < length {
                var arriving = allowed(transitions[labels * labels + j]);
                if t > 0u {
                    let base = half_of(t - 1u);
                    arriving = messages[base] - most + transition(row + t, 0u, j);
                    for (var i = 1u; i < labels; i++) {
                        let other = messages[base + i] - most + transition(row + t, i, j);
                        if other > arriving { way = i; }
                        arriving = larger(arriving, other);
                    }
                }
                value = allowed(scores[(row + t) * width() + j] + arriving);
                messages[half_of(t) + j] = value;
            }
            if stores {
                best[(row + t) * labels + j] = value;
                before[(row + t) * labels + j] = way;
            }
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
    }
    if local == 0u && stores {
        if !PAUSES {
            var way = 0u;
            if length > 0u {
                let base = half_of(length - 1u);
                let ends = (labels + 1u) * labels;
                var arriving = messages[base] - most + allowed(transitions[ends]);
                for (var i = 1u; i < labels; i++) {
                    let other = messages[base + i] - most + allowed(transitions[ends + i]);
                    if other > arriving { way = i; }
                    arriving = larger(arriving, other);
                }
                block += arriving;
            }
            last[b] = way;
        }
        score[b] = total + block;
    }
}
