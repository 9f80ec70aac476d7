//! Sums and integrals of which logarithms are taken, so that nothing overflows.

use std::f64::consts::TAU;

/// ½ n ln 2π: the logarithm of n standard normal integrals.
pub(crate) fn gaussian_constant(n: usize) -> f64 {
    0.5 * n as f64 * TAU.ln()
}

/// Σ ln(1 + exp x) = Σ max(x, 0) + ln Π (1 + exp(−|x|)): one logarithm for 512 factors, each 2 at most.
pub(crate) fn sum_of_softplus(x: &[f64]) -> f64 {
    let linear: f64 = x.iter().map(|&x| x.max(0.0)).sum();
    let factors = |chunk: &[f64]| chunk.iter().map(|&x| 1.0 + (-x.abs()).exp()).product::<f64>();
    linear + x.chunks(512).map(|chunk| factors(chunk).ln()).sum::<f64>()
}

/// ln Σ exp x; −∞ for nothing.
pub(crate) fn log_sum_exp(x: &[f64]) -> f64 {
    if x.iter().any(|x| x.is_nan()) {
        // It must not vanish in the maximum.
        return f64::NAN;
    }
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}
