//! The variational lower bound of a deep Boltzmann machine's ln p(v) (Salakhutdinov and Hinton 2009, section 3).
//!
//! ln p(v) ≥ −E(v, μ¹, μ², …) + Σₗ H(μˡ) − ln Z for any means μ; E is linear in each layer, so that its expectation under
//! the mean field is its value at the means. The gap is KL(q ‖ p(h | v)).

use rayon::prelude::*;

use super::cases::in_batches;
use crate::error::{Error, Result};
use crate::models::{DeepBoltzmannMachine, MeanField, UnitKind};
use crate::tensor::Tensor;

/// The lower bound of ln p(v) of each case of `v` `[N, I]`, with ln Z from
/// [`ExactDbm`](crate::models::dbm::exact::ExactDbm) or [`deep_ais`](super::deep_ais::deep_ais), which errs as that does.
/// Means and inputs are f32 of the machine's device; what is made of them is f64.
///
/// ```
/// use harmonium::evaluation::deep_bound::variational_bound;
/// use harmonium::models::dbm::exact::ExactDbm;
/// use harmonium::models::{DbmSpec, DeepBoltzmannMachine, MeanField};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let dbm = DeepBoltzmannMachine::from_spec(&device, &DbmSpec::new([6, 4, 5]), 1)?;
/// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// let exact = ExactDbm::new(&dbm)?;
/// let bound = variational_bound(&dbm, &v, MeanField::default(), exact.log_partition())?;
/// // Weak weights leave no gap.
/// assert!((bound[0] - exact.log_likelihoods(&v)?[0]).abs() < 1e-3);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] where there is no case or a value is not finite, [`Error::Shape`], [`Error::DeviceMismatch`],
/// [`Error::OutOfMemory`], [`Error::DeviceLost`].
pub fn variational_bound(
    dbm: &DeepBoltzmannMachine,
    v: &Tensor,
    how: MeanField,
    log_partition: f64,
) -> Result<Vec<f64>> {
    let layers = dbm.hidden_layers();
    let widest = (0..=layers).map(|layer| dbm.units(layer).count()).max().unwrap_or(0);
    let biases = (0..=layers).map(|layer| read(dbm.bias(layer))).collect::<Result<Vec<_>>>()?;
    let mut bounds: Vec<f64> = Vec::new();
    in_batches("variational bound", v, [dbm.visible_count(), widest], |v, _| {
        let posterior = dbm.posterior(v, how)?;
        let mut sums: Vec<f64> = match dbm.units(0).kind() {
            UnitKind::Gaussian => {
                let b = &biases[0];
                let square = |v: &[f64]| v.iter().zip(b).map(|(v, b)| (v - b).powi(2)).sum::<f64>();
                read(v)?.par_chunks(b.len()).map(|v| -0.5 * square(v)).collect()
            }
            _ => read(v)?.par_chunks(biases[0].len()).map(|v| dot(v, &biases[0])).collect(),
        };
        for (layer, bias) in biases.iter().enumerate().skip(1) {
            let below = if layer == 1 { v } else { posterior.means(layer - 1) };
            let fed = read(&dbm.fed_from_below(layer, below)?)?;
            let means = read(posterior.means(layer))?;
            let rows = means.par_chunks(bias.len()).zip(fed.par_chunks(bias.len()));
            sums.par_iter_mut().zip(rows).for_each(|(sum, (means, fed))| {
                let entropy: f64 = means.iter().map(|&p| entropy(p)).sum();
                *sum += dot(means, fed) + dot(means, bias) + entropy;
            });
        }
        bounds.extend(sums.into_iter().map(|sum| sum - log_partition));
        Ok(())
    })?;
    match bounds.iter().all(|x| x.is_finite()) {
        true => Ok(bounds),
        false => Err(Error::data(
            "variational bound",
            "a case's value is not finite; ln Z or the machine's parameters are not, or are too large",
        )),
    }
}

fn read(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_vec()?.into_iter().map(f64::from).collect())
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// H of a unit that is 1 with probability p.
fn entropy(p: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    part(p) + part(1.0 - p)
}
