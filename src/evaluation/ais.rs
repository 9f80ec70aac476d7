//! Annealed importance sampling of ln Z (Neal 2001; Salakhutdinov and Murray 2008), forwards from a base
//! machine and backwards from the model's own samples (Burda, Grosse and Salakhutdinov 2015).
//!
//! The path runs from the base, whose visible units are independent with bias b_A, to the model:
//! ln f_β(v) = ((1 − β)b_A + βb)ᵀv + Σⱼ softplus(β(aⱼ + vᵀW·ⱼ)); for Gaussian units
//! −½‖v − (1 − β)b_A − βb‖² + the same sum, so that the variance stays 1 at every temperature.
//!
//! In expectation the forward estimate of Z is right, so that of ln Z is too low (Jensen) and a likelihood
//! computed from it too high; the backward one errs the other way if its starting states are exact samples. Both
//! are bounds in expectation only: a single pair need not enclose the true value. A wide gap says that neither is
//! to be trusted.

use crate::error::{Error, Result};
use crate::kernels::Place;
use crate::kernels::activation::Activation;
use crate::kernels::anneal::{Chains, Hidden, anneal};
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::kernels::matmul::{Epilogue, Noise, Sampled, Transpose, matmul, matmul_sample};
use crate::models::enumeration::log_sum_exp;
use crate::models::{Rbm, VisibleKind};
use crate::random::{Draw, stream};
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
    fn new(base: f64, log_weights: Vec<f64>, sign: f64) -> Self {
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
pub struct AisConfig {
    /// b_A `[I]`: ln(p/(1 − p)) of the data's means (Gaussian: the means); zeros where there are no data.
    pub base_bias: Vec<f32>,
    /// The grid.
    pub temperatures: Temperatures,
    /// Chains: at least 2, 100 are usual.
    pub chains: usize,
    /// Of all draws.
    pub seed: u64,
}

/// Temperatures between two readings of the weights.
const ROWS: usize = 256;

/// ln Z by annealed importance sampling. All chains run on the machine's device; the weights are summed in f64
/// on the host. `progress` gets the number of temperature steps done.
///
/// # Errors
/// [`Error::Setting`] for fewer than 2 chains or a base bias of the wrong length, [`Error::Data`] where a weight
/// is not finite, device errors.
pub fn ais(rbm: &Rbm, config: &AisConfig, mut progress: impl FnMut(usize)) -> Result<Estimate> {
    let path = Path::new(rbm, config)?;
    let betas = config.temperatures.values();
    // β = 0 is the base: independent visible units.
    let mut v = Tensor::for_output(rbm.device(), &[config.chains, rbm.visible_count()])?;
    let still = Tensor::zeros(rbm.device(), &[config.chains, rbm.hidden_count()])?;
    path.sample_v(&still, 0.0, &path.draw(stream::CHAINS, 0), &mut v)?;
    let mut chains = Walk::new(&path, v)?;
    for (k, pair) in betas.windows(2).enumerate() {
        // The weight's step at v, then a transition that leaves f of the new temperature invariant.
        let last = k + 2 == betas.len();
        chains.step([pair[0], pair[1]], (!last).then_some(pair[1]), k as u64)?;
        progress(k + 1);
    }
    Ok(Estimate::new(path.base_log_partition(), chains.finish()?, 1.0))
}

/// ln Z by the same path walked backwards from `v` `[chains, I]`, which should be exact samples of the model:
/// from long Gibbs chains they are not quite. `config.chains` is not used.
///
/// # Errors
/// As [`ais`].
pub fn reverse_ais(
    rbm: &Rbm,
    config: &AisConfig,
    v: Tensor,
    mut progress: impl FnMut(usize),
) -> Result<Estimate> {
    let count = v.shape().matrix("reverse ais", "v")?[0];
    let path = Path::new(rbm, &AisConfig { chains: count, ..config.clone() })?;
    let mut chains = Walk::new(&path, v)?;
    let betas: Vec<f64> = config.temperatures.values().iter().rev().copied().collect();
    for (k, pair) in betas.windows(2).enumerate() {
        let last = k + 2 == betas.len();
        chains.step([pair[0], pair[1]], (!last).then_some(pair[1]), k as u64)?;
        progress(k + 1);
    }
    // These weights estimate Z_A / Z.
    Ok(Estimate::new(path.base_log_partition(), chains.finish()?, -1.0))
}

/// The annealing path of a machine.
struct Path<'a> {
    rbm: &'a Rbm,
    seed: u64,
    base: Vec<f32>,
    base_bias: Tensor,
    /// b − b_A.
    tilt: Tensor,
    /// For Gaussian units ‖b_A‖², b_A·d and ‖d‖², of which ‖c_β‖² is made.
    norms: [f64; 3],
}

impl<'a> Path<'a> {
    fn new(rbm: &'a Rbm, config: &AisConfig) -> Result<Self> {
        let (device, i) = (rbm.device(), rbm.visible_count());
        if config.base_bias.len() != i {
            return Err(Error::setting(
                "ais",
                format!("a base bias of {} values for {i} visible units", config.base_bias.len()),
            ));
        }
        if config.chains < 2 {
            return Err(Error::setting(
                "ais",
                format!("{} chains give no standard error; use at least 2", config.chains),
            ));
        }
        let base_bias = Tensor::from_f32(device, &[i], &config.base_bias)?;
        let mut tilt = Tensor::for_output(device, &[i])?;
        elementwise(Elementwise::SUBTRACT, &rbm.b, Some(&base_bias), &mut tilt)?;
        let own = tilt.to_vec()?;
        let dot = |x: &[f32], y: &[f32]| -> f64 {
            x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
        };
        let norms = match rbm.visible() {
            VisibleKind::Bernoulli => [0.0; 3],
            VisibleKind::Gaussian => [
                dot(&config.base_bias, &config.base_bias),
                dot(&config.base_bias, &own),
                dot(&own, &own),
            ],
        };
        let base = config.base_bias.clone();
        Ok(Path { rbm, seed: config.seed, base, base_bias, tilt, norms })
    }

    fn draw(&self, purpose: u16, step: u64) -> Draw {
        Draw::new(self.seed, purpose).at(step)
    }

    /// ln Z_A: the base's visible units alone, and J free hidden ones.
    fn base_log_partition(&self) -> f64 {
        let hidden = self.rbm.hidden_count() as f64 * std::f64::consts::LN_2;
        let visible: f64 = match self.rbm.visible() {
            VisibleKind::Bernoulli => {
                let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
                self.base.iter().map(|&b| softplus(f64::from(b))).sum()
            }
            VisibleKind::Gaussian => {
                0.5 * self.base.len() as f64 * (2.0 * std::f64::consts::PI).ln()
            }
        };
        visible + hidden
    }

    /// −½(‖c_to‖² − ‖c_from‖²) with c_β = b_A + βd: the part of a Gaussian weight that no state changes.
    fn constant(&self, from: f64, to: f64) -> f64 {
        let [_, cross, own] = self.norms;
        -0.5 * (2.0 * (to - from) * cross + (to * to - from * from) * own)
    }

    /// v ~ p_β(v | h).
    fn sample_v(&self, h: &Tensor, beta: f64, draw: &Draw, v: &mut Tensor) -> Result<()> {
        let (activation, noise) = match self.rbm.visible() {
            VisibleKind::Bernoulli => (Activation::Sigmoid, Noise::Bernoulli),
            VisibleKind::Gaussian => (Activation::Identity, Noise::Gaussian(1.0)),
        };
        let epilogue = Epilogue {
            alpha: beta as f32,
            beta: beta as f32,
            bias0: Some(&self.base_bias),
            bias1: Some(&self.rbm.b),
            activation,
            ..Epilogue::default()
        };
        let sampled = Sampled::new(noise, draw, v);
        matmul_sample(h, &self.rbm.w, Transpose::NT, &epilogue, sampled)
    }
}

/// The chains on their way.
struct Walk<'a> {
    path: &'a Path<'a>,
    v: Tensor,
    h: Tensor,
    field: Tensor,
    increments: Tensor,
    filled: usize,
    log_weights: Vec<f64>,
    constant: f64,
}

impl<'a> Walk<'a> {
    fn new(path: &'a Path<'a>, v: Tensor) -> Result<Self> {
        let count = v.shape().matrix("ais", "v")?[0];
        let (device, j) = (path.rbm.device(), path.rbm.hidden_count());
        Ok(Walk {
            path,
            v,
            h: Tensor::for_output(device, &[count, j])?,
            field: Tensor::for_output(device, &[count, j])?,
            increments: Tensor::zeros(device, &[ROWS, count])?,
            filled: 0,
            log_weights: vec![0.0; count],
            constant: 0.0,
        })
    }

    /// Adds ln f_to(v) − ln f_from(v) to the weights; then, where `moved` is given, one Gibbs step at it.
    fn step(&mut self, [from, to]: [f64; 2], moved: Option<f64>, number: u64) -> Result<()> {
        let rbm = self.path.rbm;
        let epilogue = Epilogue::new(&rbm.a, Activation::Identity);
        matmul(&self.v, &rbm.w, Transpose::NN, &epilogue, &mut self.field)?;
        let draw = self.path.draw(stream::HIDDEN, number);
        let chains = Chains { field: &self.field, v: &self.v, tilt: &self.path.tilt };
        let sample = moved.map(|beta| Hidden { beta: beta as f32, draw: &draw, h: &mut self.h });
        let betas = [from as f32, to as f32];
        anneal(&chains, betas, Place::at(&mut self.increments, self.filled), sample)?;
        self.constant += self.path.constant(from, to);
        self.filled += 1;
        if self.filled == ROWS {
            self.collect()?;
        }
        if let Some(beta) = moved {
            let draw = self.path.draw(stream::VISIBLE, number);
            self.path.sample_v(&self.h, beta, &draw, &mut self.v)?;
        }
        Ok(())
    }

    /// Adds the increments since the last reading, in f64.
    fn collect(&mut self) -> Result<()> {
        let increments = self.increments.to_vec()?;
        let count = self.log_weights.len();
        for row in increments.chunks(count).take(self.filled) {
            self.log_weights.iter_mut().zip(row).for_each(|(w, &x)| *w += f64::from(x));
        }
        self.filled = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<f64>> {
        self.collect()?;
        let constant = self.constant;
        self.log_weights.iter_mut().for_each(|w| *w += constant);
        match self.log_weights.iter().all(|w| w.is_finite()) {
            true => Ok(self.log_weights),
            false => Err(Error::data(
                "ais",
                "a chain's weight is not finite; the model's parameters are too large or not finite",
            )),
        }
    }
}
