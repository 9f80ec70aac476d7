//! ln Z of a trained machine: exactly, or by annealing both ways.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::config::{EvaluationConfig, Method};
use crate::error::Result;
use crate::evaluation::ais::{AisConfig, Estimate, Temperatures, ais, reverse_ais};
use crate::evaluation::partition::{can_enumerate, exact_log_partition};
use crate::jobs::pieces::Places;
use crate::jobs::rows::upload_rows;
use crate::models::{Chains, Rbm};
use crate::random::{ChainDraw, ChainStreams, PhiloxRng};
use crate::tensor::Tensor;

/// Temperature steps where nothing else is said.
pub(in crate::jobs) const STEPS: usize = 10_000;

/// How far an evaluation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is going on, in words.
    pub what: &'static str,
    /// Steps done.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

/// ln Z, however it was found.
pub(in crate::jobs) struct Partition {
    pub log_partition: f64,
    pub forward: Option<Estimate>,
    pub reverse: Option<Estimate>,
    pub temperatures: Option<usize>,
}

/// The cases that are scored, and the means of the training part, as the machine sees them; where there are any, samples of
/// the machine that are better than those of chains from the cases.
#[derive(Clone, Copy)]
pub(in crate::jobs) struct Seen<'a> {
    pub cases: &'a dyn Places,
    pub means: &'a [f32],
    pub samples: Option<&'a Tensor>,
}

/// Whether ln Z is found by annealing.
pub(super) fn is_annealed(rbm: &Rbm, config: &EvaluationConfig) -> bool {
    match config.method {
        Method::Annealed(_) => true,
        Method::Automatic => !can_enumerate(rbm),
        Method::Exact => false,
    }
}

pub(in crate::jobs) fn partition(
    rbm: &Rbm,
    config: &EvaluationConfig,
    seen: Option<Seen<'_>>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Partition> {
    if !is_annealed(rbm, config) {
        return Ok(Partition::exact(exact_log_partition(rbm)?));
    }
    let temperatures = match &config.method {
        Method::Annealed(temperatures) => temperatures.clone(),
        _ => Temperatures::linear(STEPS)?,
    };
    annealed(rbm, config, seen, temperatures, progress)
}

fn annealed(
    rbm: &Rbm,
    config: &EvaluationConfig,
    seen: Option<Seen<'_>>,
    temperatures: Temperatures,
    progress: &mut dyn FnMut(Progress),
) -> Result<Partition> {
    let base_bias = match seen {
        Some(seen) => rbm.visible().bias_of_means(seen.means),
        None => vec![0.0; rbm.visible_count()],
    };
    let steps = temperatures.steps();
    let annealing = AisConfig::new(base_bias)
        .temperatures(temperatures)
        .chains(config.chains)
        .seed(config.seed)
        .ranks(config.ranks.clone());
    let mut tell =
        |what, done| progress(Progress { what, done: done as u64, of: 2 * steps as u64 });
    let forwards = "annealing from the base to the model";
    tell(forwards, 0);
    let forward = ais(rbm, &annealing, |done| tell(forwards, done))?;
    let reverse = match seen {
        // Without data there is nowhere near the model to start from.
        None => None,
        Some(seen) => {
            let backwards = "annealing from the model to the base";
            tell(backwards, steps);
            let v = match seen.samples {
                Some(samples) => samples.rows(config.ranks.own(config.chains))?,
                None => model_samples(rbm, seen.cases, config)?,
            };
            Some(reverse_ais(rbm, &annealing, v, |done| tell(backwards, steps + done))?)
        }
    };
    Ok(Partition {
        log_partition: forward.log_partition,
        forward: Some(forward),
        reverse,
        temperatures: Some(steps + 1),
    })
}

/// This rank's chains that started at cases of the data and ran for the burn-in.
fn model_samples(rbm: &Rbm, cases: &dyn Places, config: &EvaluationConfig) -> Result<Tensor> {
    let (picked, draw) = starts(cases.places(), config);
    if picked.is_empty() {
        return Tensor::zeros(rbm.device(), &[0, rbm.visible_count()]);
    }
    let v = upload_rows(rbm.device(), &cases.take(&picked)?, 0, picked.len())?;
    let mut chains = Chains::from_states(rbm, v, draw)?;
    chains.step(config.burn_in)?;
    Ok(chains.into_visible())
}

/// At which of so many cases this rank's chains start, and their numbers.
pub(in crate::jobs) fn starts(cases: usize, config: &EvaluationConfig) -> (Vec<u32>, ChainDraw) {
    let draw = ChainDraw::new(config.seed, ChainStreams::BURN_IN);
    let mut rng = PhiloxRng::new(draw.start());
    let all: Vec<u32> = (0..config.chains).map(|_| rng.below(cases as u32)).collect();
    let own = config.ranks.own(config.chains);
    (all[own.clone()].to_vec(), draw.from_chain(own.start as u32))
}

/// ln Z as evaluations tell it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LogPartition {
    /// ln Z; as JSON `log_partition`.
    pub value: f64,
    /// `exact` or `ais`; as JSON, and so on below, `log_partition_method`.
    pub method: &'static str,
    /// 0 where it is exact.
    pub std_error: f64,
    /// Three standard errors either way.
    pub interval: [Option<f64>; 2],
    /// ln Z by reverse annealing.
    pub reverse: Option<f64>,
    /// Its standard error.
    pub reverse_std_error: Option<f64>,
}

impl LogPartition {
    pub(in crate::jobs) fn of(z: &Partition) -> Self {
        let (forward, reverse) = (z.forward.as_ref(), z.reverse.as_ref());
        LogPartition {
            value: z.log_partition,
            method: if forward.is_some() { "ais" } else { "exact" },
            std_error: forward.map_or(0.0, |e| e.std_error),
            interval: z.interval(),
            reverse: reverse.map(|e| e.log_partition),
            reverse_std_error: reverse.map(|e| e.std_error),
        }
    }

    /// Writes that of an evaluation that may have none: all is null then.
    pub(in crate::jobs) fn or_null<S: Serializer>(
        found: &Option<Self>,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        let found = found.as_ref();
        let entries: [(&str, Value); 6] = [
            ("log_partition", found.map(|z| z.value).into()),
            ("log_partition_method", found.map(|z| z.method).into()),
            ("log_partition_std_error", found.map(|z| z.std_error).into()),
            ("log_partition_interval", found.map(|z| z.interval.map(Value::from).to_vec()).into()),
            ("log_partition_reverse", found.and_then(|z| z.reverse).into()),
            ("log_partition_reverse_std_error", found.and_then(|z| z.reverse_std_error).into()),
        ];
        serializer.collect_map(entries)
    }
}

impl Serialize for LogPartition {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Self::or_null(&Some(self.clone()), serializer)
    }
}

impl Partition {
    /// ln Z without an error.
    pub(in crate::jobs) fn exact(log_partition: f64) -> Self {
        Partition { log_partition, forward: None, reverse: None, temperatures: None }
    }

    /// Three standard errors either way.
    pub(in crate::jobs) fn interval(&self) -> [Option<f64>; 2] {
        let finite = |x: f64| x.is_finite().then_some(x);
        match &self.forward {
            Some(estimate) => estimate.interval.map(finite),
            None => [Some(self.log_partition); 2],
        }
    }

    /// Whether both directions agree within three of their standard errors.
    pub(in crate::jobs) fn trusted(&self) -> Option<bool> {
        let (a, b) = (self.forward.as_ref()?, self.reverse.as_ref()?);
        let apart = (a.log_partition - b.log_partition).abs();
        Some(apart <= 3.0 * a.std_error.hypot(b.std_error))
    }
}
