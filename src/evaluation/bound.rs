//! The variational lower bound of a deep belief net's ln p(v) (Hinton, Osindero and Teh 2006; with two hidden layers
//! Salakhutdinov and Murray 2008, section 5).
//!
//! ln p(v) ≥ E_q[ Σ_l ln p(hˡ⁻¹ | hˡ) + Σ_l H(q(hˡ | hˡ⁻¹)) − F_top(hᴸ⁻¹) ] − ln Z_top, the sums over the directed
//! layers l = 1 … L − 1, h⁰ = v, and q(h¹, … | v) from recognition. The gap is KL(q ‖ p(h¹ … hᴸ⁻¹ | v)). Where the top
//! has labels they are summed out of its free energy. The expectation is a mean over samples from below; of one level
//! nothing is random and the bound is ln p(v).

use rayon::prelude::*;

use super::averages::Moments;
use super::cases::in_batches;
use crate::error::{Error, Result};
use crate::models::sums::{gaussian_constant, log_sum_exp, sum_of_softplus};
use crate::models::{DeepBeliefNet, UnitKind, labels};
use crate::random::Draw;
use crate::tensor::Tensor;

/// A lower bound of ln p(v) in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct LowerBound {
    /// The mean over the cases.
    pub mean: f64,
    /// Of the mean, for the samples of the hidden units: 0 where nothing is sampled. It does not tell how much other
    /// cases would differ, nor what ln Z errs by.
    pub std_error: f64,
    /// Of each case.
    pub cases: Vec<f64>,
}

/// The lower bound of ln p(v) of each case of `v` `[N, N₀]`, with ln Z of the net's top machine from
/// [`exact_log_partition`](super::partition::exact_log_partition) or [`ais`](super::ais::ais), which errs as that does.
///
/// `samples` of the hidden units are drawn for each case: sample m at the step m of `draw`, those of level l at its
/// level l, those of case r in the row `draw.first_case + r`. Inputs of units are f32 of the net's device; what is made
/// of them is f64.
///
/// ```
/// use harmonium::evaluation::bound::lower_bound;
/// use harmonium::evaluation::partition::exact_log_partition;
/// use harmonium::models::{DbnSpec, DeepBeliefNet};
/// use harmonium::random::Draw;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let net = DeepBeliefNet::from_spec(&device, &DbnSpec::new([6, 4, 5]), 1)?;
/// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// let bound = lower_bound(&net, &v, exact_log_partition(net.top())?, 10, &Draw::new(1, 300))?;
/// // Six nearly fair coins.
/// assert!((bound.mean - 6.0 * 0.5f64.ln()).abs() < 0.1);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for fewer than 2 samples (of one there is no standard error), [`Error::Data`] where there is no
/// case or a value is not finite, [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`],
/// [`Error::DeviceLost`].
pub fn lower_bound(
    net: &DeepBeliefNet,
    v: &Tensor,
    log_partition: f64,
    samples: usize,
    draw: &Draw,
) -> Result<LowerBound> {
    if samples < 2 {
        let detail = format!("{samples} give no standard error; draw at least 2");
        return Err(Error::setting("samples", detail));
    }
    let samples = if net.levels().len() == 1 { 1 } else { samples };
    let widest = net.levels().iter().map(|l| l.visible_count().max(l.hidden_count())).max();
    let sizes = [net.visible_count(), widest.unwrap_or(0)];
    let mut moments: Vec<Moments> = Vec::new();
    let cases = in_batches("lower_bound", v, sizes, |v, first| {
        let draw = draw.from_case(draw.first_case.wrapping_add(first as u32));
        let mut own = vec![Moments::default(); v.shape().matrix("lower_bound", "v")?[0]];
        for sample in 0..samples {
            let found = of_one_sample(net, v, &draw.at(draw.step.wrapping_add(sample as u64)))?;
            own.iter_mut().zip(found).for_each(|(own, x)| own.add(x - log_partition));
        }
        moments.extend(own);
        Ok(())
    })?;
    let found: Vec<f64> = moments.iter().map(|case| case.mean).collect();
    if !found.iter().all(|x| x.is_finite()) {
        let detail =
            "a case's value is not finite; ln Z or the net's parameters are not, or are too large";
        return Err(Error::data("lower bound", detail));
    }
    let within: f64 = moments.iter().map(Moments::variance).sum();
    let variance = within / samples as f64 / (cases as f64).powi(2);
    Ok(LowerBound { mean: super::scores::mean(&found), std_error: variance.sqrt(), cases: found })
}

/// Of each case the bracket for one sample of its hidden units.
fn of_one_sample(net: &DeepBeliefNet, v: &Tensor, draw: &Draw) -> Result<Vec<f64>> {
    let rows = v.shape().matrix("lower_bound", "v")?[0];
    let mut sums = vec![0.0; rows];
    let mut state: Option<Tensor> = None;
    for level in 1..net.levels().len() {
        let below = state.as_ref().unwrap_or(v);
        let recognition = net.recognition(level, below)?;
        let above = recognition.sample(&draw.at_level(level as u8))?;
        let inputs = recognition.field()?;
        add_by_rows(&mut sums, &inputs.to_vec()?, entropy);
        let generated = net.generation(level, &above)?.field()?.to_vec()?;
        let kind = net.units(level - 1).kind();
        let pairs = below.to_vec()?;
        let width = net.units(level - 1).count().max(1);
        let logs = generated.par_chunks(width).zip(pairs.par_chunks(width));
        let logs: Vec<f64> = logs.map(|(x, s)| log_probability(kind, x, s)).collect();
        sums.iter_mut().zip(logs).for_each(|(sum, x)| *sum += x);
        state = Some(above);
    }
    let features = state.as_ref().unwrap_or(v);
    let energies = top_log_weights(net, features)?;
    sums.iter_mut().zip(energies).for_each(|(sum, x)| *sum += x);
    Ok(sums)
}

/// −F_top of each case: ln of the sum over hᴸ, and over labels, of exp(−E).
fn top_log_weights(net: &DeepBeliefNet, features: &Tensor) -> Result<Vec<f64>> {
    let top = net.top();
    let rows = features.shape().matrix("lower_bound", "the features")?[0];
    let read =
        |t: &Tensor| -> Result<Vec<f64>> { Ok(t.to_vec()?.into_iter().map(f64::from).collect()) };
    let (b, kind) = (read(top.visible_bias())?, top.visible().features().kind());
    let count = top.visible().features().count().max(1);
    let states = read(features)?;
    let own: Vec<f64> = match kind {
        UnitKind::Gaussian => {
            let squares = |s: &[f64]| s.iter().zip(&b).map(|(s, b)| (s - b).powi(2)).sum::<f64>();
            states.chunks(count).map(|s| -0.5 * squares(s)).collect()
        }
        _ => {
            let linear = |s: &[f64]| s.iter().zip(&b).map(|(s, b)| s * b).sum::<f64>();
            states.chunks(count).map(linear).collect()
        }
    };
    let Some(classes) = top.visible().classes() else {
        let inputs = top.h_from_v(features).field()?.to_vec()?;
        let mut sums = own;
        add_by_rows(&mut sums, &inputs, sum_of_softplus);
        return Ok(sums);
    };
    // The label is summed out: one product with W, and each class's row of it added in turn.
    let none = Tensor::zeros(top.device(), &[rows, classes])?;
    let inputs = read(&top.h_from_v(&labels::join(features, &none)?).field()?)?;
    let (w, j) = (read(top.weights())?, top.hidden_count());
    let label = |k: usize| (b[count + k], &w[(count + k) * j..][..j]);
    let of_case = |(own, x): (&f64, &[f64])| {
        let of_class = |k: usize| {
            let (bias, weights) = label(k);
            let inputs: Vec<f64> = x.iter().zip(weights).map(|(x, w)| x + w).collect();
            bias + sum_of_softplus(&inputs)
        };
        own + log_sum_exp(&(0..classes).map(of_class).collect::<Vec<_>>())
    };
    Ok(own.par_iter().zip(inputs.par_chunks(j)).map(of_case).collect())
}

/// Adds `f` of each case's inputs to its sum.
fn add_by_rows(sums: &mut [f64], inputs: &[f32], f: impl Fn(&[f64]) -> f64 + Sync) {
    let width = (inputs.len() / sums.len().max(1)).max(1);
    sums.par_iter_mut().zip(inputs.par_chunks(width)).for_each(|(sum, x)| {
        *sum += f(&x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
    });
}

/// H of Bernoulli units with the inputs x: Σ softplus(x) − x·σ(x), in the form that loses nothing where x is large.
fn entropy(x: &[f64]) -> f64 {
    let of_unit = |x: &f64| {
        let e = (-x.abs()).exp();
        e.ln_1p() + x.abs() * e / (1.0 + e)
    };
    x.iter().map(of_unit).sum()
}

/// ln p(s | x) of units with the inputs x: Bernoulli s·x − softplus(x), a cross-entropy for s between 0 and 1; of
/// Gaussian ones the logarithm of the density.
fn log_probability(kind: UnitKind, x: &[f32], s: &[f32]) -> f64 {
    let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let pairs = x.iter().zip(s).map(|(&x, &s)| (x, f64::from(s)));
    match kind {
        UnitKind::Gaussian => {
            -0.5 * pairs.map(|(x, s)| (s - x).powi(2)).sum::<f64>() - gaussian_constant(x.len())
        }
        // Hidden units and Bernoulli data; a directed layer has no other.
        _ => pairs.map(|(x, s)| s * x).sum::<f64>() - sum_of_softplus(&x),
    }
}
