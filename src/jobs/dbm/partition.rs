//! ln Z of a trained deep machine: exactly, or by annealing both ways.

use crate::error::Result;
use crate::evaluation::ais::{AisConfig, Temperatures};
use crate::evaluation::deep_ais::{deep_ais, deep_reverse_ais};
use crate::jobs::pieces::Places;
use crate::jobs::rbm::{EvaluationConfig, Method, Partition, Progress, STEPS, starts};
use crate::jobs::rows::upload_rows;
use crate::models::dbm::exact::{ExactDbm, can_enumerate};
use crate::models::{DeepBoltzmannMachine, DeepChains, MeanField};
use crate::tensor::Tensor;

/// Cases whose means tell the base of the annealing.
const SEEN: usize = 1000;

/// ln Z, and the sums of a small machine, of which each case's exact likelihood comes.
pub(super) fn partition(
    dbm: &DeepBoltzmannMachine,
    config: &EvaluationConfig,
    (cases, how): (&dyn Places, MeanField),
    progress: &mut dyn FnMut(Progress),
) -> Result<(Partition, Option<ExactDbm>)> {
    let temperatures = match &config.method {
        Method::Annealed(temperatures) => temperatures.clone(),
        Method::Automatic if !can_enumerate(dbm) => Temperatures::linear(STEPS)?,
        Method::Automatic | Method::Exact => {
            let exact = ExactDbm::new(dbm)?;
            return Ok((Partition::exact(exact.log_partition()), Some(exact)));
        }
    };
    let steps = temperatures.steps();
    let annealing = AisConfig::new(base_bias(dbm, cases, how)?)
        .temperatures(temperatures)
        .chains(config.chains)
        .seed(config.seed)
        .ranks(config.ranks.clone());
    let mut tell =
        |what, done| progress(Progress { what, done: done as u64, of: 2 * steps as u64 });
    let forwards = "annealing from the base to the machine";
    tell(forwards, 0);
    let forward = deep_ais(dbm, &annealing, |done| tell(forwards, done))?;
    let backwards = "annealing from the machine to the base";
    tell(backwards, steps);
    let states = samples(dbm, cases, config)?;
    let reverse = deep_reverse_ais(dbm, &annealing, states, |done| tell(backwards, steps + done))?;
    let found = Partition {
        log_partition: forward.log_partition,
        forward: Some(forward),
        reverse: Some(reverse),
        temperatures: Some(steps + 1),
    };
    Ok((found, None))
}

/// The odd layers' biases by their means over some cases.
fn base_bias(dbm: &DeepBoltzmannMachine, cases: &dyn Places, how: MeanField) -> Result<Vec<f32>> {
    let first: Vec<u32> = (0..SEEN.min(cases.places()) as u32).collect();
    let v = upload_rows(dbm.device(), &cases.take(&first)?, 0, SEEN)?;
    let posterior = dbm.posterior(&v, how)?;
    let mut biases = Vec::new();
    for layer in (1..=dbm.hidden_layers()).step_by(2) {
        let units = dbm.units(layer);
        let values = posterior.means(layer).to_vec()?;
        let rows = (values.len() / units.count()).max(1) as f64;
        let mean = |unit: usize| {
            let own = values.iter().skip(unit).step_by(units.count());
            (own.map(|&x| f64::from(x)).sum::<f64>() / rows) as f32
        };
        let means: Vec<f32> = (0..units.count()).map(mean).collect();
        biases.extend(units.bias_of_means(&means));
    }
    Ok(biases)
}

/// This rank's chains that started at cases of the data and ran for the burn-in.
fn samples(
    dbm: &DeepBoltzmannMachine,
    cases: &dyn Places,
    config: &EvaluationConfig,
) -> Result<Vec<Tensor>> {
    let (picked, draw) = starts(cases.places(), config);
    if picked.is_empty() {
        let none = |layer| Tensor::zeros(dbm.device(), &[0, dbm.units(layer).count()]);
        return (0..=dbm.hidden_layers()).map(none).collect();
    }
    let v = upload_rows(dbm.device(), &cases.take(&picked)?, 0, picked.len())?;
    let mut chains = DeepChains::from_data(dbm, v, draw)?;
    chains.step(config.burn_in)?;
    Ok(chains.into_states())
}
