// The statistics of cd_update.wgsl in vectors of four, where each row of each is a whole number of them. A row or
// column of ones, which is the last, has three beside it that are not there.

@group(0) @binding(1) var<storage, read> v0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> p0: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> vk: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> pk: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> offsets: array<vec4<f32>>;

fn quad_a(row: u32, k: u32) -> vec4<f32> {
    let width = visible();
    if BIASES && row == width { return vec4<f32>(1.0, 0.0, 0.0, 0.0); }
    var x = vec4<f32>(0.0);
    if k < params.rows { x = v0[(k * width + row) / 4u]; } else { x = vk[((k - params.rows) * width + row) / 4u]; }
    if CENTERED { x -= offsets[row / 4u]; }
    return x;
}

fn quad_b(k: u32, column: u32) -> vec4<f32> {
    let width = hidden();
    var x = vec4<f32>(1.0, 0.0, 0.0, 0.0);
    if !BIASES || column < width {
        if k < params.rows { x = p0[(k * width + column) / 4u]; } else { x = pk[((k - params.rows) * width + column) / 4u]; }
        if CENTERED { x -= offsets[(params.lambda_start + column) / 4u]; }
    }
    if k < params.rows { return params.scale0 * x; }
    return -params.scale1 * x;
}

fn offset_at(i: u32) -> f32 { return offsets[i / 4u][i % 4u]; }
