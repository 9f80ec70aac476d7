// dy times the slope of an activation, from the activation's output y; numbered as `Activation` in
// src/kernels/activation.rs.

struct Params { count: u32, unused0: u32, unused1: u32, unused2: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dy: array<f32>;

override ACTIVATION: u32 = 1;
override WORKGROUP: u32 = 64;

fn is_nan_bits(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

// 1 - exp(-v), which cancels for small v: there the series.
fn softplus_slope(v: f32) -> f32 {
    if v >= 0.35 { return 1.0 - exp(-v); }
    var series = 1.0 - v * (1.0 / 7.0);
    series = 1.0 - v * (1.0 / 6.0) * series;
    series = 1.0 - v * (1.0 / 5.0) * series;
    series = 1.0 - v * 0.25 * series;
    series = 1.0 - v * (1.0 / 3.0) * series;
    return v * (1.0 - v * 0.5 * series);
}

fn slope(v: f32) -> f32 {
    switch ACTIVATION {
        case 1u: { return v * (1.0 - v); }
        case 2u: { return (1.0 - v) * (1.0 + v); }
        case 3u: { return select(0.0, 1.0, v > 0.0); }
        case 4u: { return softplus_slope(v); }
        case 5u: { return (2.0 / 3.0 / 1.7159) * ((1.7159 - v) * (1.7159 + v)); }
        default: { return 1.0; }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) group_count: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group_id.x + group_id.y * group_count.x) * WORKGROUP + local;
    if i >= params.count { return; }
    let value = y[i];
    let product = dy[i] * slope(value);
    // A diverged run must stay visible.
    dy[i] = select(product, value, is_nan_bits(value));
}
