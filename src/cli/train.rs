//! `harmonium train rbm`.

use std::process::ExitCode;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::apply::{self, Keep};
use super::args::TrainRbmOptions;
use super::config::{RunRecord, Settings};
use super::log::{self, LogLevel, warn};
use super::print::{count, out, tell};
use super::probe::{Likelihood, Probe, Scores, score_text};
use super::progress::Progress;
use super::resume::{self, Journal};
use super::{interrupt, model, open_device, print_profile, report};
use crate::data::{self, Cases, DataSet, Part, Preprocessing, Splits};
use crate::device::{Device, DeviceInfo};
use crate::error::{Error, Result};
use crate::models::{Rbm, UnitKind, Units};
use crate::random::{ChainDraw, ChainStreams};
use crate::run::{self, RunFolder, curves, pictures};
use crate::training::{BatchSource, CdTrainer, ResidentData};

/// Chains and Gibbs steps of `samples.png`.
const SAMPLES: usize = 100;
const SAMPLE_STEPS: u64 = 1000;
/// Cases of `reconstructions.png`.
const RECONSTRUCTIONS: usize = 40;

/// One line of `metrics.jsonl`.
#[derive(Serialize, Deserialize)]
struct Metrics {
    epoch: u64,
    updates: u64,
    seconds: f64,
    cases_per_second: f64,
    learning_rate: f32,
    momentum: f32,
    /// Absent in epochs that were not scored.
    #[serde(flatten)]
    scores: Option<Scores>,
    /// In every epoch that `score_every` asks for.
    #[serde(flatten)]
    likelihood: Option<Likelihood>,
}

/// `summary.json`.
#[derive(Serialize)]
struct Summary<'a> {
    model: &'static str,
    visible_units: usize,
    hidden_units: usize,
    epochs: u64,
    updates: u64,
    training_cases: usize,
    seconds: f64,
    cases_per_second: f64,
    #[serde(flatten)]
    scores: Scores,
    test_reconstruction_error: Option<f64>,
    /// Whether the numbers are in the standardised space of the training data.
    standardized: bool,
    device: &'a DeviceInfo,
    peak_device_bytes: u64,
    harmonium: &'static str,
}

/// The data of a run, prepared.
pub struct Prepared {
    pub train: Cases,
    pub validation: Option<Cases>,
    pub test: Option<Cases>,
    pub image: Option<data::ImageShape>,
    pub preprocessing: Preprocessing,
}

pub fn run(options: &TrainRbmOptions) -> Result<ExitCode> {
    let quiet = if options.how.quiet { LogLevel::Error } else { LogLevel::Info };
    log::set_level(options.how.log_level.unwrap_or(quiet));
    interrupt::install()?;
    let (settings, old) = match options.how.resume {
        false => (Settings::resolve(options)?, None),
        true => match resume::open(options)? {
            (settings, resume::Found::Unfinished(old)) => (settings, Some(*old)),
            (_, resume::Found::Finished(why)) => {
                out!("{why}");
                return Ok(ExitCode::SUCCESS);
            }
        },
    };
    let device = open_device(&settings.device)?;
    let prepared = prepare(&settings)?;
    let seed = settings.training.seed;
    let width = prepared.train.width();
    let mut batches = ResidentData::prepare(
        &device,
        prepared.train.clone(),
        &prepared.preprocessing,
        (seed, Part::Train),
    )?;
    let probe = Probe::new(&device, &settings, &prepared)?;
    let mut rbm = {
        let visible = Units::new(settings.visible, width)?;
        Rbm::new(&device, visible, Units::bernoulli(settings.hidden), seed)?
    };
    let means = probe.train_means.clone();
    rbm.set_visible_bias_from_means(&means)?;
    let mut trainer = CdTrainer::new(rbm, settings.training.clone(), &means)?;

    let first = probe.scores(trainer.rbm(), 0)?;
    let (mut journal, outcome) = match old {
        None => {
            let mut folder =
                RunFolder::create(options.how.out.as_deref(), "rbm", options.how.force)?;
            folder.write_config(&settings.to_file(Some(record(&device, &prepared))))?;
            folder.start_metrics()?;
            let fingerprint = settings.fingerprint(folder.path())?;
            let mut journal = Journal::new(folder, fingerprint);
            journal.write(|| trainer.state(), 0.0)?;
            (journal, Outcome::new(first))
        }
        Some(old) => {
            let now = record(&device, &prepared);
            let (journal, lines, seconds) = old.take_up(
                (&settings.data, &now),
                |state| trainer.restore(state),
                |folder, record| folder.write_config(&settings.to_file(record)),
            )?;
            let outcome = Outcome::from_metrics(first, lines, seconds, journal.folder.path())?;
            (journal, outcome)
        }
    };
    interrupt::wait_for_update();
    tell(format!("run: {}", journal.folder.path().display()));
    crate::kernels::warm_up(&device)?;
    if options.how.profile {
        device.start_profile()?;
    }
    let trained = train(&settings, &mut trainer, &mut batches, &probe, (&mut journal, outcome));
    let path = journal.folder.path();
    let outcome = match trained {
        Ok(Some(outcome)) => outcome,
        Ok(None) => {
            warn(format!("interrupted; to go on: {}", resume::command("rbm", path)));
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        }
        Err(error) => {
            let saved = "the last good checkpoint and the metrics stay in";
            warn(format!(
                "{saved} {}; to go on from there: {}",
                path.display(),
                resume::command("rbm", path)
            ));
            return Err(error);
        }
    };
    let folder = &journal.folder;
    let test = match &prepared.test {
        Some(test) => Some(probe.error(trainer.rbm(), test, Part::Test)?),
        None => None,
    };
    let summary = Summary {
        model: "rbm",
        visible_units: width,
        hidden_units: settings.hidden,
        epochs: trainer.epochs_done(),
        updates: outcome.updates,
        training_cases: batches.cases(),
        seconds: outcome.seconds,
        cases_per_second: (trainer.epochs_done() * batches.cases() as u64) as f64
            / outcome.seconds.max(1e-9),
        scores: outcome.scores,
        test_reconstruction_error: test,
        standardized: settings.standardize,
        device: device.info(),
        peak_device_bytes: device.memory().peak_bytes,
        harmonium: env!("CARGO_PKG_VERSION"),
    };
    finish(folder, trainer.rbm(), &settings, &prepared, &outcome.curves)?;
    folder.write_summary(&summary)?;
    report::finish(folder.path(), &device, &prepared)?;
    if options.how.quiet {
        out!("{}", final_line(folder, &summary));
        return Ok(ExitCode::SUCCESS);
    }
    print_summary(folder, &summary)?;
    if options.how.profile {
        print_profile(&device)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub fn prepare(settings: &Settings) -> Result<Prepared> {
    let Splits { train, test } = data::load(&settings.data)?;
    train.notices.iter().for_each(|n| tell(format!("note: {n}")));
    let image = train.image;
    let train = settings.limit.into_iter().fold(train, DataSet::limit);
    let seed = settings.training.seed;
    let (train, validation) = match settings.validation {
        // A set of a few cases is not split unless asked for.
        (Some(_), false) if train.cases.len() < 10 => (train, None),
        (Some(holdout), _) => {
            let (train, validation) = train.split_validation(holdout, seed)?;
            (train, Some(validation))
        }
        (None, _) => (train, None),
    };
    let preprocessing = Preprocessing::fit(&train.cases, settings.binarize, settings.standardize)?;
    if settings.visible == UnitKind::Bernoulli {
        train.cases.check_unit_interval(&settings.data)?;
    }
    tell(format!(
        "data: {}, {}{} of {}{}",
        settings.data,
        count(train.cases.len(), "training case"),
        validation.as_ref().map_or(String::new(), |v| format!(" and {} held out", v.cases.len())),
        count(train.cases.width(), "value"),
        match settings.binarize {
            Some(how) => format!(", binarised ({how})"),
            None if settings.standardize => ", standardised".into(),
            None => String::new(),
        }
    ));
    Ok(Prepared {
        train: train.cases,
        validation: validation.map(|v| v.cases),
        test: test.map(|t| t.cases),
        image,
        preprocessing,
    })
}

fn record(device: &Device, prepared: &Prepared) -> RunRecord {
    let unlabelled = |cases| (cases, &[][..]);
    let parts = [Some(&prepared.train), prepared.validation.as_ref()];
    RunRecord::new(device, parts.map(|part| part.map(unlabelled)))
}

/// What training left behind besides the machine.
struct Outcome {
    seconds: f64,
    /// Of the epoch under way.
    epoch_seconds: f64,
    updates: u64,
    scores: Scores,
    curves: Vec<(u64, Scores)>,
}

impl Outcome {
    /// Before the first epoch.
    fn new(first: Scores) -> Self {
        let curves = vec![(0, first)];
        Outcome { seconds: 0.0, epoch_seconds: 0.0, updates: 0, scores: first, curves }
    }

    /// After the epochs of which `lines` tell.
    fn from_metrics(
        first: Scores,
        lines: Vec<serde_json::Value>,
        epoch_seconds: f64,
        folder: &std::path::Path,
    ) -> Result<Self> {
        let mut outcome = Outcome { epoch_seconds, ..Outcome::new(first) };
        for (i, line) in lines.into_iter().enumerate() {
            let metrics: Metrics = serde_json::from_value(line).map_err(|e| {
                let path = folder.join(run::folder::METRICS);
                Error::file(path, format!("line {}", i + 1), e.to_string())
            })?;
            outcome.add(&metrics);
        }
        Ok(outcome)
    }

    fn add(&mut self, metrics: &Metrics) {
        self.seconds += metrics.seconds;
        self.updates += metrics.updates;
        if let Some(scores) = metrics.scores {
            self.scores = scores;
            self.curves.push((metrics.epoch, scores));
        }
    }
}

/// Trains to the end, or to an interrupt: then there is no outcome, but a checkpoint.
fn train(
    settings: &Settings,
    trainer: &mut CdTrainer,
    batches: &mut ResidentData,
    probe: &Probe,
    (journal, mut outcome): (&mut Journal, Outcome),
) -> Result<Option<Outcome>> {
    let epochs = settings.training.epochs;
    let cases = batches.cases() as u64;
    let interval = probe.interval(batches.cases(), settings.training.steps);
    let mut progress = Progress::new(epochs, cases);
    progress.skip(trainer.epochs_done().saturating_mul(cases));
    while trainer.epochs_done() < epochs {
        progress.epoch(trainer.epochs_done() + 1, epochs);
        let start = Instant::now();
        let before = std::mem::take(&mut outcome.epoch_seconds);
        let seconds = || before + start.elapsed().as_secs_f64();
        let report = trainer.epoch_while(batches, |trainer, cases| {
            progress.advance(cases);
            if interrupt::requested() {
                return Ok(false);
            }
            if journal.is_due() {
                journal.write(|| trainer.state(), seconds())?;
            }
            Ok(true)
        });
        if !matches!(report, Ok(Some(_))) {
            progress.finish();
        }
        let Some(report) = report? else {
            journal.write(|| trainer.state(), seconds())?;
            return Ok(None);
        };
        let seconds = seconds();
        let due = report.epoch % interval == 0 || report.epoch == epochs;
        let scores = if due { Some(probe.scores(trainer.rbm(), report.epoch)?) } else { None };
        let config = trainer.config();
        let likelihood = match settings.score_every {
            Some(every) if report.epoch.is_multiple_of(every) => {
                probe.likelihood(trainer.rbm(), report.epoch)?
            }
            _ => None,
        };
        let metrics = Metrics {
            epoch: report.epoch,
            updates: report.updates,
            seconds,
            cases_per_second: report.cases as f64 / seconds.max(1e-9),
            learning_rate: config.learning_rate.at(report.epoch, epochs),
            momentum: config.momentum.at(report.epoch, epochs),
            scores,
            likelihood,
        };
        journal.folder.append_metrics(&metrics)?;
        outcome.add(&metrics);
        if let Some(scores) = scores {
            progress.score(&score_text(&scores));
            if !scores.reconstruction_error.is_finite() {
                progress.finish();
                return Err(Error::Diverged {
                    epoch: report.epoch,
                    step: report.updates,
                    what: "the reconstruction error".into(),
                    advice: String::new(),
                });
            }
        }
        if report.epoch == epochs || journal.is_due_after_epoch() {
            journal.write(|| trainer.state(), 0.0)?;
        }
    }
    progress.finish();
    Ok((!interrupt::requested()).then_some(outcome))
}

/// Writes the model and the pictures.
fn finish(
    folder: &RunFolder,
    rbm: &Rbm,
    settings: &Settings,
    prepared: &Prepared,
    points: &[(u64, Scores)],
) -> Result<()> {
    let seed = settings.training.seed;
    let file = model::to_file(
        rbm,
        &prepared.preprocessing,
        prepared.image,
        (seed, settings.data.as_str()),
    )?;
    file.save(folder.model_path())?;
    let image = prepared.image.map(|i| (i.height, i.width));
    let width = rbm.visible_count();
    let filters = pictures::filters(&file.w, width, rbm.hidden_count(), image)?;
    filters.notes.iter().for_each(|n| tell(format_args!("{}: {n}", run::FILTERS)));
    filters.save(folder.picture_path(run::FILTERS))?;

    let draw = ChainDraw::new(seed, ChainStreams::PICTURES);
    let mut samples = apply::run_chains(rbm, SAMPLES, SAMPLE_STEPS, draw, None, Keep::Means)?;
    let range = model::for_picture(&prepared.preprocessing, rbm.visible().kind(), &mut samples)?;
    pictures::sheet(&samples, width, image, range)?.save(folder.picture_path(run::SAMPLES))?;

    let (shown, part) = match (&prepared.test, &prepared.validation) {
        (Some(test), _) => (test, Part::Test),
        (None, Some(validation)) => (validation, Part::Validation),
        (None, None) => (&prepared.train, Part::Train),
    };
    let shown = shown.clone().limit(RECONSTRUCTIONS);
    let shown = prepared.preprocessing.apply_for_evaluation(shown, seed, part)?;
    let v = model::upload_rows(rbm.device(), &shown, 0, RECONSTRUCTIONS)?;
    let mut again = rbm.reconstruct(&v)?.to_vec()?;
    let mut originals = v.to_vec()?;
    model::for_picture(&prepared.preprocessing, rbm.visible().kind(), &mut again)?;
    let range = model::for_picture(&prepared.preprocessing, rbm.visible().kind(), &mut originals)?;
    pictures::reconstructions(&originals, &again, width, image, range)?
        .save(folder.picture_path(run::RECONSTRUCTIONS))?;
    curves::write_svg(folder.picture_path(run::CURVES), &panels(points))
}

fn panels(points: &[(u64, Scores)]) -> Vec<curves::Panel> {
    let series = |name: &str, pick: fn(&Scores) -> Option<f64>| curves::Series {
        name: name.into(),
        points: points
            .iter()
            .filter_map(|(epoch, scores)| Some((*epoch as f64, pick(scores)?)))
            .collect(),
    };
    let panel = |title: &str, y_label: &str, series: Vec<curves::Series>| curves::Panel {
        title: title.into(),
        y_label: y_label.into(),
        series: series.into_iter().filter(|s| !s.points.is_empty()).collect(),
    };
    let all = vec![
        panel(
            "Reconstruction error",
            "squared error per case",
            vec![
                series("training", |s| Some(s.reconstruction_error)),
                series("validation", |s| s.validation_reconstruction_error),
            ],
        ),
        panel(
            "Pseudo-likelihood",
            "nats per case",
            vec![series("validation", |s| s.pseudo_log_likelihood)],
        ),
        panel(
            "Free energy gap (a growing gap means overfitting)",
            "nats",
            vec![series("validation less training", |s| s.free_energy_gap)],
        ),
    ];
    all.into_iter().filter(|p| !p.series.is_empty()).collect()
}

/// The one line of `--quiet`.
fn final_line(folder: &RunFolder, s: &Summary<'_>) -> String {
    let path = folder.path().display();
    format!("{path}: {} epochs in {:.1} s, {}", s.epochs, s.seconds, score_text(&s.scores))
}

fn print_summary(folder: &RunFolder, s: &Summary<'_>) -> Result<()> {
    let path = folder.path().display();
    out!(
        "rbm with {} visible and {}, {}, {} in {:.1} s ({:.0} cases/s)",
        s.visible_units,
        count(s.hidden_units, "hidden unit"),
        count(s.epochs, "epoch"),
        count(s.updates, "update"),
        s.seconds,
        s.cases_per_second
    );
    let space = if s.standardized { ", standardised values" } else { "" };
    let mut errors = format!("training {:.3}", s.scores.reconstruction_error);
    if let Some(e) = s.scores.validation_reconstruction_error {
        errors += &format!(", validation {e:.3}");
    }
    if let Some(e) = s.test_reconstruction_error {
        errors += &format!(", test {e:.3}");
    }
    out!("reconstruction error: {errors} (squared, summed over {} units{space})", s.visible_units);
    if let Some(pl) = s.scores.pseudo_likelihood_text() {
        out!("pseudo-likelihood: {pl} nats per case (stochastic)");
    }
    out!("model: {path}/{}", run::MODEL);
    for name in [run::FILTERS, run::SAMPLES, run::RECONSTRUCTIONS, run::CURVES] {
        out!("picture: {path}/{name}");
    }
    out!("report: {path}/{}", run::REPORT);
    Ok(())
}
