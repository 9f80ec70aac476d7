// exp and log for which NaN stays NaN. WGSL lets an implementation assume that there are none, and some lose them here,
// bounding what they compute by min and max; the bits tell.

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn exp_of(x: f32) -> f32 {
    return select(exp(x), x, is_nan(x));
}

fn log_of(x: f32) -> f32 {
    return select(log(x), x, is_nan(x));
}
