//! `harmonium eval`.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::args::{EvalOptions, Split};
use super::log::warn;
use super::model::{LoadedModel, no_test_part, upload_rows};
use super::open_device;
use super::print::{out, tell};
use crate::data::{Cases, Part, Splits};
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::ais::{AisConfig, Estimate, Temperatures, ais, reverse_ais};
use crate::evaluation::partition::{can_enumerate, exact_log_partition};
use crate::evaluation::scores;
use crate::models::{Chains, Rbm, UnitKind};
use crate::random::{ChainDraw, ChainStreams, Draw, PhiloxRng, stream};
use crate::run::{EVAL, atomic, model_kind, resolve_model};
use crate::tensor::Tensor;

/// Cases on the device at once.
const ROWS: usize = 4096;
/// Turned cases of the stochastic pseudo-likelihood, unless two a case are more.
const TURNED: usize = 2000;
/// Temperature steps where nothing else is said.
const STEPS: usize = 10_000;

/// What `--json` prints and a run's `eval.json` holds. What does not apply is null. Logarithms are natural.
#[derive(Serialize)]
struct Report {
    log_partition: f64,
    /// `exact` or `ais`.
    log_partition_method: &'static str,
    /// 0 where it is exact.
    log_partition_std_error: f64,
    /// Three standard errors either way.
    log_partition_interval: [Option<f64>; 2],
    log_partition_reverse: Option<f64>,
    log_partition_reverse_std_error: Option<f64>,
    /// Whether both directions agree within their errors; null where log Z is exact or there is one direction.
    trusted: Option<bool>,
    mean_log_likelihood: Option<f64>,
    /// Over the cases; log Z's own error is not in it.
    mean_log_likelihood_std_error: Option<f64>,
    /// With the reverse estimate in the place of log Z.
    mean_log_likelihood_reverse: Option<f64>,
    pseudo_log_likelihood: Option<f64>,
    /// For the choice of the units that were turned; 0 where all were.
    pseudo_log_likelihood_std_error: Option<f64>,
    /// `exact`, or `stochastic`.
    pseudo_log_likelihood_method: Option<&'static str>,
    reconstruction_error: Option<f64>,
    cases: Option<usize>,
    data: Option<String>,
    split: Option<&'static str>,
    /// Whether the numbers are in the standardised space of the training data.
    standardized: bool,
    temperatures: Option<usize>,
    chains: Option<usize>,
    seed: u64,
    seconds: f64,
    device: DeviceInfo,
    harmonium: &'static str,
}

pub fn run(options: &EvalOptions) -> Result<()> {
    if options.limit == Some(0) {
        return Err(Error::setting("limit", "0 is too few; use at least 1"));
    }
    let path = resolve_model(&options.model.model)?;
    if model_kind(&path)? == "network" {
        return super::network::eval(options);
    }
    if options.out.is_some() {
        let detail = "takes the pictures of a network's evaluation; a machine has none";
        return Err(Error::setting("out", detail));
    }
    let temperatures = temperatures(options)?;
    let device = open_device(&options.device.device)?;
    let model = LoadedModel::open(&options.model, &device)?;
    let start = Instant::now();
    let evaluated = Evaluated::load(options, &model)?;
    let partition = match temperatures {
        Some(temperatures) => annealed(options, &model, &evaluated, temperatures)?,
        None if options.exact || can_enumerate(&model.rbm) => {
            let log_partition = exact_log_partition(&model.rbm)?;
            Partition { log_partition, forward: None, reverse: None, temperatures: None }
        }
        None => annealed(options, &model, &evaluated, Temperatures::linear(STEPS)?)?,
    };
    let mut report = partition.report(options, &model, &evaluated);
    evaluated.score(options, &model, &partition, &mut report)?;
    report.seconds = start.elapsed().as_secs_f64();
    let json =
        serde_json::to_string_pretty(&report).map_err(|e| Error::data("eval", e.to_string()))?;
    if options.model.model.is_dir() {
        let path = options.model.model.join(EVAL);
        atomic::write(&path, |file| file.write_all(format!("{json}\n").as_bytes()))?;
    }
    if options.json {
        out!("{json}");
        return Ok(());
    }
    report.print()
}

/// The grid that was asked for, if one was.
fn temperatures(options: &EvalOptions) -> Result<Option<Temperatures>> {
    if options.ais_grid.is_some() {
        return Ok(Some(Temperatures::salakhutdinov()));
    }
    options.ais.map(Temperatures::linear).transpose()
}

/// The data, where there are any.
struct Evaluated {
    cases: Option<Cases>,
    name: Option<String>,
    split: Option<Split>,
    /// Of the training part, as the machine saw it.
    means: Option<Vec<f32>>,
}

impl Evaluated {
    fn load(options: &EvalOptions, model: &LoadedModel) -> Result<Self> {
        let Some(name) = options.data.clone().or_else(|| model.data.clone()) else {
            tell(
                "note: no data are named, here or in the model: log Z alone, from a base of fair coins; \
                  --data names some",
            );
            return Ok(Evaluated { cases: None, name: None, split: None, means: None });
        };
        let Splits { train, test } = crate::data::load(&name)?;
        let split = match (options.split, &test) {
            (Some(split), _) => split,
            (None, Some(_)) => Split::Test,
            (None, None) => Split::Train,
        };
        let (cases, means) = match (split, test) {
            (Split::Train, _) => {
                let cases = model.treat(&name, train, Part::Train, options.limit)?;
                let means = cases.means();
                (cases, means)
            }
            (Split::Test, Some(test)) => {
                let cases = model.treat(&name, test, Part::Test, options.limit)?;
                (cases, model.treat(&name, train, Part::Train, None)?.means())
            }
            (Split::Test, None) => return Err(no_test_part(&name)),
        };
        Ok(Evaluated {
            cases: Some(cases),
            name: Some(name),
            split: Some(split),
            means: Some(means),
        })
    }

    /// Fills in what needs cases.
    fn score(
        &self,
        options: &EvalOptions,
        model: &LoadedModel,
        z: &Partition,
        report: &mut Report,
    ) -> Result<()> {
        let Some(cases) = &self.cases else { return Ok(()) };
        let rbm = &model.rbm;
        let bernoulli = rbm.visible().kind() == UnitKind::Bernoulli;
        let likelihood = !bernoulli || cases.is_binary();
        if !likelihood {
            warn(
                "the data are not 0 or 1, so a machine of Bernoulli units gives them no likelihood; \
                 binarise them in training (--binarize)",
            );
        }
        let (mut free_energies, mut errors, mut pseudo, mut variance) = (Vec::new(), 0.0, 0.0, 0.0);
        let turns =
            scores::affordable_turns(TURNED + cases.len(), cases.len(), rbm.visible_count());
        for first in (0..cases.len()).step_by(ROWS) {
            let v = upload_rows(rbm.device(), cases, first, ROWS)?;
            let rows = v.shape().dims()[0] as f64;
            errors += rows * scores::reconstruction_error(rbm, &v)?;
            if likelihood {
                free_energies.extend(rbm.free_energy(&v)?.to_vec()?.into_iter().map(f64::from));
                let draw = Draw::new(report.seed, stream::EVALUATION).from_case(first as u32);
                match options.exact_pseudo {
                    true => {
                        let score = scores::exact_pseudo_log_likelihood(rbm, &v)?;
                        pseudo += rows * score.unwrap_or(0.0);
                    }
                    false => {
                        if let Some(score) = scores::pseudo_log_likelihood(rbm, &v, turns, &draw)? {
                            pseudo += rows * score.mean;
                            variance += (rows * score.std_error).powi(2);
                        }
                    }
                }
            }
        }
        let n = cases.len() as f64;
        report.reconstruction_error = Some(errors / n);
        if likelihood {
            let mean = free_energies.iter().sum::<f64>() / n;
            let squares = free_energies.iter().map(|f| (f - mean).powi(2)).sum::<f64>();
            report.mean_log_likelihood = Some(-mean - z.log_partition);
            report.mean_log_likelihood_std_error = Some((squares / (n - 1.0).max(1.0) / n).sqrt());
            report.mean_log_likelihood_reverse =
                z.reverse.as_ref().map(|reverse| -mean - reverse.log_partition);
            report.pseudo_log_likelihood = bernoulli.then_some(pseudo / n);
            report.pseudo_log_likelihood_std_error = bernoulli.then_some(variance.sqrt() / n);
            let method = if options.exact_pseudo { "exact" } else { "stochastic" };
            report.pseudo_log_likelihood_method = bernoulli.then_some(method);
        }
        Ok(())
    }
}

/// ln Z, however it was found.
struct Partition {
    log_partition: f64,
    forward: Option<Estimate>,
    reverse: Option<Estimate>,
    temperatures: Option<usize>,
}

fn annealed(
    options: &EvalOptions,
    model: &LoadedModel,
    data: &Evaluated,
    temperatures: Temperatures,
) -> Result<Partition> {
    let rbm = &model.rbm;
    let base_bias = match &data.means {
        Some(means) => rbm.visible().bias_of_means(means),
        None => vec![0.0; rbm.visible_count()],
    };
    let steps = temperatures.steps();
    let config = AisConfig { base_bias, temperatures, chains: options.chains, seed: options.seed };
    let bar = bar(2 * steps as u64);
    bar.set_message("annealing from the base to the model");
    let forward = ais(rbm, &config, |done| bar.set_position(done as u64))?;
    let reverse = match &data.cases {
        // Without data there is nowhere near the model to start from.
        None => None,
        Some(cases) => {
            bar.set_message("annealing from the model to the base");
            let v = model_samples(rbm, cases, options)?;
            Some(reverse_ais(rbm, &config, v, |done| bar.set_position((steps + done) as u64))?)
        }
    };
    bar.finish_and_clear();
    Ok(Partition {
        log_partition: forward.log_partition,
        forward: Some(forward),
        reverse,
        temperatures: Some(steps + 1),
    })
}

fn bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {wide_bar:.cyan/238} [{elapsed} < {eta}]")
    {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Chains that started at cases of the data and ran for the burn-in.
fn model_samples(rbm: &Rbm, cases: &Cases, options: &EvalOptions) -> Result<Tensor> {
    let draw = ChainDraw::new(options.seed, ChainStreams::BURN_IN);
    let mut rng = PhiloxRng::new(draw.start());
    let picked: Vec<u32> = (0..options.chains).map(|_| rng.below(cases.len() as u32)).collect();
    let v = upload_rows(rbm.device(), &cases.select(&picked)?, 0, options.chains)?;
    let mut chains = Chains::from_states(rbm, v, draw)?;
    chains.step(options.burn_in)?;
    Ok(chains.into_visible())
}

impl Partition {
    fn report(&self, options: &EvalOptions, model: &LoadedModel, data: &Evaluated) -> Report {
        let finite = |x: f64| x.is_finite().then_some(x);
        let interval = match &self.forward {
            Some(estimate) => estimate.interval.map(finite),
            None => [Some(self.log_partition); 2],
        };
        let trusted = match (&self.forward, &self.reverse) {
            (Some(a), Some(b)) => Some(
                (a.log_partition - b.log_partition).abs() <= 3.0 * a.std_error.hypot(b.std_error),
            ),
            _ => None,
        };
        Report {
            log_partition: self.log_partition,
            log_partition_method: if self.forward.is_some() { "ais" } else { "exact" },
            log_partition_std_error: self.forward.as_ref().map_or(0.0, |e| e.std_error),
            log_partition_interval: interval,
            log_partition_reverse: self.reverse.as_ref().map(|e| e.log_partition),
            log_partition_reverse_std_error: self.reverse.as_ref().map(|e| e.std_error),
            trusted,
            mean_log_likelihood: None,
            mean_log_likelihood_std_error: None,
            mean_log_likelihood_reverse: None,
            pseudo_log_likelihood: None,
            pseudo_log_likelihood_std_error: None,
            pseudo_log_likelihood_method: None,
            reconstruction_error: None,
            cases: data.cases.as_ref().map(Cases::len),
            data: data.name.clone(),
            split: data.split.map(|split| match split {
                Split::Train => "train",
                Split::Test => "test",
            }),
            standardized: model.preprocessing.mean.is_some(),
            temperatures: self.temperatures,
            chains: self.forward.as_ref().map(|_| options.chains),
            seed: options.seed,
            seconds: 0.0,
            device: model.rbm.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl Report {
    fn print(&self) -> Result<()> {
        match self.log_partition_method {
            "exact" => out!("log Z: {:.4} (exact)", self.log_partition),
            _ => {
                let [low, high] = self
                    .log_partition_interval
                    .map(|x| x.map_or("-inf".into(), |x| format!("{x:.3}")));
                out!(
                    "log Z: {:.3} by AIS, standard error {:.3}, three errors {low} to {high}",
                    self.log_partition,
                    self.log_partition_std_error
                );
            }
        }
        if let (Some(z), Some(error)) =
            (self.log_partition_reverse, self.log_partition_reverse_std_error)
        {
            out!("log Z: {z:.3} by reverse AIS, standard error {error:.3}");
        }
        if self.trusted == Some(false) {
            out!(
                "the two disagree by more than three of their standard errors: neither is to be trusted; use more \
                 temperatures (--ais), chains (--chains) or burn-in (--burn-in)"
            );
        }
        if let (Some(likelihood), Some(error)) =
            (self.mean_log_likelihood, self.mean_log_likelihood_std_error)
        {
            out!(
                "mean log-likelihood: {likelihood:.3} nats per case, standard error {error:.3} over the cases"
            );
        }
        if let Some(likelihood) = self.mean_log_likelihood_reverse {
            out!(
                "mean log-likelihood: {likelihood:.3} nats per case with reverse AIS (in expectation AIS flatters a \
                 machine and reverse AIS does not, if its starting samples are the model's)"
            );
        }
        if let (Some(pseudo), Some(method)) =
            (self.pseudo_log_likelihood, self.pseudo_log_likelihood_method)
        {
            let error = match self.pseudo_log_likelihood_std_error {
                Some(error) if error > 0.0 => format!(", standard error {error:.3}"),
                _ => String::new(),
            };
            out!("pseudo-log-likelihood: {pseudo:.3} nats per case ({method}{error})");
        }
        if let Some(error) = self.reconstruction_error {
            out!("reconstruction error: {error:.4} (squared, summed over the visible units)");
        }
        if let (Some(cases), Some(data), Some(split)) = (self.cases, &self.data, self.split) {
            let space = if self.standardized { ", in the standardised space" } else { "" };
            out!("cases: {cases} of {data}, {split} part{space}");
        }
        Ok(())
    }
}
