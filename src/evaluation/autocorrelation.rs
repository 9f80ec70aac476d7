//! Integrated autocorrelation times: how many steps of a chain are worth one independent sample.
//!
//! τ = 1 + 2 Σ_{t ≥ 1} ρ(t), cut at the smallest window M ≥ 5 max(τ(M), 2) (Sokal 1997; the least
//! window is for series whose values turn about), with the standard error
//! τ √(2(2M + 1)/N) of N values in all (Madras and Sokal 1988).

use crate::error::{Error, Result};

/// How many times τ the window has at least.
const WINDOW: f64 = 5.0;
/// A smaller τ counts as this one there: that of values which turn about is near 0 after one of them.
const LEAST: f64 = 2.0;

/// τ of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Autocorrelation {
    /// τ, in steps: the variance of a mean over n steps is τ/n times that of the series.
    pub time: f64,
    /// Its standard error.
    pub std_error: f64,
    /// M.
    pub window: usize,
    /// Whether a window below half of the steps was found. If not, the chains are shorter than some ten times τ, and τ is
    /// no more than a lower bound.
    pub resolved: bool,
}

/// τ of `chains` series of one distribution, `[steps, chains]`. The mean is taken over all of them, so chains that stay
/// each in its own mode count as correlated for ever.
///
/// ```
/// use harmonium::evaluation::autocorrelation::autocorrelation;
/// use harmonium::random::{Draw, PhiloxRng};
/// // Independent values, each of which stays for four steps.
/// let mut rng = PhiloxRng::new(Draw::new(1, 900));
/// let series: Vec<f32> = (0..2000).flat_map(|_| [rng.below(100) as f32; 4]).collect();
/// let found = autocorrelation(&series, 1)?;
/// assert!((found.time - 4.0).abs() < 4.0 * found.std_error && found.std_error < 0.5);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] for fewer than 4 steps or steps that are not whole, values that are not finite, and a series that
/// never changes.
pub fn autocorrelation(series: &[f32], chains: usize) -> Result<Autocorrelation> {
    let fail = |detail: String| Err(Error::data("autocorrelation", detail));
    if chains == 0 || !series.len().is_multiple_of(chains) || series.len() / chains < 4 {
        let detail =
            format!("{} values of {chains} chains; give 4 whole steps or more", series.len());
        return fail(detail);
    }
    if let Some(bad) = series.iter().find(|x| !x.is_finite()) {
        return fail(format!("a value is {bad}"));
    }
    let (count, steps) = (series.len() as f64, series.len() / chains);
    let mean = series.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let centred: Vec<f64> = series.iter().map(|&x| f64::from(x) - mean).collect();
    // A row of values t steps later lies t·chains further on.
    let covariance = |t: usize| {
        let later = &centred[t * chains..];
        centred.iter().zip(later).map(|(x, y)| x * y).sum::<f64>() / later.len() as f64
    };
    let variance = covariance(0);
    if variance == 0.0 {
        return fail("the series never changes, so it has no correlation".into());
    }
    let (mut time, mut window) = (1.0f64, 0);
    while window < steps / 2 && (window as f64) < WINDOW * time.max(LEAST) {
        window += 1;
        time += 2.0 * covariance(window) / variance;
    }
    let resolved = window as f64 >= WINDOW * time.max(LEAST);
    let std_error = time.abs() * (2.0 * (2.0 * window as f64 + 1.0) / count).sqrt();
    Ok(Autocorrelation { time, std_error, window, resolved })
}
