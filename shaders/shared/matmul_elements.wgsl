// The operands and results of matmul.wgsl number by number: of four neighbours `count` are inside.

@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read> bias0: array<f32>;
@group(0) @binding(5) var<storage, read> bias1: array<f32>;
@group(0) @binding(6) var<storage, read_write> mean: array<f32>;
@group(0) @binding(7) var<storage, read_write> sample: array<f32>;

fn load_a(row: u32, k: u32) -> f32 {
    if ONES == 1u && row + 1u == params.m { return 1.0; }
    return a[row * params.a_row + k * params.a_k];
}

fn load_b(k: u32, column: u32) -> f32 {
    if ONES == 2u && column + 1u == params.n { return 1.0; }
    return b[k * params.b_k + column * params.b_column];
}

fn get_c(start: u32, count: u32) -> vec4<f32> {
    var x = vec4<f32>(0.0);
    for (var i = 0u; i < count; i++) { x[i] = c[start + i]; }
    return x;
}

fn get_bias0(start: u32, count: u32) -> vec4<f32> {
    var x = vec4<f32>(0.0);
    for (var i = 0u; i < count; i++) { x[i] = bias0[start + i]; }
    return x;
}

fn get_bias1(start: u32, count: u32) -> vec4<f32> {
    var x = vec4<f32>(0.0);
    for (var i = 0u; i < count; i++) { x[i] = bias1[start + i]; }
    return x;
}

fn get_mean(start: u32, count: u32) -> vec4<f32> {
    var x = vec4<f32>(0.0);
    for (var i = 0u; i < count; i++) { x[i] = mean[start + i]; }
    return x;
}

fn put_mean(start: u32, count: u32, x: vec4<f32>) {
    for (var i = 0u; i < count; i++) { mean[start + i] = x[i]; }
}

fn put_sample(start: u32, count: u32, x: vec4<f32>) {
    for (var i = 0u; i < count; i++) { sample[start + i] = x[i]; }
}
