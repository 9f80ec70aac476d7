// The statistics of cd_update.wgsl number by number.

@group(0) @binding(1) var<storage, read> v0: array<f32>;
@group(0) @binding(2) var<storage, read> p0: array<f32>;
@group(0) @binding(3) var<storage, read> vk: array<f32>;
@group(0) @binding(4) var<storage, read> pk: array<f32>;
@group(0) @binding(5) var<storage, read> offsets: array<f32>;

fn load_a(row: u32, k: u32) -> f32 {
    let width = visible();
    if BIASES && row == width { return 1.0; }
    var x = 0.0;
    if k < params.rows { x = v0[k * width + row]; } else { x = vk[(k - params.rows) * width + row]; }
    if CENTERED { x -= offsets[row]; }
    return x;
}

fn load_b(k: u32, column: u32) -> f32 {
    let width = hidden();
    var x = 1.0;
    if !BIASES || column < width {
        if k < params.rows { x = p0[k * width + column]; } else { x = pk[(k - params.rows) * width + column]; }
        if CENTERED { x -= offsets[params.lambda_start + column]; }
    }
    if k < params.rows { return params.scale0 * x; }
    return -params.scale1 * x;
}

fn offset_at(i: u32) -> f32 { return offsets[i]; }
