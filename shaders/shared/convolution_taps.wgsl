// Partial sums of dkernel and dbias for software adapters, as those of conv2d_grad_kernel.wgsl: every
// invocation holds ROWS outputs x 4 neighbouring taps of one channel in registers while a window of x
// slides through one vector along the output's rows. Where the stride or the dilation along a row is not
// 1 each tap is loaded. One more piece of taps is that of ones, whose sums are dbias.
// m is the outputs of a group, k the rows of places in a run, n the columns of the sums. Where rows are
// very long, a run is a part of one.
// Needs shared/convolution.wgsl.

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

const ROWS: u32 = 8;
const TAPS: u32 = 4;
const LANES: u32 = 8;

// Whether the kernel may reach outside the picture.
override PADDED: bool = false;
// Whether neighbouring places see neighbouring pixels, and so do neighbouring taps.
override SLIDES: bool = true;

// A pixel of a line of x, or 1. What lies before the line has wrapped around.
fn load(line: u32, at: u32, inside: bool, ones: bool) -> f32 {
    if PADDED {
        let seen = inside && at < params.image.y;
        return select(select(0.0, x[select(0u, line + at, seen)], seen), 1.0, ones);
    }
    return select(x[line + at], 1.0, ones);
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = group_id.x + group_id.y * group_count.x;
    let pieces = (params.kernel.y + TAPS - 1u) / TAPS;
    let last = params.in_group * params.kernel.x * pieces;
    let across = (last + LANES) / LANES;
    let down = (params.m + ROWS - 1u) / ROWS;
    let slice = number / across / down;
    if slice >= params.slices { return; }
    let row = (number / across % down) * ROWS;
    let piece = (number % across) * LANES + lane;
    if piece > last { return; }
    let ones = piece == last;
    let run = slice / params.groups;
    let group = slice - run * params.groups;
    // The piece of ones reads what the first piece reads.
    let kernel_line = select(piece / pieces, 0u, ones);
    let tap_x = select((piece % pieces) * TAPS, 0u, ones);
    let channel = kernel_line / params.kernel.x;
    let tap_y = kernel_line - channel * params.kernel.x;
    let first_x = tap_x * params.dilation.y - params.padding.y;
    let next = params.dilation.y;
    let places = params.positions.x * params.positions.y;
    let left = params.m - row - 1u;
    let o1 = min(1u, left) * places;
    let o2 = min(2u, left) * places;
    let o3 = min(3u, left) * places;
    let o4 = min(4u, left) * places;
    let o5 = min(5u, left) * places;
    let o6 = min(6u, left) * places;
    let o7 = min(7u, left) * places;

    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    var s4 = vec4<f32>(0.0);
    var s5 = vec4<f32>(0.0);
    var s6 = vec4<f32>(0.0);
    var s7 = vec4<f32>(0.0);
    let rows_run = run / params.columns.y;
    let first_place = (run - rows_run * params.columns.y) * params.columns.x;
    let end_place = min(first_place + params.columns.x, params.positions.y);
    let end = min((rows_run + 1u) * params.k, params.terms);
    for (var r = rows_run * params.k; r < end; r++) {
        let image = r / params.positions.x;
        let place_y = r - image * params.positions.x;
        let y = place_y * params.stride.x + tap_y * params.dilation.x - params.padding.x;
        let inside = y < params.image.x;
        let plane = image * params.inputs + group * params.in_group + channel;
        let line = (plane * params.image.x + y) * params.image.y;
        let output = image * params.outputs + group * params.m + row;
        var at = (output * params.positions.x + place_y) * params.positions.y + first_place;
        var px = first_x + first_place * params.stride.y;
        var v = vec4<f32>(
            load(line, px, inside, ones),
            load(line, px + next, inside, ones),
            load(line, px + 2u * next, inside, ones),
            load(line, px + 3u * next, inside, ones),
        );
        for (var i = first_place; i < end_place; i++) {
            s0 += dy[at] * v;
            s1 += dy[at + o1] * v;
            s2 += dy[at + o2] * v;
            s3 += dy[at + o3] * v;
            s4 += dy[at + o4] * v;
            s5 += dy[at + o5] * v;
            s6 += dy[at + o6] * v;
            s7 += dy[at + o7] * v;
            at++;
            if SLIDES {
                v = vec4<f32>(v.yzw, load(line, px + 4u, inside, ones));
                px++;
            } else {
                px += params.stride.y;
                v = vec4<f32>(
                    load(line, px, inside, ones),
                    load(line, px + next, inside, ones),
                    load(line, px + 2u * next, inside, ones),
                    load(line, px + 3u * next, inside, ones),
                );
            }
        }
    }

    let count = select(min(TAPS, params.kernel.y - tap_x), 1u, ones);
    let column = select(kernel_line * params.kernel.y + tap_x, params.patch_size, ones);
    var found = array<vec4<f32>, 8>(s0, s1, s2, s3, s4, s5, s6, s7);
    for (var r = 0u; r < ROWS; r++) {
        if row + r >= params.m { return; }
        let start = (slice * params.m + row + r) * params.n + column;
        for (var t = 0u; t < count; t++) { sums[start + t] = found[r][t]; }
    }
}
