// Activations in stable forms; numbered as `Activation` in src/kernels/activation.rs.
const IDENTITY: u32 = 0;
const SIGMOID: u32 = 1;
const TANH: u32 = 2;
const RELU: u32 = 3;
const SOFTPLUS: u32 = 4;
const SCALED_TANH: u32 = 5;

// exp only of what is not positive: no overflow. NaN stays NaN.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    return select(e, vec4<f32>(1.0), x >= vec4<f32>(0.0)) / (1.0 + e);
}

fn softplus(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    // ln(1 + e) loses e below 2^-24; e - e*e/2 keeps it.
    let small = e * (1.0 - 0.5 * e);
    return max(x, vec4<f32>(0.0)) + select(log(1.0 + e), small, e < vec4<f32>(1e-3));
}

fn are_nan(x: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

fn activate(kind: u32, x: vec4<f32>) -> vec4<f32> {
    var y = x;
    switch kind {
        case 1u: { y = sigmoid(x); }
        // Several drivers' tanh gives NaN for large arguments.
        case 2u: { y = tanh(clamp(x, vec4<f32>(-15.0), vec4<f32>(15.0))); }
        case 3u: { y = max(x, vec4<f32>(0.0)); }
        case 4u: { y = softplus(x); }
        case 5u: { y = 1.7159 * tanh(clamp(x * (2.0 / 3.0), vec4<f32>(-15.0), vec4<f32>(15.0))); }
        default: {}
    }
    // min, max and clamp may drop a NaN; a diverged run must stay visible.
    return select(y, x, are_nan(x));
}
