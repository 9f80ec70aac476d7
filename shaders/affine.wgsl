// Pictures seen through affine maps, one pixel an invocation.

struct Params {
    channels: u32,
    h: u32,
    w: u32,
    count: u32,
    fill: f32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> maps: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override WORKGROUP: u32 = 64;

fn is_nan_bits(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn pixel(start: u32, i: i32, j: i32) -> f32 {
    // A negative number becomes one past every side.
    if u32(i) < params.h && u32(j) < params.w { return x[start + u32(i) * params.w + u32(j)]; }
    return params.fill;
}

// p itself for t = 0, whatever q is.
fn mix_pixels(p: f32, q: f32, t: f32) -> f32 {
    if t == 0.0 { return p; }
    return p + t * (q - p);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if at >= params.count { return; }
    let line = at / params.w;
    let plane = line / params.h;
    let i = f32(line - plane * params.h);
    let j = f32(at - line * params.w);
    let m = plane / params.channels * 6u;
    let row = maps[m] * i + maps[m + 1u] * j + maps[m + 2u];
    let column = maps[m + 3u] * i + maps[m + 4u] * j + maps[m + 5u];
    if is_nan_bits(row) {
        y[at] = row;
        return;
    }
    if is_nan_bits(column) {
        y[at] = column;
        return;
    }
    var value = params.fill;
    // Before anything becomes an integer.
    if row > -1.0 && row < f32(params.h) && column > -1.0 && column < f32(params.w) {
        let top = floor(row);
        let left = floor(column);
        let r = i32(top);
        let c = i32(left);
        let start = plane * params.h * params.w;
        let right = column - left;
        let upper = mix_pixels(pixel(start, r, c), pixel(start, r, c + 1), right);
        let lower = mix_pixels(pixel(start, r + 1, c), pixel(start, r + 1, c + 1), right);
        value = mix_pixels(upper, lower, row - top);
    }
    y[at] = value;
}
