//! Annealed importance sampling of ln Z (Neal 2001; Salakhutdinov and Murray 2008), forwards from a base
//! machine and backwards from the model's own samples (Burda, Grosse and Salakhutdinov 2015).
//!
//! The path runs from the base, whose visible units are independent with bias b_A, to the model:
//! ln f_β(v) = ((1 − β)b_A + βb)ᵀv + Σⱼ softplus(β(aⱼ + vᵀW·ⱼ)); for Gaussian visible units
//! −½‖v − (1 − β)b_A − βb‖² + the same sum, so that the variance stays 1 at every temperature; for hidden units of
//! another kind their own sum over states at the inputs β(aⱼ + vᵀW·ⱼ).
//!
//! In expectation the forward estimate of Z is right, so that of ln Z is too low (Jensen) and a likelihood
//! computed from it too high; the backward one errs the other way if its starting states are exact samples. Both
//! are bounds in expectation only: a single pair need not enclose the true value. A wide gap says that neither is
//! to be trusted.

use super::log_weights::Weights;
use super::partition::independent_log_partition;
use crate::error::{Error, Result};
use crate::kernels::anneal::{Chains, Draws, Hidden, anneal};
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::models::gaussian::check_normalizable;
use crate::models::sums::log_sum_exp;
use crate::models::{Rbm, UnitKind};
use crate::random::{ChainDraw, ChainStreams, Draw};
use crate::ranks::Ranks;
use crate::tensor::Tensor;

/// Temperatures β from 0 to 1, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperatures(Vec<f64>);

impl Temperatures {
    /// `steps` equal steps, so `steps` + 1 temperatures.
    ///
    /// # Errors
    /// [`Error::Setting`] for 0 steps or more than 10⁸.
    pub fn linear(steps: usize) -> Result<Self> {
        if !(1..=100_000_000).contains(&steps) {
            return Err(Error::setting(
                "ais",
                format!("{steps} temperature steps are outside [1, 100000000]"),
            ));
        }
        Ok(Temperatures((0..=steps).map(|k| k as f64 / steps as f64).collect()))
    }

    /// The grid of Salakhutdinov and Murray (2008): 0 to 0.5 by 1/1000, to 0.9 by 1/10000, to 1 by 1/100000:
    /// 14,500 steps.
    pub fn salakhutdinov() -> Self {
        let coarse = (0..500).map(|k| f64::from(k) / 1e3);
        let medium = (5_000..9_000).map(|k| f64::from(k) / 1e4);
        let fine = (90_000..=100_000).map(|k| f64::from(k) / 1e5);
        Temperatures(coarse.chain(medium).chain(fine).collect())
    }

    /// The temperatures.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// Steps between them.
    pub fn steps(&self) -> usize {
        self.0.len() - 1
    }
}

/// An estimate of ln Z from weighted chains.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// ln Ẑ.
    pub log_partition: f64,
    /// The standard error of Ẑ relative to Ẑ: to first order that of ln Ẑ. It knows nothing of modes that no
    /// chain has met.
    pub std_error: f64,
    /// ln Ẑ of Ẑ three standard errors down and up; −∞ where three errors reach 0.
    pub interval: [f64; 2],
    /// Each chain's log weight.
    pub log_weights: Vec<f64>,
}

impl Estimate {
    /// From log weights whose mean weight, times exp(`base`), estimates Z; `sign` −1 for weights of 1/Z.
    pub(super) fn new(base: f64, log_weights: Vec<f64>, sign: f64) -> Self {
        let n = log_weights.len() as f64;
        let log_mean = log_sum_exp(&log_weights) - n.ln();
        let variance =
            log_weights.iter().map(|w| ((w - log_mean).exp() - 1.0).powi(2)).sum::<f64>()
                / (n - 1.0).max(1.0);
        let std_error = (variance / n).sqrt();
        let log_partition = base + sign * log_mean;
        let shifted =
            |errors: f64| base + sign * (log_mean + (1.0 + errors * std_error).max(0.0).ln());
        let (x, y) = (shifted(-3.0), shifted(3.0));
        Estimate { log_partition, std_error, interval: [x.min(y), x.max(y)], log_weights }
    }
}

/// How the chains run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AisConfig {
    /// b_A `[I]`: [biases of the data's means](crate::models::Units::bias_of_means); zeros where there are no data.
    pub base_bias: Vec<f32>,
    /// The grid: 10,000 equal steps.
    pub temperatures: Temperatures,
    /// Chains, at least 2 and at most 8,388,607: 100.
    pub chains: usize,
    /// Of all draws: 1.
    pub seed: u64,
    /// Who shares the chains, each its [part](Ranks::own): nobody. Of the same chains come the same weights, bit for bit,
    /// however many share them.
    pub ranks: Ranks,
}

impl AisConfig {
    /// From the base with this bias, the rest as usual.
    pub fn new(base_bias: Vec<f32>) -> Self {
        let temperatures = Temperatures((0..=10_000).map(|k| f64::from(k) / 1e4).collect());
        AisConfig { base_bias, temperatures, chains: 100, seed: 1, ranks: Ranks::alone() }
    }

    /// Sets who shares the chains.
    pub fn ranks(self, ranks: Ranks) -> Self {
        AisConfig { ranks, ..self }
    }

    /// Checks their number, before anything is made for them.
    pub(super) fn check_chains(&self) -> Result<()> {
        let detail = match self.chains {
            0..2 => format!("{} give no standard error; use at least 2", self.chains),
            n if n > Weights::MOST => format!("{n} are too many; {} is the most", Weights::MOST),
            _ => return Ok(()),
        };
        Err(Error::setting("chains", detail))
    }

    /// The weights of all chains, from this rank's; `walk` makes those, of chains that there are.
    pub(super) fn weights(&self, walk: impl FnOnce() -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        if self.ranks.count() == 1 {
            return walk();
        }
        let own = if self.ranks.own(self.chains).is_empty() { Ok(Vec::new()) } else { walk() };
        let own = own.map(|weights| bytemuck::cast_slice::<f64, u8>(&weights).to_vec());
        let all = self.ranks.agreed(own)?;
        Ok(all.iter().flat_map(|own| bytemuck::pod_collect_to_vec::<u8, f64>(own)).collect())
    }

    /// The same for so many chains of this rank, which begin at given states.
    pub(super) fn of_states(&self, rows: usize) -> Result<Self> {
        if self.ranks.count() == 1 {
            return Ok(AisConfig { chains: rows, ..self.clone() });
        }
        let own = self.ranks.own(self.chains).len();
        if rows != own {
            let detail = format!("{rows} states, expected those of this rank's {own} chains");
            return Err(Error::shape("reverse ais", detail));
        }
        Ok(self.clone())
    }

    /// Sets the grid.
    pub fn temperatures(self, temperatures: Temperatures) -> Self {
        AisConfig { temperatures, ..self }
    }

    /// Sets the number of chains.
    pub fn chains(self, chains: usize) -> Self {
        AisConfig { chains, ..self }
    }

    /// Sets the seed.
    pub fn seed(self, seed: u64) -> Self {
        AisConfig { seed, ..self }
    }
}

/// ln Z by annealed importance sampling. All chains run on the machine's device; the weights are summed in f64
/// on the host. `progress` gets the number of temperature steps done.
///
/// # Errors
/// [`Error::Setting`] for fewer than 2 chains, too many of them, or a base bias of the wrong length, [`Error::Data`] where a weight
/// is not finite or two Gaussian layers have no distribution, device errors.
pub fn ais(rbm: &Rbm, config: &AisConfig, progress: impl FnMut(usize)) -> Result<Estimate> {
    ais_drawing(rbm, config, ChainStreams::ANNEALING, progress)
}

/// As [`ais`], with the numbers of another purpose: to see what shared ones do.
///
/// # Errors
/// As [`ais`].
#[doc(hidden)]
pub fn ais_drawing(
    rbm: &Rbm,
    config: &AisConfig,
    streams: ChainStreams,
    mut progress: impl FnMut(usize),
) -> Result<Estimate> {
    let path = Path::new(rbm, config, streams)?;
    let weights = config.weights(|| {
        let own = config.ranks.own(config.chains).len();
        // β = 0 is the base: independent visible units.
        let mut v = Tensor::for_output(rbm.device(), &[own, rbm.visible_count()])?;
        let still = Tensor::zeros(rbm.device(), &[own, rbm.hidden_count()])?;
        path.sample_v(&still, 0.0, &path.draw.start(), &mut v)?;
        Walk::new(&path, v)?.along(config.temperatures.values(), &mut progress)
    })?;
    Ok(Estimate::new(path.base_log_partition(), weights, 1.0))
}

/// ln Z by the same path walked backwards from `v` `[chains, I]`, which should be exact samples of the model:
/// from long Gibbs chains they are not quite. `config.chains` is not used, unless ranks share the chains: `v` are then this
/// rank's.
///
/// # Errors
/// As [`ais`].
pub fn reverse_ais(
    rbm: &Rbm,
    config: &AisConfig,
    v: Tensor,
    mut progress: impl FnMut(usize),
) -> Result<Estimate> {
    let config = config.of_states(v.shape().matrix("reverse ais", "v")?[0])?;
    let path = Path::new(rbm, &config, ChainStreams::REVERSE_ANNEALING)?;
    let betas: Vec<f64> = config.temperatures.values().iter().rev().copied().collect();
    let weights = config.weights(|| Walk::new(&path, v)?.along(&betas, &mut progress))?;
    // These weights estimate Z_A / Z.
    Ok(Estimate::new(path.base_log_partition(), weights, -1.0))
}

/// The annealing path of a machine.
struct Path<'a> {
    rbm: &'a Rbm,
    hidden: Hidden,
    draw: ChainDraw,
    base: Vec<f32>,
    base_bias: Tensor,
    /// b − b_A.
    tilt: Tensor,
    /// For Gaussian units ‖b_A‖², b_A·d and ‖d‖², of which ‖c_β‖² is made.
    norms: [f64; 3],
}

impl<'a> Path<'a> {
    fn new(rbm: &'a Rbm, config: &AisConfig, streams: ChainStreams) -> Result<Self> {
        rbm.hidden().kind().check_energy()?;
        check_normalizable(rbm)?;
        let Some(hidden) = rbm.hidden().kind().annealed() else {
            let detail = format!("{} hidden units cannot be annealed", rbm.hidden().kind());
            return Err(Error::setting("hidden", detail));
        };
        let (device, i) = (rbm.device(), rbm.visible_count());
        if config.base_bias.len() != i {
            return Err(Error::setting(
                "base_bias",
                format!("a base bias of {} values for {i} visible units", config.base_bias.len()),
            ));
        }
        config.check_chains()?;
        let base_bias = Tensor::from_f32(device, &[i], &config.base_bias)?;
        let mut tilt = Tensor::for_output(device, &[i])?;
        elementwise(Elementwise::SUBTRACT, &rbm.b, Some(&base_bias), &mut tilt)?;
        let own = tilt.to_vec()?;
        let dot = |x: &[f32], y: &[f32]| -> f64 {
            x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
        };
        let norms = match rbm.visible().kind() {
            UnitKind::Gaussian => [
                dot(&config.base_bias, &config.base_bias),
                dot(&config.base_bias, &own),
                dot(&own, &own),
            ],
            _ => [0.0; 3],
        };
        let base = config.base_bias.clone();
        let own = config.ranks.own(config.chains);
        let draw = ChainDraw::new(config.seed, streams).from_chain(own.start as u32);
        Ok(Path { rbm, hidden, draw, base, base_bias, tilt, norms })
    }

    /// ln Z_A: the base's visible units alone, and hidden ones without input.
    fn base_log_partition(&self) -> f64 {
        let base: Vec<f64> = self.base.iter().map(|&b| f64::from(b)).collect();
        let still = vec![0.0; self.rbm.hidden_count()];
        independent_log_partition(self.rbm, &base, &still)
    }

    /// −½(‖c_to‖² − ‖c_from‖²) with c_β = b_A + βd: the part of a Gaussian weight that no state changes.
    fn constant(&self, from: f64, to: f64) -> f64 {
        let [_, cross, own] = self.norms;
        -0.5 * (2.0 * (to - from) * cross + (to * to - from * from) * own)
    }

    /// v ~ p_β(v | h).
    fn sample_v(&self, h: &Tensor, beta: f64, draw: &Draw, v: &mut Tensor) -> Result<()> {
        self.rbm.v_from_h(h).at(beta as f32, &self.base_bias).sample_into(draw, v)
    }
}

/// Calls `step(temperatures, moved, number)` for each pair of neighbours: the weight's step between them, then, but at the
/// end, a transition that leaves f of the second, `moved`, invariant.
pub(super) fn walk(
    betas: &[f64],
    progress: &mut dyn FnMut(usize),
    mut step: impl FnMut([f64; 2], Option<f64>, u64) -> Result<()>,
) -> Result<()> {
    for (k, pair) in betas.windows(2).enumerate() {
        let last = k + 2 == betas.len();
        step([pair[0], pair[1]], (!last).then_some(pair[1]), k as u64)?;
        progress(k + 1);
    }
    Ok(())
}

/// The chains on their way.
struct Walk<'a> {
    path: &'a Path<'a>,
    v: Tensor,
    h: Tensor,
    field: Tensor,
    weights: Weights,
}

impl<'a> Walk<'a> {
    fn new(path: &'a Path<'a>, v: Tensor) -> Result<Self> {
        let count = v.shape().matrix("ais", "v")?[0];
        let (device, j) = (path.rbm.device(), path.rbm.hidden_count());
        let (h, field) =
            (Tensor::for_output(device, &[count, j])?, Tensor::for_output(device, &[count, j])?);
        Ok(Walk { path, v, h, field, weights: Weights::new(device, count)? })
    }

    /// Adds ln f_to(v) − ln f_from(v) to the weights; then, where `moved` is given, one Gibbs step at it.
    fn step(&mut self, [from, to]: [f64; 2], moved: Option<f64>, number: u64) -> Result<()> {
        let rbm = self.path.rbm;
        rbm.h_from_v(&self.v).field_into(&mut self.field)?;
        let draw = self.path.draw.at(number);
        let own = draw.hidden();
        let (tilt, hidden) = (&self.path.tilt, self.path.hidden);
        let chains = Chains { field: &self.field, v: &self.v, tilt, hidden };
        let sample = moved.map(|beta| Draws { beta: beta as f32, draw: &own, h: &mut self.h });
        let betas = [from as f32, to as f32];
        self.weights.add(|place| anneal(&chains, betas, place, sample))?;
        self.weights.constant += self.path.constant(from, to);
        if let Some(beta) = moved {
            self.path.sample_v(&self.h, beta, &draw.visible(), &mut self.v)?;
        }
        Ok(())
    }

    /// The weights at the end of a path.
    fn along(mut self, betas: &[f64], progress: &mut dyn FnMut(usize)) -> Result<Vec<f64>> {
        walk(betas, progress, |pair, moved, k| self.step(pair, moved, k))?;
        self.weights.finish()
    }
}
