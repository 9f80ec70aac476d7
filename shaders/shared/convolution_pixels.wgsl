// A convolution for software adapters: every invocation holds ROWS channels x 4 neighbouring pixels of
// the result in registers, and a window of the source slides through one vector, so that a tap costs one
// load for all pixels and channels. Where the stride along a row is not 1 each pixel is loaded. Written
// out, because the drivers that this serves leave arrays of vectors in memory.
// The result is y, with its epilogue, or dx, which is the convolution of dy with the kernel turned
// around. m and source_group are the channels of result and source in a group, n the result's pieces of 4
// pixels.
// Needs shared/convolution.wgsl, shared/activation.wgsl and shared/slope.wgsl.

@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> connections: array<u32>;
@group(0) @binding(5) var<storage, read> below: array<f32>;
@group(0) @binding(6) var<storage, read_write> result: array<f32>;

const ROWS: u32 = 8;
const PIXELS: u32 = 4;
const LANES: u32 = 8;

override BIAS: bool = false;
override CONNECTIONS: bool = false;
override ACTIVATION: u32 = 0;
// The activation whose output `below` is, through which dx goes on; 0: as it is.
override SLOPE: u32 = 0;
// Whether the result is dx.
override TURNED: bool = false;
// Whether the kernel may reach outside the source.
override PADDED: bool = false;
// Whether neighbouring pixels see neighbouring values, and so do neighbouring taps.
override SLIDES: bool = true;

var<private> slice: u32;

fn weight(row: u32, channel: u32, tap: u32) -> f32 {
    let r = min(row, params.m - 1u);
    var output = slice * params.m + r;
    var input = channel;
    var at = tap;
    if TURNED {
        output = slice * params.source_group + channel;
        input = r;
        at = params.taps - 1u - tap;
    }
    if CONNECTIONS {
        if connections[output * params.in_group + input] == 0u { return 0.0; }
    }
    return kernel[output * params.patch_size + input * params.taps + at];
}

// A value of a line of the source. What lies before the line has wrapped around.
fn load(line: u32, x: u32, inside: bool) -> f32 {
    if PADDED {
        let seen = inside && x < params.image.y;
        return select(0.0, source[select(0u, line + x, seen)], seen);
    }
    return source[line + x];
}

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    let across = (params.n + LANES - 1u) / LANES;
    let down = (params.m + ROWS - 1u) / ROWS;
    slice = group / across / down;
    if slice >= params.slices { return; }
    let row = (group / across % down) * ROWS;
    let piece = (group % across) * LANES + lane;
    if piece >= params.n { return; }
    let pieces = (params.positions.y + PIXELS - 1u) / PIXELS;
    let line_of_all = piece / pieces;
    let image = line_of_all / params.positions.x;
    let place_y = line_of_all - image * params.positions.x;
    let place_x = (piece - line_of_all * pieces) * PIXELS;
    let first_x = place_x * params.stride.y - params.padding.y;
    let first_y = place_y * params.stride.x - params.padding.x;
    let next = params.stride.y;

    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    var s4 = vec4<f32>(0.0);
    var s5 = vec4<f32>(0.0);
    var s6 = vec4<f32>(0.0);
    var s7 = vec4<f32>(0.0);
    for (var channel = params.k_start; channel < params.k; channel++) {
        let plane = (image * params.inputs + slice * params.source_group + channel) * params.image.x;
        for (var i = params.rows.x; i < params.rows.y; i++) {
            let source_y = first_y + i * params.dilation.x;
            let inside = source_y < params.image.x;
            let line = (plane + source_y) * params.image.y;
            var x = first_x + params.columns.x * params.dilation.y;
            var v = vec4<f32>(
                load(line, x, inside),
                load(line, x + next, inside),
                load(line, x + 2u * next, inside),
                load(line, x + 3u * next, inside),
            );
            for (var j = params.columns.x; j < params.columns.y; j++) {
                let tap = i * params.kernel.y + j;
                s0 += weight(row, channel, tap) * v;
                s1 += weight(row + 1u, channel, tap) * v;
                s2 += weight(row + 2u, channel, tap) * v;
                s3 += weight(row + 3u, channel, tap) * v;
                s4 += weight(row + 4u, channel, tap) * v;
                s5 += weight(row + 5u, channel, tap) * v;
                s6 += weight(row + 6u, channel, tap) * v;
                s7 += weight(row + 7u, channel, tap) * v;
                if SLIDES {
                    v = vec4<f32>(v.yzw, load(line, x + 4u, inside));
                    x++;
                } else {
                    x += params.dilation.y;
                    v = vec4<f32>(
                        load(line, x, inside),
                        load(line, x + next, inside),
                        load(line, x + 2u * next, inside),
                        load(line, x + 3u * next, inside),
                    );
                }
            }
        }
    }

    let count = min(PIXELS, params.positions.y - place_x);
    var sums = array<vec4<f32>, 8>(s0, s1, s2, s3, s4, s5, s6, s7);
    for (var r = 0u; r < ROWS; r++) {
        if row + r >= params.m { return; }
        let channel = slice * params.m + row + r;
        let plane = (image * params.outputs + channel) * params.positions.x + place_y;
        let start = plane * params.positions.y + place_x;
        var value = sums[r];
        if RESUMES {
            for (var p = 0u; p < count; p++) { value[p] += result[start + p]; }
        }
        if BIAS { value += bias[channel]; }
        value = activate(ACTIVATION, value);
        for (var p = 0u; p < count; p++) {
            if SLOPE != 0u { value[p] = sloped(SLOPE, value[p], below[start + p]); }
            result[start + p] = value[p];
        }
    }
}
