//! Bennett's acceptance ratio: the ratio of two partition functions from samples of both distributions (Bennett 1976;
//! Shirts, Bair, Hooker and Pande 2003: the estimate of least variance that there is).
//!
//! With d = F′(v) − F(v) and as many samples of p as of p′, r = ln Z′/Z solves
//! Σ_{v ~ p} 1/(1 + exp(d + r)) = Σ_{v ~ p′} 1/(1 + exp(−d − r)), whose left side falls with r and whose right side
//! rises.

use crate::error::{Error, Result};

/// ln Z′/Z, and what each chain has to do with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bennett {
    /// r.
    pub log_ratio: f64,
    /// How far each chain's samples move r away from what the others say, to first order; they sum to 0. Of
    /// independent chains the error of r has the variance C/(C − 1) Σ influence², however much the samples of one
    /// chain, or those of neighbouring rungs that are in one ladder with it, depend on each other.
    pub influence: Vec<f64>,
}

/// r from d of samples of p (`lower`) and of p′ (`upper`), `[rounds, chains]` each.
///
/// ```
/// use harmonium::evaluation::bennett::bennett;
/// // Where d is the same everywhere, Z′/Z is exp(−d).
/// let found = bennett(&[0.5; 8], &[0.5; 8], 2)?;
/// assert!((found.log_ratio + 0.5).abs() < 1e-12);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] for no samples, numbers of them that differ, chains that do not fit, and a d that is not finite.
pub fn bennett(lower: &[f32], upper: &[f32], chains: usize) -> Result<Bennett> {
    let fail = |detail: String| Err(Error::data("bennett", detail));
    let n = lower.len();
    if n == 0 || n != upper.len() || chains == 0 || !n.is_multiple_of(chains) {
        let m = upper.len();
        return fail(format!(
            "{n} and {m} samples of {chains} chains; give as many of both, in whole rounds"
        ));
    }
    if let Some(bad) = lower.iter().chain(upper).find(|d| !d.is_finite()) {
        return fail(format!("a difference of free energies is {bad}; a machine is broken"));
    }
    let all = || lower.iter().chain(upper).map(|&d| f64::from(d));
    // At these ends every sample lies on one side.
    let mut low = -all().fold(f64::NEG_INFINITY, f64::max);
    let mut high = -all().fold(f64::INFINITY, f64::min);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if excess(lower, upper, middle) > 0.0 { low = middle } else { high = middle }
    }
    let r = 0.5 * (low + high);
    let mut influence = vec![0.0; chains];
    let mut slope = 0.0;
    for (at, (&x, &y)) in lower.iter().zip(upper).enumerate() {
        let [f, g] = terms(x, y, r);
        influence[at % chains] += f - g;
        slope += f * (1.0 - f) + g * (1.0 - g);
    }
    // Where no sample of one side could be one of the other the slope is 0 and nothing is known.
    influence.iter_mut().for_each(|s| *s = if *s == 0.0 { 0.0 } else { *s / slope });
    Ok(Bennett { log_ratio: r, influence })
}

/// A sample's part of the left side, and one of the right.
fn terms(x: f32, y: f32, r: f64) -> [f64; 2] {
    [1.0 / (1.0 + (f64::from(x) + r).exp()), 1.0 / (1.0 + (-f64::from(y) - r).exp())]
}

/// Left less right.
fn excess(lower: &[f32], upper: &[f32], r: f64) -> f64 {
    lower.iter().zip(upper).map(|(&x, &y)| terms(x, y, r)).map(|[f, g]| f - g).sum()
}
