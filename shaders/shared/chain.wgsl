// What the kernels of linear chains share. The messages of a position lie in workgroup memory, those of the next one
// beside them; an invocation takes each WORKGROUP-th label. Needs shared/exp.wgsl.

override WORKGROUP: u32 = 64;
// Whether a position has scores of its own for the transitions into it, behind those of its labels.
override PAIRED: bool = false;

const MOST_LABELS: u32 = 512u;
// The score of what must not be; lower ones count as this.
const FORBIDDEN: f32 = -1e30;

// So many numbers of a long sum are added by themselves first: f32 keeps few digits of what is small beside a sum.
const BLOCK: u32 = 256u;

var<workgroup> messages: array<f32, 1024>;

// NaN stays.
fn allowed(score: f32) -> f32 {
    return select(score, FORBIDDEN, score < FORBIDDEN && !is_nan(score));
}

// The larger of two, or NaN where there is one.
fn larger(a: f32, b: f32) -> f32 {
    return select(a, b, !is_nan(a) && (b > a || is_nan(b)));
}

fn length_of(value: f32, positions: u32) -> u32 {
    if !(value > 0.0) { return 0u; }
    return u32(min(value, f32(positions)));
}

// How many scores a position has.
fn width() -> u32 {
    return params.labels + select(0u, params.labels * params.labels, PAIRED);
}

// The score of a label behind another one, into position `at` of all.
fn transition(at: u32, before: u32, label: u32) -> f32 {
    let place = before * params.labels + label;
    var score = transitions[place];
    if PAIRED { score += scores[at * width() + params.labels + place]; }
    return allowed(score);
}

// Where the messages of a position lie.
fn half_of(position: u32) -> u32 {
    return (position & 1u) * MOST_LABELS;
}

// The largest message of a position.
fn largest_of(position: u32, labels: u32) -> f32 {
    var most = messages[half_of(position)];
    for (var i = 1u; i < labels; i++) { most = larger(most, messages[half_of(position) + i]); }
    return most;
}
