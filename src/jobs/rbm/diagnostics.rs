//! What tells whether a machine's chains mix, and whether its samples are like the data.

use serde::{Deserialize, Serialize};

use super::config::EvaluationConfig;
use super::trained::TrainedRbm;
use crate::data::Cases;
use crate::error::Result;
use crate::evaluation::adversarial::{Adversarial, adversarial_accuracy_on};
use crate::evaluation::autocorrelation::{Autocorrelation, autocorrelation};
use crate::evaluation::spectrum::singular_values;
use crate::jobs::Choice;
use crate::jobs::rows::{ROWS, upload_rows};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::{Chains, Rbm};
use crate::random::{ChainDraw, ChainStreams};
use crate::ranks::Ranks;
use crate::run::curves::{Along, Panel, Series};
use crate::tensor::Tensor;

/// Steps of each chain that are looked at.
const STEPS: u64 = 2000;
/// Steps between two readings.
const KEPT: u64 = 100;
/// Times at which the chains' states are taken as samples.
const TAKEN: u64 = 10;
/// Of a histogram.
const BINS: usize = 50;

/// What chains and samples say of a machine; part of `eval.json`. What does not apply is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostics {
    /// Chains, each begun by the visible biases.
    pub chains: usize,
    /// Steps before the first that counts.
    pub burn_in: u64,
    /// Steps that count.
    pub steps: u64,
    /// Of the free energy along a chain; null where it never changes.
    pub free_energy: Option<Time>,
    /// Of the sum of the visible states.
    pub visible_sum: Option<Time>,
    /// Free energies of the chains' states.
    pub samples: Histogram,
    /// Of the cases, over the same edges.
    pub data: Option<Histogram>,
    /// The histograms' edges, one more than densities.
    pub free_energy_edges: Vec<f64>,
    /// How many cases and samples are told apart.
    pub adversarial_cases: Option<usize>,
    /// The share of cases whose nearest neighbour is a case: ½ where samples are as data are.
    pub adversarial_accuracy_data: Option<f64>,
    /// The share of samples whose nearest neighbour is a sample.
    pub adversarial_accuracy_samples: Option<f64>,
    /// Of W, the largest first.
    pub singular_values: Vec<f64>,
}

/// An integrated autocorrelation time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// In steps.
    pub time: f64,
    /// Its standard error.
    pub std_error: f64,
    /// Sokal's window.
    pub window: usize,
    /// Whether the chains are long enough to tell.
    pub resolved: bool,
}

impl From<Autocorrelation> for Time {
    fn from(a: Autocorrelation) -> Self {
        let Autocorrelation { time, std_error, window, resolved } = a;
        Time { time, std_error, window, resolved }
    }
}

/// Free energies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Of all.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// In each bin; over all bins they sum to 1 with the bins' widths.
    pub density: Vec<f64>,
}

impl TrainedRbm {
    /// Runs chains from the biases and looks at them; beside some cases, or those of the data that the machine was trained
    /// on, where there are any. Of `config` chains, burn-in, seed and ranks are used.
    ///
    /// # Errors
    /// As [`TrainedRbm::cases`]; device errors.
    pub fn diagnose(
        &self,
        choice: &Choice<'_>,
        config: &EvaluationConfig,
        progress: &mut dyn FnMut(super::Progress),
    ) -> Result<Diagnostics> {
        let meant = choice.means_cases(self.origin.data.as_deref());
        let cases = meant.then(|| self.cases(choice)).transpose()?.map(|chosen| chosen.cases);
        let seen = walk(&self.rbm, config, progress)?;
        let data = match &cases {
            Some(cases) => free_energies(&self.rbm, cases, &config.ranks)?,
            None => Vec::new(),
        };
        let edges = edges(seen.free_energies.iter().chain(&data));
        let told = match &cases {
            Some(cases) => tell_apart(&self.rbm, cases, seen.states, &config.ranks)?,
            None => None,
        };
        let chains = config.chains.max(1);
        let time = |series: &[f32]| autocorrelation(series, chains).ok().map(Time::from);
        Ok(Diagnostics {
            chains,
            burn_in: config.burn_in,
            steps: STEPS,
            free_energy: time(&seen.free_energies),
            visible_sum: time(&seen.sums),
            samples: histogram(&seen.free_energies, &edges),
            data: (!data.is_empty()).then(|| histogram(&data, &edges)),
            free_energy_edges: edges,
            adversarial_cases: told.map(|(count, _)| count),
            adversarial_accuracy_data: told.map(|(_, a)| a.data),
            adversarial_accuracy_samples: told.map(|(_, a)| a.samples),
            singular_values: singular_values(self.rbm.weights())?,
        })
    }
}

/// What chains did.
struct Seen {
    /// `[steps, chains]`.
    free_energies: Vec<f32>,
    /// `[steps, chains]`.
    sums: Vec<f32>,
    /// Visible states at some times, one after the other.
    states: Vec<f32>,
}

/// Free energies of cases, which ranks find by turns.
fn free_energies(rbm: &Rbm, cases: &Cases, ranks: &Ranks) -> Result<Vec<f32>> {
    let found = ranks.numbers(cases.len().div_ceil(ROWS), &mut |piece| {
        let v = upload_rows(rbm.device(), cases, piece * ROWS, ROWS)?;
        Ok(rbm.free_energy(&v)?.to_vec()?.into_iter().map(f64::from).collect())
    })?;
    Ok(found.concat().into_iter().map(|energy| energy as f32).collect())
}

/// Each rank its part of the chains; what all did.
fn walk(
    rbm: &Rbm,
    config: &EvaluationConfig,
    progress: &mut dyn FnMut(super::Progress),
) -> Result<Seen> {
    let of = config.burn_in + STEPS;
    let mut tell = |done| progress(super::Progress { what: "looking at free chains", done, of });
    tell(0);
    let ranks = &config.ranks;
    let own = ranks.own(config.chains.max(1));
    let mut seen = Seen { free_energies: Vec::new(), sums: Vec::new(), states: Vec::new() };
    if !own.is_empty() {
        let draw = ChainDraw::new(config.seed, ChainStreams::DIAGNOSTICS);
        let draw = draw.from_chain(own.start as u32);
        seen.follow((rbm, Chains::start(rbm, own.len(), draw)?), config.burn_in, &mut tell)?;
    }
    Ok(Seen {
        free_energies: ranks.beside(seen.free_energies, STEPS as usize)?,
        sums: ranks.beside(seen.sums, STEPS as usize)?,
        states: ranks.beside(seen.states, TAKEN as usize)?,
    })
}

impl Seen {
    /// Takes in what chains of `rbm` do.
    fn follow(
        &mut self,
        (rbm, mut chains): (&Rbm, Chains<'_>),
        burn_in: u64,
        tell: &mut dyn FnMut(u64),
    ) -> Result<()> {
        for first in (0..burn_in).step_by(KEPT as usize) {
            chains.step(KEPT.min(burn_in - first))?;
            tell(first);
        }
        for first in (0..STEPS).step_by(KEPT as usize) {
            let mut kept = Vec::new();
            for _ in 0..KEPT {
                chains.step(1)?;
                let v = chains.visible();
                kept.push([rbm.free_energy(v)?, reduce(Reduction::Sum, Axis::Rows, 1.0, v)?]);
            }
            for [free_energies, sums] in kept {
                self.free_energies.extend(free_energies.to_vec()?);
                self.sums.extend(sums.to_vec()?);
            }
            if (first + KEPT).is_multiple_of(STEPS / TAKEN) {
                self.states.extend(chains.visible().to_vec()?);
            }
            tell(burn_in + first + KEPT);
        }
        Ok(())
    }
}

/// As many of the cases as there are samples, or the other way round, and how well they are told apart; nothing of fewer
/// than 2.
fn tell_apart(
    rbm: &Rbm,
    cases: &Cases,
    states: Vec<f32>,
    ranks: &Ranks,
) -> Result<Option<(usize, Adversarial)>> {
    let width = rbm.visible_count();
    let samples = states.len() / width;
    let count = samples.min(cases.len());
    if count < 2 {
        return Ok(None);
    }
    // From all of both: neither begins with its like.
    let picked: Vec<u32> = (0..count).map(|k| (k * cases.len() / count) as u32).collect();
    let data = upload_rows(rbm.device(), &cases.select(&picked)?, 0, count)?;
    let rows = (0..count).map(|k| k * samples / count);
    let taken: Vec<f32> =
        rows.flat_map(|k| states[k * width..(k + 1) * width].iter().copied()).collect();
    let samples = Tensor::from_f32(rbm.device(), &[count, width], &taken)?;
    Ok(Some((count, adversarial_accuracy_on(ranks, &data, &samples)?)))
}

/// Equal bins over all values.
fn edges<'a>(values: impl Iterator<Item = &'a f32>) -> Vec<f64> {
    let (low, high) = values
        .map(|&x| f64::from(x))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let (low, high) = match high - low {
        span if span > 0.0 => (low, high),
        _ => (low - 0.5, low + 0.5),
    };
    (0..=BINS).map(|k| low + (high - low) * k as f64 / BINS as f64).collect()
}

fn histogram(values: &[f32], edges: &[f64]) -> Histogram {
    let (n, bins) = (values.len() as f64, edges.len() - 1);
    let (low, width) = (edges[0], (edges[bins] - edges[0]) / bins as f64);
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let squares = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
    let mut density = vec![0.0; bins];
    for &x in values {
        let at = ((f64::from(x) - low) / width) as usize;
        density[at.min(bins - 1)] += 1.0 / (n * width);
    }
    Histogram { mean, deviation: (squares / n).sqrt(), density }
}

impl Diagnostics {
    /// The histograms and the singular values as diagrams.
    pub fn panels(&self) -> [Panel; 2] {
        let middles = self.free_energy_edges.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
        let line = |name: &str, of: &Histogram| Series {
            name: format!("{name}, mean {:.2}", of.mean),
            points: middles.clone().zip(of.density.iter().copied()).collect(),
        };
        let data = self.data.as_ref().map(|data| line("data", data));
        let energies = Panel {
            title: "Free energies".into(),
            x: Along::Other("free energy, nats".into()),
            y_label: "density".into(),
            series: [line("samples", &self.samples)].into_iter().chain(data).collect(),
        };
        let values = self.singular_values.iter().enumerate();
        let spectrum = Series {
            name: "singular values".into(),
            points: values.map(|(k, &value)| ((k + 1) as f64, value)).collect(),
        };
        let spectrum = Panel {
            title: "Singular values of W".into(),
            x: Along::Other("number, the largest first".into()),
            y_label: "value".into(),
            series: vec![spectrum],
        };
        [energies, spectrum]
    }
}
