// Slopes of activations, from their outputs; numbered as `Activation` in src/kernels/activation.rs.

fn is_no_number(value: f32) -> bool {
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

fn slope(kind: u32, v: f32) -> f32 {
    switch kind {
        case 1u: { return v * (1.0 - v); }
        case 2u: { return (1.0 - v) * (1.0 + v); }
        case 3u: { return select(0.0, 1.0, v > 0.0); }
        case 4u: { return softplus_slope(v); }
        case 5u: { return (2.0 / 3.0 / 1.7159) * ((1.7159 - v) * (1.7159 + v)); }
        default: { return 1.0; }
    }
}

// A gradient times the slope at the output v.
fn sloped(kind: u32, gradient: f32, v: f32) -> f32 {
    // A diverged run must stay visible.
    return select(gradient * slope(kind, v), v, is_no_number(v));
}
