//! Pseudo-log-likelihoods: exactly, and with a few units of each case turned.

use rayon::prelude::*;

use super::averages::{Moments, check_weights, mean, weighted_mean_with_error};
use super::cases::of_machine;
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::gather::{Selection, Transform, gather};
use crate::models::{Rbm, UnitKind};
use crate::random::{Draw, PhiloxRng};
use crate::tensor::Tensor;

/// A pseudo-log-likelihood, nats per case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PseudoLikelihood {
    /// The mean over the cases.
    pub mean: f64,
    /// Of the mean, for the choice of the units that were turned: none where every one was, nor of a single turn of a
    /// single case. It does not tell how much other cases would differ.
    pub std_error: Option<f64>,
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
/// As [`reconstruction_error`](super::scores::reconstruction_error); [`Error::Setting`] for no turn.
pub fn pseudo_log_likelihood(
    rbm: &Rbm,
    v: &Tensor,
    turns: usize,
    draw: &Draw,
) -> Result<Option<PseudoLikelihood>> {
    pseudo_log_likelihood_of(rbm, v, turns, draw, None)
}

/// The same where each case counts as much as its weight says.
///
/// # Errors
/// As [`pseudo_log_likelihood`]; [`Error::Data`] where there are not as many weights as cases.
pub fn pseudo_log_likelihood_of(
    rbm: &Rbm,
    v: &Tensor,
    turns: usize,
    draw: &Draw,
    weights: Option<&[f32]>,
) -> Result<Option<PseudoLikelihood>> {
    if rbm.visible().kind() != UnitKind::Bernoulli {
        return Ok(None);
    }
    if turns == 0 {
        return Err(Error::setting("turns", "0 units tell nothing; turn at least 1"));
    }
    check_weights(weights, v.shape().matrix("pseudo_log_likelihood", "v")?[0])?;
    let count = rbm.visible_count();
    let turns = turns.min(count);
    let mut moments = Vec::new();
    let cases = of_machine("pseudo_log_likelihood", rbm, v, |v, first| {
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
    if let Some(weights) = weights {
        return Ok(Some(weighted_pseudo(&moments, weights, [turns, count])));
    }
    let mut means = Moments::default();
    moments.iter().for_each(|case| means.add(case.mean));
    // Of `turns` units drawn from I without replacement.
    let left = 1.0 - turns as f64 / count as f64;
    let variance = match turns {
        _ if turns == count => None,
        1 => (cases > 1).then(|| means.variance() / cases as f64),
        _ => {
            let within: f64 = moments.iter().map(Moments::variance).sum();
            Some(left * within / turns as f64 / (cases as f64).powi(2))
        }
    };
    let std_error = variance.map(f64::sqrt);
    Ok(Some(PseudoLikelihood { mean: means.mean, std_error, turned: turns }))
}

/// Of weighted cases, of which each had so many of its units turned.
fn weighted_pseudo(
    cases: &[Moments],
    weights: &[f32],
    [turns, count]: [usize; 2],
) -> PseudoLikelihood {
    let means: Vec<f64> = cases.iter().map(|case| case.mean).collect();
    let (mean, between) = weighted_mean_with_error(&means, Some(weights));
    let weights = || weights.iter().map(|&w| f64::from(w));
    let left = 1.0 - turns as f64 / count as f64;
    let within: f64 = cases.iter().zip(weights()).map(|(c, w)| w * w * c.variance()).sum();
    let std_error = match turns {
        _ if turns == count => None,
        1 => between,
        _ => Some((left * within / turns as f64).sqrt() / weights().sum::<f64>()),
    };
    PseudoLikelihood { mean, std_error, turned: turns }
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

/// The pseudo-log-likelihood Σᵢ ln p(vᵢ | the other visible units) (Besag 1975) itself, in nats per case, the mean
/// over the cases of `v` `[N, I]`, which holds zeros and ones. `None` where the visible units are
/// not Bernoulli. Every unit of every case
/// is turned: N·I·J softplus, in f64 on the host.
///
/// # Errors
/// As [`reconstruction_error`](super::scores::reconstruction_error).
pub fn exact_pseudo_log_likelihood(rbm: &Rbm, v: &Tensor) -> Result<Option<f64>> {
    Ok(exact_pseudo_log_likelihoods(rbm, v)?.map(|cases| mean(&cases)))
}

/// The same of each case.
///
/// # Errors
/// As [`exact_pseudo_log_likelihood`].
pub fn exact_pseudo_log_likelihoods(rbm: &Rbm, v: &Tensor) -> Result<Option<Vec<f64>>> {
    if rbm.visible().kind() != UnitKind::Bernoulli {
        return Ok(None);
    }
    rbm.hidden().kind().check_energy()?;
    let (i, j) = (rbm.visible_count(), rbm.hidden_count());
    let (w, b, a) = (rbm.w.to_vec()?, rbm.b.to_vec()?, rbm.a.to_vec()?);
    let mut all = Vec::new();
    of_machine("pseudo_log_likelihood", rbm, v, |v, _| {
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
        all.extend(scores);
        Ok(())
    })?;
    Ok(Some(all))
}

/// ln σ(x) = −ln(1 + exp(−x)), without overflow.
fn ln_sigmoid(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}
