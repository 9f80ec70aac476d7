//! Scores of a restricted Boltzmann machine on data that lie on its device.
//!
//! The cases are taken in batches whose temporaries stay below [`BATCH_BYTES`] each, every case's own number is read back,
//! and the means are taken in f64 on the host; a score does not depend on how the cases were batched (but for the
//! rounding of a matrix product of another height).

use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::gather::{Selection, Transform, gather};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use rayon::prelude::*;

use crate::models::{Rbm, UnitKind};
use crate::random::{Draw, PhiloxRng};
use crate::tensor::Tensor;

pub use super::cases::BATCH_BYTES;

/// The squared error of v → p(h | v) → mean of v, without noise: summed over the visible units, the mean over
/// the cases of `v` `[N, I]`. It is no likelihood: a machine that copies its input has a small one too
/// (Hinton 2010, section 5).
///
/// ```
/// use harmonium::evaluation::scores::reconstruction_error;
/// use harmonium::models::{Rbm, Units};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let rbm = Rbm::new(&device, Units::bernoulli(4), Units::bernoulli(2), 1)?;
/// let v = Tensor::from_f32(&device, &[1, 4], &[1., 0., 1., 0.])?;
/// // Weights are near 0 and biases 0: every unit's mean is near ½.
/// assert!((reconstruction_error(&rbm, &v)? - 4.0 * 0.25).abs() < 0.05);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] where there is no case, [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`],
/// [`Error::DeviceLost`].
pub fn reconstruction_error(rbm: &Rbm, v: &Tensor) -> Result<f64> {
    let (errors, cases) = reconstruction_errors(rbm, v)?;
    let mut sum = 0.0;
    for batch in errors {
        sum += total(&batch)?;
    }
    Ok(sum / cases as f64)
}

/// As [`reconstruction_error`], for asynchronous callers.
///
/// # Errors
/// As there.
pub async fn reconstruction_error_async(rbm: &Rbm, v: &Tensor) -> Result<f64> {
    let (errors, cases) = reconstruction_errors(rbm, v)?;
    let mut sum = 0.0;
    for batch in errors {
        sum += batch.to_vec_async().await?.into_iter().map(f64::from).sum::<f64>();
    }
    Ok(sum / cases as f64)
}

/// Each case's squared error, batch by batch, and how many cases there are.
fn reconstruction_errors(rbm: &Rbm, v: &Tensor) -> Result<(Vec<Tensor>, usize)> {
    let mut errors = Vec::new();
    let cases = in_batches("reconstruction_error", rbm, v, |v, _| {
        let mut difference = rbm.reconstruct(v)?;
        elementwise_in_place(Elementwise::SquaredDifference, &mut difference, Some(v))?;
        errors.push(reduce(Reduction::Sum, Axis::Rows, 1.0, &difference)?);
        Ok(())
    })?;
    Ok((errors, cases))
}

/// The mean of F(v) over the cases of `v` `[N, I]`. Its level means nothing without log Z; the gap between
/// training and validation data shows overfitting (Hinton 2010, section 6).
///
/// # Errors
/// As [`reconstruction_error`].
pub fn mean_free_energy(rbm: &Rbm, v: &Tensor) -> Result<f64> {
    let mut sum = 0.0;
    let cases = in_batches("mean_free_energy", rbm, v, |v, _| {
        sum += total(&rbm.free_energy(v)?)?;
        Ok(())
    })?;
    Ok(sum / cases as f64)
}

/// The mean of p(h | v) over the cases of `v` `[N, I]`, for each hidden unit.
///
/// # Errors
/// As [`reconstruction_error`].
pub fn hidden_activity(rbm: &Rbm, v: &Tensor) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; rbm.hidden_count()];
    let cases = in_batches("hidden_activity", rbm, v, |v, _| {
        let batch = reduce(Reduction::Sum, Axis::Columns, 1.0, &rbm.mean_h_from_v(v)?)?.to_vec()?;
        sums.iter_mut().zip(batch).for_each(|(sum, x)| *sum += f64::from(x));
        Ok(())
    })?;
    sums.iter_mut().for_each(|sum| *sum /= cases as f64);
    Ok(sums)
}

/// The length of a hidden unit's weights, ‖W·j‖, the mean over the hidden units: how far the machine is from
/// its small random start, and whether its weights still grow.
///
/// # Errors
/// Those of the kernels, and of reading back.
///
/// ```
/// use harmonium::evaluation::scores::weight_norm;
/// use harmonium::models::{Rbm, UnitKind};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let w = Tensor::from_f32(&device, &[2, 2], &[3., 0., 4., 0.])?;
/// let zeros = || Tensor::zeros(&device, &[2]);
/// let rbm = Rbm::from_parts(UnitKind::Bernoulli, UnitKind::Bernoulli, w, zeros()?, zeros()?)?;
/// assert_eq!(weight_norm(&rbm)?, 2.5); // of 5 and 0
/// # Ok::<(), harmonium::Error>(())
/// ```
pub fn weight_norm(rbm: &Rbm) -> Result<f64> {
    let mut squares = Tensor::for_output(rbm.device(), rbm.w.shape().dims())?;
    elementwise(Elementwise::Multiply, &rbm.w, Some(&rbm.w), &mut squares)?;
    let sums = reduce(Reduction::Sum, Axis::Columns, 1.0, &squares)?.to_vec()?;
    Ok(mean(&sums.iter().map(|&x| f64::from(x).sqrt()).collect::<Vec<_>>()))
}

/// The mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The mean, and its standard error over the values.
pub(crate) fn mean_with_error(values: &[f64]) -> (f64, f64) {
    let (n, mean) = (values.len() as f64, mean(values));
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0) / n).sqrt())
}

/// A pseudo-log-likelihood, nats per case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PseudoLikelihood {
    /// The mean over the cases.
    pub mean: f64,
    /// Of the mean, for the choice of the units that were turned: 0 where every one was. It does not tell how much
    /// other cases would differ.
    pub std_error: f64,
    /// Units turned in each case.
    pub turned: usize,
}

/// How many units of each of `cases` to turn where `passes` of a case through W may be spent: each case has one of its
/// own and one for each unit. At least 2, so that there is a standard error, and at most all.
pub fn affordable_turns(passes: usize, cases: usize, visible: usize) -> usize {
    (passes / cases.max(1)).saturating_sub(1).max(2).min(visible)
}

/// An unbiased estimate of the pseudo-log-likelihood Σᵢ ln p(vᵢ | the other visible units) (Besag 1975), in
/// nats per case, the mean over the cases of `v` `[N, I]`, which holds zeros and ones. `None` where the visible units
/// are not Bernoulli.
///
/// In each case `turns` units i, drawn without replacement, are flipped one at a time to give ṽ, and the mean of
/// I·ln p(vᵢ | v₋ᵢ) = I·ln σ(F(ṽ) − F(v)) stands for the sum: `turns` + 1 free energies a case instead of I + 1 (the
/// Theano tutorials flip one unit, the same in every case of a batch). Case r takes its units from the first words of
/// row `draw.first_case + r` of `draw`. The standard error comes from the spread within the cases; of a single turn,
/// which has none, from that between the cases, which is too large.
///
/// ```
/// use harmonium::evaluation::scores::pseudo_log_likelihood;
/// use harmonium::models::{Rbm, Units};
/// use harmonium::random::Draw;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let rbm = Rbm::new(&device, Units::bernoulli(4), Units::bernoulli(2), 1)?;
/// let v = Tensor::from_f32(&device, &[1, 4], &[1., 0., 1., 0.])?;
/// // Four nearly fair coins.
/// let score = pseudo_log_likelihood(&rbm, &v, 2, &Draw::new(1, 300))?;
/// assert!(score.is_some_and(|s| (s.mean - 4.0 * 0.5f64.ln()).abs() < 0.1));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`reconstruction_error`]; [`Error::Setting`] for no turn.
pub fn pseudo_log_likelihood(
    rbm: &Rbm,
    v: &Tensor,
    turns: usize,
    draw: &Draw,
) -> Result<Option<PseudoLikelihood>> {
    if rbm.visible().kind() != UnitKind::Bernoulli {
        return Ok(None);
    }
    if turns == 0 {
        return Err(Error::setting("turns", "0 units tell nothing; turn at least 1"));
    }
    let count = rbm.visible_count();
    let turns = turns.min(count);
    let mut moments = Vec::new();
    let cases = in_batches("pseudo_log_likelihood", rbm, v, |v, first| {
        let rows = v.shape().matrix("pseudo_log_likelihood", "v")?[0];
        let units: Vec<Vec<usize>> = (first..first + rows)
            .map(|case| {
                drawn_units(
                    &draw.from_case(draw.first_case.wrapping_add(case as u32)),
                    count,
                    turns,
                )
            })
            .collect();
        let here = rbm.free_energy(v)?.to_vec()?;
        let mut own = vec![Moments::default(); rows];
        for turn in 0..turns {
            let turned = turned(v, &units.iter().map(|units| units[turn]).collect::<Vec<_>>())?;
            let there = rbm.free_energy(&turned)?.to_vec()?;
            for ((own, &here), &there) in own.iter_mut().zip(&here).zip(&there) {
                own.add(count as f64 * ln_sigmoid(f64::from(there) - f64::from(here)));
            }
        }
        moments.extend(own);
        Ok(())
    })?;
    let mut means = Moments::default();
    moments.iter().for_each(|case| means.add(case.mean));
    // Of `turns` units drawn from I without replacement.
    let left = 1.0 - turns as f64 / count as f64;
    let variance = match turns {
        _ if turns == count => 0.0,
        1 => means.variance() / cases as f64,
        _ => {
            let within: f64 = moments.iter().map(Moments::variance).sum();
            left * within / turns as f64 / (cases as f64).powi(2)
        }
    };
    Ok(Some(PseudoLikelihood { mean: means.mean, std_error: variance.sqrt(), turned: turns }))
}

/// `turns` of `count` units, the first ones of a random order.
fn drawn_units(draw: &Draw, count: usize, turns: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut rng = PhiloxRng::new(*draw);
    for k in 0..turns {
        order.swap(k, k + rng.below((count - k) as u32) as usize);
    }
    order.truncate(turns);
    order
}

/// The cases with one unit each turned: v + mark·(1 − 2v).
fn turned(v: &Tensor, units: &[usize]) -> Result<Tensor> {
    let (device, [rows, count]) = (v.device(), v.shape().matrix("pseudo_log_likelihood", "v")?);
    // A 1 at each case's unit, sent as bits.
    let mut marks = vec![0u8; rows * count];
    marks.chunks_mut(count).zip(units).for_each(|(marks, &unit)| marks[unit] = 1);
    let marks = Tensor::from_bits(device, [rows, count], &marks)?;
    let order = Tensor::from_u32(device, &[rows], &(0..rows as u32).collect::<Vec<_>>())?;
    let mut mark = Tensor::for_output(device, &[rows, count])?;
    let pick = Selection { indices: &order, first_index: 0, rows, first_row: 0 };
    gather(&marks, pick, &Transform::default(), &mut mark)?;
    let mut flipped = Tensor::for_output(device, &[rows, count])?;
    elementwise(Elementwise::Affine(-2.0, 1.0), v, None, &mut flipped)?;
    elementwise_in_place(Elementwise::Multiply, &mut flipped, Some(&mark))?;
    elementwise_in_place(Elementwise::ADD, &mut flipped, Some(v))?;
    Ok(flipped)
}

/// Mean and spread of numbers that come one by one (Welford 1962).
#[derive(Clone, Copy, Default)]
pub(super) struct Moments {
    count: f64,
    pub mean: f64,
    squares: f64,
}

impl Moments {
    pub fn add(&mut self, x: f64) {
        self.count += 1.0;
        let off = x - self.mean;
        self.mean += off / self.count;
        self.squares += off * (x - self.mean);
    }

    /// 0 of a single number.
    pub fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0).max(1.0)
    }
}

/// The pseudo-log-likelihood Σᵢ ln p(vᵢ | the other visible units) (Besag 1975) itself, in nats per case, the mean
/// over the cases of `v` `[N, I]`, which holds zeros and ones. `None` where the visible units are
/// not Bernoulli. Every unit of every case
/// is turned: N·I·J softplus, in f64 on the host.
///
/// # Errors
/// As [`reconstruction_error`].
pub fn exact_pseudo_log_likelihood(rbm: &Rbm, v: &Tensor) -> Result<Option<f64>> {
    if rbm.visible().kind() != UnitKind::Bernoulli {
        return Ok(None);
    }
    let (i, j) = (rbm.visible_count(), rbm.hidden_count());
    let (w, b, a) = (rbm.w.to_vec()?, rbm.b.to_vec()?, rbm.a.to_vec()?);
    let mut sum = 0.0;
    let cases = in_batches("pseudo_log_likelihood", rbm, v, |v, _| {
        let v = v.to_vec()?;
        let scores: Vec<f64> = v
            .par_chunks(i)
            .map(|v| {
                let mut field: Vec<f64> = a.iter().map(|&a| f64::from(a)).collect();
                for (v, w) in v.iter().zip(w.chunks(j)).filter(|(v, _)| **v != 0.0) {
                    field.iter_mut().zip(w).for_each(|(f, w)| *f += f64::from(*v) * f64::from(*w));
                }
                let here = rbm.hidden().log_sum(&field);
                let mut turned = vec![0.0; j];
                let units = v.iter().zip(&b).zip(w.chunks(j));
                units
                    .map(|((&v, &b), w)| {
                        // v becomes 1 − v: b and the fields move by this much of b and W.
                        let by = 1.0 - 2.0 * f64::from(v);
                        for ((t, f), w) in turned.iter_mut().zip(&field).zip(w) {
                            *t = f + by * f64::from(*w);
                        }
                        // F(v) − F(ṽ), whose negative goes into ln σ.
                        let gain = by * f64::from(b) + rbm.hidden().log_sum(&turned) - here;
                        ln_sigmoid(-gain)
                    })
                    .sum()
            })
            .collect();
        sum += scores.iter().sum::<f64>();
        Ok(())
    })?;
    Ok(Some(sum / cases as f64))
}

/// ln σ(x) = −ln(1 + exp(−x)), without overflow.
fn ln_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

fn total(values: &Tensor) -> Result<f64> {
    Ok(values.to_vec()?.into_iter().map(f64::from).sum())
}

/// Calls `f(batch, number of its first case)` for all cases of `v` and tells how many there are.
fn in_batches(
    op: &'static str,
    rbm: &Rbm,
    v: &Tensor,
    f: impl FnMut(&Tensor, usize) -> Result<()>,
) -> Result<usize> {
    let widest = rbm.visible_count().max(rbm.hidden_count());
    super::cases::in_batches(op, v, [rbm.visible_count(), widest], f)
}
