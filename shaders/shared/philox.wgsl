// Philox4x32-10 (Salmon et al. 2011), the same bits as src/random/mod.rs.

// The high word of a product, from 16-bit halves: WGSL has no 64-bit integers.
fn multiply_high(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 16u);
    let other = a_low * b_high + (middle & 0xffffu);
    return a_high * b_high + (middle >> 16u) + (other >> 16u);
}

fn philox(counter: vec4<u32>, start_key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var key = start_key;
    for (var round = 0u; round < 10u; round++) {
        let high0 = multiply_high(0xD2511F53u, c.x);
        let high1 = multiply_high(0xCD9E8D57u, c.z);
        c = vec4<u32>(high1 ^ c.y ^ key.x, 0xCD9E8D57u * c.z, high0 ^ c.w ^ key.y, 0xD2511F53u * c.x);
        key += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// Uniform numbers in [0, 1).
fn uniforms(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(words >> vec4<u32>(8u)) * (1.0 / 16777216.0);
}

// 1 with probability p; p = 0 never fires, p = 1 always does.
fn bernoullis(words: vec4<u32>, p: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(0.0), vec4<f32>(1.0), uniforms(words) < p);
}

// ln x for x in (0, 1].
fn ln_unit(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    var exponent = f32(i32(bits >> 23u) - 127);
    var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
    if m > 1.4142135 {
        m *= 0.5;
        exponent += 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = 2.0 + s2 * (0.6666667 + s2 * (0.4 + s2 * (0.2857143 + s2 * 0.22222222)));
    return exponent * 0.6933594 + (s * series - exponent * 2.121944e-4);
}

// cos(2 pi t) for t in [-1, 1].
fn cos_turn(turns: f32) -> f32 {
    let t = turns - floor(turns + 0.5);
    let x = (0.25 - abs(t)) * 6.2831853;
    let x2 = x * x;
    return x * (1.0 + x2 * (-0.16666667 + x2 * (8.3333333e-3 + x2 * (-1.984127e-4
        + x2 * (2.7557319e-6 - x2 * 2.5052108e-8)))));
}

// Two standard normal numbers (Box and Muller 1958).
fn normal_pair(w0: u32, w1: u32) -> vec2<f32> {
    let u1 = f32((w0 >> 8u) + 1u) * (1.0 / 16777216.0);
    let r = sqrt(max(-2.0 * ln_unit(u1), 0.0));
    let u2 = f32(w1 >> 8u) * (1.0 / 16777216.0);
    return r * vec2<f32>(cos_turn(u2), cos_turn(u2 - 0.25));
}

fn normals(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(normal_pair(words.x, words.y), normal_pair(words.z, words.w));
}
