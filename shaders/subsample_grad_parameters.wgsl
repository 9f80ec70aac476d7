// The gradients of trained subsampling with respect to its parameters. One workgroup a channel and a
// chunk of its windows; the sums of chunks are added by the same shader.

// Windows of kh x kw; outputs oh x ow; pictures h x w; length windows (or sums of chunks) a channel.
struct Params {
    kh: u32,
    kw: u32,
    oh: u32,
    ow: u32,
    h: u32,
    w: u32,
    channels: u32,
    length: u32,
    chunk: u32,
    chunks: u32,
    unused0: u32,
    unused1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read_write> dcoefficient: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

// x and dz are sums of chunks, [length, channels].
override PARTIAL: bool = false;
// x is the sums of windows, in dz's order: where windows are large.
override SUMMED: bool = false;
override WORKGROUP: u32 = 64;
var<workgroup> sums: array<vec2<f32>, WORKGROUP>;

// What element e of a channel adds to its coefficient and its bias.
fn element(channel: u32, e: u32) -> vec2<f32> {
    if PARTIAL {
        let at = e * params.channels + channel;
        return vec2<f32>(x[at], dz[at]);
    }
    let line = e / params.ow;
    let ox = e - line * params.ow;
    let b = line / params.oh;
    let oy = line - b * params.oh;
    let plane = b * params.channels + channel;
    let value = dz[(plane * params.oh + oy) * params.ow + ox];
    if SUMMED { return vec2<f32>(value * x[(plane * params.oh + oy) * params.ow + ox], value); }
    let start = (plane * params.h + oy * params.kh) * params.w + ox * params.kw;
    var sum = 0.0;
    for (var r = 0u; r < params.kh; r++) {
        var row = 0.0;
        for (var c = 0u; c < params.kw; c++) { row += x[start + r * params.w + c]; }
        sum += row;
    }
    return vec2<f32>(value * sum, value);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_id.x + group_id.y * group_count.x;
    // Groups past the last work on the last and store nothing, so that barriers stay uniform.
    let channel = min(group / params.chunks, params.channels - 1u);
    let chunk = group % params.chunks;
    let end = min((chunk + 1u) * params.chunk, params.length);
    var sum = vec2<f32>(0.0);
    for (var e = chunk * params.chunk + local; e < end; e += WORKGROUP) { sum += element(channel, e); }
    sums[local] = sum;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local < half { sums[local] += sums[local + half]; }
    }
    workgroupBarrier();
    if local == 0u && group < params.channels * params.chunks {
        let at = chunk * params.channels + channel;
        dcoefficient[at] = sums[0].x;
        dbias[at] = sums[0].y;
    }
}
