// activation(alpha (A B + C) + (1 - beta) bias0 + beta bias1), and samples of it.
// Needs shared/philox.wgsl, shared/activation.wgsl, shared/slope.wgsl and one of shared/tile_*.wgsl.

struct Params {
    m: u32,
    n: u32,
    k: u32,
    a_row: u32,
    a_k: u32,
    b_k: u32,
    b_column: u32,
    first_case: u32,
    key: vec2<u32>,
    counter: vec2<u32>,
    alpha: f32,
    beta: f32,
    noise_scale: f32,
    k_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> c: array<f32>;
@group(0) @binding(4) var<storage, read> bias0: array<f32>;
@group(0) @binding(5) var<storage, read> bias1: array<f32>;
@group(0) @binding(6) var<storage, read_write> mean: array<f32>;
@group(0) @binding(7) var<storage, read_write> sample: array<f32>;

override A_ALONG_K: bool = true;
override B_ALONG_K: bool = false;
// 0: no C; 1: the binding; 2: what the mean held before.
override ADD: u32 = 0;
override BIAS0: bool = false;
override BIAS1: bool = false;
override ACTIVATION: u32 = 0;
// The activation whose output C is, through which the mean goes on as a gradient; 0: as it is. C is not added then.
override SLOPE: u32 = 0;
override MEAN: bool = true;
// Sums of an operand go into the sample, by ones that the product counts in: 1: those of B over k, by one more row of A;
// 2: those of A, by one more column of B.
override ONES: u32 = 0;
// 0: none; 1: Bernoulli; 2: Gaussian.
override SAMPLE: u32 = 0;

fn product_slices() -> u32 { return 1u; }

fn load_a(row: u32, k: u32) -> f32 {
    if ONES == 1u && row + 1u == params.m { return 1.0; }
    return a[row * params.a_row + k * params.a_k];
}

fn load_b(k: u32, column: u32) -> f32 {
    if ONES == 2u && column + 1u == params.n { return 1.0; }
    return b[k * params.b_k + column * params.b_column];
}

fn finish(row: u32, column: u32, sums: vec4<f32>) {
    let width = params.n - select(0u, 1u, ONES == 2u);
    let start = row * width + column;
    let count = min(4u, width - min(width, column));
    if ONES == 1u && row + 1u == params.m {
        for (var i = 0u; i < count; i++) { sample[column + i] = sums[i]; }
        return;
    }
    if ONES == 2u && count < 4u && column + count == width {
        sample[row] = sums[count];
    }
    var x = sums;
    for (var i = 0u; i < count; i++) {
        if ADD == 1u { x[i] += c[start + i]; }
        if ADD == 2u { x[i] += mean[start + i]; }
        x[i] *= params.alpha;
        if BIAS0 { x[i] += (1.0 - params.beta) * bias0[column + i]; }
        if BIAS1 { x[i] += params.beta * bias1[column + i]; }
    }
    var y = activate(ACTIVATION, x);
    if SLOPE != 0u {
        for (var i = 0u; i < count; i++) { y[i] = sloped(SLOPE, y[i], c[start + i]); }
    }
    if MEAN {
        for (var i = 0u; i < count; i++) { mean[start + i] = y[i]; }
    }
    if SAMPLE != 0u {
        let words = philox(
            vec4<u32>(column / 4u, params.first_case + row, params.counter),
            params.key,
        );
        var s = y + params.noise_scale * normals(words);
        if SAMPLE == 1u { s = bernoullis(words, y); }
        for (var i = 0u; i < count; i++) { sample[start + i] = s[i]; }
    }
}
