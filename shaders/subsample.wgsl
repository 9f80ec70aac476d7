// Trained subsampling, one output an invocation. Needs shared/activation.wgsl.

// Windows of kh x kw; outputs oh x ow; pictures h x w.
struct Params {
    kh: u32,
    kw: u32,
    oh: u32,
    ow: u32,
    h: u32,
    w: u32,
    channels: u32,
    count: u32,
    // The slice of a window's rows and columns, from x up to before y; y holds the sums of earlier ones.
    rows: vec2<u32>,
    columns: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> coefficient: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override RESUMES: bool = false;
override PAUSES: bool = false;
override ACTIVATION: u32 = 2;
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    let line = i / params.ow;
    let ox = i - line * params.ow;
    let plane = line / params.oh;
    let oy = line - plane * params.oh;
    let channel = plane % params.channels;
    let start = (plane * params.h + oy * params.kh) * params.w + ox * params.kw;
    var sum = 0.0;
    if RESUMES { sum = y[i]; }
    for (var r = params.rows.x; r < params.rows.y; r++) {
        var row = 0.0;
        for (var c = params.columns.x; c < params.columns.y; c++) { row += x[start + r * params.w + c]; }
        sum += row;
    }
    if PAUSES {
        y[i] = sum;
        return;
    }
    y[i] = activate(ACTIVATION, vec4<f32>(coefficient[channel] * sum + bias[channel])).x;
}
