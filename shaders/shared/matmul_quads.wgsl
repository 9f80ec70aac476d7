// The operands and results of matmul.wgsl in vectors of four, where each row of each is a whole number of them.
// Of the sums that ones give there are those of B alone.

@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> c: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias0: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> bias1: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> mean: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> sample: array<vec4<f32>>;

fn quad_a(row: u32, k: u32) -> vec4<f32> {
    if ONES == 1u && row + 1u == params.m {
        // A row of ones; where rows lie side by side, it and three that are not there.
        return select(vec4<f32>(1.0, 0.0, 0.0, 0.0), vec4<f32>(1.0), A_ALONG_K);
    }
    return a[(row * params.a_row + k * params.a_k) / 4u];
}

fn quad_b(k: u32, column: u32) -> vec4<f32> {
    return b[(k * params.b_k + column * params.b_column) / 4u];
}

fn get_c(start: u32, count: u32) -> vec4<f32> { return c[start / 4u]; }
fn get_bias0(start: u32, count: u32) -> vec4<f32> { return bias0[start / 4u]; }
fn get_bias1(start: u32, count: u32) -> vec4<f32> { return bias1[start / 4u]; }
fn get_mean(start: u32, count: u32) -> vec4<f32> { return mean[start / 4u]; }
fn put_mean(start: u32, count: u32, x: vec4<f32>) { mean[start / 4u] = x; }
fn put_sample(start: u32, count: u32, x: vec4<f32>) { sample[start / 4u] = x; }
