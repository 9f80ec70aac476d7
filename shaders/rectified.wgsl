// Rectified units, four columns an invocation: samples max(0, x + sqrt(sigmoid(x)) z), or their means. Needs
// shared/philox.wgsl, shared/activation.wgsl.

struct Params {
    rows: u32,
    columns: u32,
    first_case: u32,
    unused: u32,
    key: vec2<u32>,
    counter: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> inputs: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

// 0: means; 1: samples.
override KIND: u32 = 0;
override WORKGROUP: u32 = 64;

// Below this input no unit is ever on.
const LEAST: f32 = -20.0;

// x F(t) + s f(t) with t = x / s and the normal distribution F, its density f (Abramowitz and Stegun 26.2.17).
fn means(x: vec4<f32>, s: vec4<f32>) -> vec4<f32> {
    let t = abs(x) / s;
    let density = 0.3989423 * exp(-0.5 * t * t);
    let k = 1.0 / (1.0 + 0.2316419 * t);
    let series = k * (0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))));
    let tail = density * series;
    return x * select(tail, 1.0 - tail, x >= vec4<f32>(0.0)) + s * density;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.columns + 3u) / 4u;
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.rows * blocks { return; }
    let row = i / blocks;
    let block = i - row * blocks;
    let start = row * params.columns + block * 4u;
    let count = min(4u, params.columns - block * 4u);
    var x = vec4<f32>(0.0);
    for (var c = 0u; c < count; c++) { x[c] = inputs[start + c]; }
    // A square or a product of what lies beyond may leave the numbers.
    let near = clamp(x, vec4<f32>(LEAST), vec4<f32>(40.0));
    let s = sqrt(sigmoid(near));
    var y = means(near, s);
    if KIND == 1u {
        let words = philox(vec4<u32>(block, params.first_case + row, params.counter), params.key);
        y = near + s * normals(words);
    }
    // Far above 0 the deviation is 1, and the mean is the input.
    y += x - near;
    y = select(max(y, vec4<f32>(0.0)), vec4<f32>(0.0), x < vec4<f32>(LEAST));
    y = select(y, x, are_nan(x));
    for (var c = 0u; c < count; c++) { out[start + c] = y[c]; }
}
