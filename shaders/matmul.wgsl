// activation(alpha (A B + C) + (1 - beta) bias0 + beta bias1), and samples of it.
// Needs shared/philox.wgsl, shared/activation.wgsl, shared/slope.wgsl, one of shared/matmul_*.wgsl and one of
// shared/tile_*.wgsl.

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

fn finish(row: u32, column: u32, sums: vec4<f32>) {
    let width = params.n - select(0u, 1u, ONES == 2u);
    let start = row * width + column;
    let count = min(4u, width - min(width, column));
    if ONES == 1u && row + 1u == params.m {
        put_sample(column, count, sums);
        return;
    }
    if ONES == 2u && count < 4u && column + count == width { put_sample(row, 1u, vec4<f32>(sums[count])); }
    var x = sums;
    if ADD == 1u { x += get_c(start, count); }
    if ADD == 2u { x += get_mean(start, count); }
    x *= params.alpha;
    if BIAS0 { x += (1.0 - params.beta) * get_bias0(column, count); }
    if BIAS1 { x += params.beta * get_bias1(column, count); }
    var y = activate(ACTIVATION, x);
    if SLOPE != 0u {
        let outputs = get_c(start, count);
        for (var i = 0u; i < count; i++) { y[i] = sloped(SLOPE, y[i], outputs[i]); }
    }
    if MEAN { put_mean(start, count, y); }
    if SAMPLE != 0u {
        let words = philox(
            vec4<u32>(column / 4u, params.first_case + row, params.counter),
            params.key,
        );
        var s = y + params.noise_scale * normals(words);
        if SAMPLE == 1u { s = bernoullis(words, y); }
        put_sample(start, count, s);
    }
}
