//! `harmonium train lenet5`, `lenet5-modern` and `cnn`.

use std::process::ExitCode;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::super::log::{self, LogLevel, warn};
use super::super::print::{count, out, tell};
use super::super::progress::Progress;
use super::super::report;
use super::super::resume::{self, Journal};
use super::super::{interrupt, open_device, print_profile};
use super::finish;
use super::prepare::{Prepared, prepare, resident};
use super::settings::{NetworkKind, NetworkOptions, Settings};
use crate::device::{Device, DeviceInfo};
use crate::error::{Error, Result};
use crate::evaluation::classification::{ClassificationScore, score};
use crate::models::Network;
use crate::run::{self, Record, RunFolder};
use crate::training::{Backpropagation, ResidentData};

/// One line of `metrics.jsonl`. Losses are means per case, errors shares of cases in [0, 1].
#[derive(Serialize, Deserialize, Clone, Copy)]
pub struct Metrics {
    pub epoch: u64,
    pub updates: u64,
    pub seconds: f64,
    pub cases_per_second: f64,
    pub learning_rate: f32,
    /// Of the epoch's cases as they were distorted, each with the parameters of its batch's turn.
    pub train_loss: f64,
    pub train_error: f64,
    pub validation_loss: Option<f64>,
    pub validation_error: Option<f64>,
}

/// `summary.json`. Losses are means per case, errors shares of cases in [0, 1].
#[derive(Serialize)]
pub struct Summary<'a> {
    model: &'static str,
    /// Numbers that are trained.
    parameters: usize,
    epochs: u64,
    /// The epoch whose parameters `model.safetensors` holds.
    best_epoch: u64,
    stopped_early: bool,
    updates: u64,
    training_cases: usize,
    test_cases: Option<usize>,
    seconds: f64,
    cases_per_second: f64,
    train_loss: f64,
    train_error: f64,
    validation_loss: Option<f64>,
    validation_error: Option<f64>,
    test_loss: Option<f64>,
    pub test_error: Option<f64>,
    device: &'a DeviceInfo,
    peak_device_bytes: u64,
    harmonium: &'static str,
}

/// The parts of the data that the trainer reads, on the device.
struct Sources {
    train: ResidentData,
    validation: Option<ResidentData>,
}

pub fn run(kind: NetworkKind, options: &NetworkOptions) -> Result<ExitCode> {
    let how = &options.how;
    let quiet = if how.quiet { LogLevel::Error } else { LogLevel::Info };
    log::set_level(how.log_level.unwrap_or(quiet));
    interrupt::install()?;
    let (settings, old) = match how.resume {
        false => (Settings::resolve(kind, options)?, None),
        true => {
            let (path, folder) = resume::folder(how.out.as_deref())?;
            let (settings, record, grown) = Settings::resume(kind, options, path)?;
            let epochs = (settings.training.epochs, grown);
            match resume::find(folder, settings.fingerprint()?, record, epochs)? {
                resume::Found::Unfinished(old) => (settings, Some(*old)),
                resume::Found::Finished(why) => {
                    out!("{why}");
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    };
    let device = open_device(&settings.device)?;
    let prepared = prepare(&settings)?;
    let spec = settings.spec(&prepared.input, prepared.classes.len())?;
    let network = Network::new(&device, &spec, settings.training.seed)?;
    tell(format!("network: {}, {} parameters", kind.name(), network.trained()));
    let part = |part, name| resident(&device, part, &prepared.input, &spec, name);
    let mut sources = Sources {
        train: part(&prepared.train, &settings.data)?,
        validation: match &prepared.validation {
            Some(held_out) => Some(part(held_out, &settings.data)?),
            None => None,
        },
    };
    let mut trainer = Backpropagation::new(network, settings.training.clone())?;
    let (mut journal, mut outcome) = match old {
        None => {
            let mut folder = RunFolder::create(how.out.as_deref(), kind.name(), how.force)?;
            folder.write_config(&settings.to_file(Some(prepared.record(&device))))?;
            folder.start_metrics()?;
            let mut journal = Journal::new(folder, settings.fingerprint()?);
            journal.write(|| trainer.state(), 0.0)?;
            (journal, Outcome::default())
        }
        Some(old) => {
            let (journal, lines, seconds) = old.take_up(
                (&settings.data, &prepared.record(&device)),
                |state| trainer.restore(state),
                |folder, record| folder.write_config(&settings.to_file(record)),
            )?;
            let outcome = Outcome::from_lines(lines, seconds, journal.folder.path())?;
            (journal, outcome)
        }
    };
    interrupt::wait_for_update();
    tell(format!("run: {}", journal.folder.path().display()));
    trainer.warm_up()?;
    if how.profile {
        device.start_profile()?;
    }
    let end = train(&settings, &mut trainer, &mut sources, (&mut journal, &mut outcome));
    let path = journal.folder.path();
    let command = resume::command(kind.name(), path);
    let stopped_early = match end {
        Ok(End::Done { stopped_early }) => stopped_early,
        Ok(End::Interrupted) => {
            warn(format!("interrupted; to go on: {command}"));
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        }
        Err(error) => {
            let saved = "the last good checkpoint and the metrics stay in";
            warn(format!("{saved} {}; to go on from there: {command}", path.display()));
            return Err(error);
        }
    };
    let folder = &journal.folder;
    finish::models(folder, &mut trainer, &settings, &prepared)?;
    let judged = finish::judge(trainer.network(), &prepared)?;
    let test = prepared.test.as_ref().map(|_| judged.score);
    let summary = summary(&settings, &trainer, &outcome, (test, stopped_early), &device, &prepared);
    let distorted = settings.training.augment.is_some();
    let lines = (&outcome.lines[..], distorted);
    finish::pictures(folder, trainer.network(), &prepared, &judged.found, lines)?;
    folder.write_summary(&summary)?;
    report::write_network(&Record::load(folder.path())?)?;
    if how.quiet {
        out!("{}", final_line(folder, &summary));
        return Ok(ExitCode::SUCCESS);
    }
    print_summary(folder, &summary)?;
    if how.profile {
        print_profile(&device)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What training left behind besides the network.
#[derive(Default)]
struct Outcome {
    lines: Vec<Metrics>,
    /// Of the epoch under way, from an earlier process.
    epoch_seconds: f64,
}

impl Outcome {
    fn from_lines(
        lines: Vec<serde_json::Value>,
        epoch_seconds: f64,
        folder: &std::path::Path,
    ) -> Result<Self> {
        let parse = |(i, line)| {
            serde_json::from_value(line).map_err(|e| {
                let path = folder.join(run::folder::METRICS);
                Error::file(path, format!("line {}", i + 1), e.to_string())
            })
        };
        let lines = lines.into_iter().enumerate().map(parse).collect::<Result<_>>()?;
        Ok(Outcome { lines, epoch_seconds })
    }
}

enum End {
    Done { stopped_early: bool },
    Interrupted,
}

/// Trains to the last epoch, to an early stop or to an interrupt, which leaves a checkpoint.
fn train(
    settings: &Settings,
    trainer: &mut Backpropagation,
    sources: &mut Sources,
    (journal, outcome): (&mut Journal, &mut Outcome),
) -> Result<End> {
    let epochs = settings.training.epochs;
    let cases = crate::training::BatchSource::cases(&sources.train) as u64;
    let mut progress = Progress::new(epochs, cases);
    progress.skip(trainer.epochs_done().saturating_mul(cases));
    if let Some(last) = outcome.lines.last() {
        progress.score(&score_text(last));
    }
    let mut stopped_early = patience_is_over(settings, trainer);
    while trainer.epochs_done() < epochs && !stopped_early {
        progress.epoch(trainer.epochs_done() + 1, epochs);
        let start = Instant::now();
        let before = std::mem::take(&mut outcome.epoch_seconds);
        let seconds = || before + start.elapsed().as_secs_f64();
        let trained = trainer.epoch_while(&mut sources.train, |trainer, cases| {
            progress.advance(cases);
            if interrupt::requested() {
                return Ok(false);
            }
            if journal.is_due() {
                journal.write(|| trainer.state(), seconds())?;
            }
            Ok(true)
        });
        if !matches!(trained, Ok(Some(_))) {
            progress.finish();
        }
        let Some(trained) = trained? else {
            journal.write(|| trainer.state(), seconds())?;
            return Ok(End::Interrupted);
        };
        let seconds = seconds();
        let held_out = match &mut sources.validation {
            Some(source) => Some(score(trainer.network(), source)?),
            None => None,
        };
        if let Some(score) = held_out {
            trainer.consider(score.error, score.loss)?;
        }
        let metrics = Metrics {
            epoch: trained.epoch,
            updates: trained.updates,
            seconds,
            cases_per_second: trained.cases as f64 / seconds.max(1e-9),
            learning_rate: settings.training.learning_rate.at(trained.epoch, epochs),
            train_loss: trained.loss,
            train_error: trained.error,
            validation_loss: held_out.map(|s| s.loss),
            validation_error: held_out.map(|s| s.error),
        };
        journal.folder.append_metrics(&metrics)?;
        outcome.lines.push(metrics);
        progress.score(&score_text(&metrics));
        stopped_early = patience_is_over(settings, trainer);
        if trained.epoch == epochs || stopped_early || journal.is_due_after_epoch() {
            journal.write(|| trainer.state(), 0.0)?;
        }
    }
    progress.finish();
    let stopped_early = stopped_early && trainer.epochs_done() < epochs;
    Ok(match interrupt::requested() {
        true => End::Interrupted,
        false => End::Done { stopped_early },
    })
}

fn patience_is_over(settings: &Settings, trainer: &Backpropagation) -> bool {
    let best = trainer.best_epoch().unwrap_or(trainer.epochs_done());
    settings.patience > 0 && trainer.epochs_done() >= best + settings.patience
}

/// What the progress bar shows: of the cases held out where there are some.
fn score_text(metrics: &Metrics) -> String {
    let train =
        format!("loss {:.4}, error {:.2} %", metrics.train_loss, 100.0 * metrics.train_error);
    match metrics.validation_error {
        Some(error) => format!("{train}; held out {:.2} %", 100.0 * error),
        None => train,
    }
}

fn summary<'a>(
    settings: &Settings,
    trainer: &Backpropagation,
    outcome: &Outcome,
    (test, stopped_early): (Option<ClassificationScore>, bool),
    device: &'a Device,
    prepared: &Prepared,
) -> Summary<'a> {
    let epochs = trainer.epochs_done();
    let best_epoch = trainer.best_epoch().unwrap_or(epochs);
    let seconds: f64 = outcome.lines.iter().map(|line| line.seconds).sum();
    let cases = prepared.train.cases.len();
    let best = outcome.lines.iter().find(|line| line.epoch == best_epoch);
    Summary {
        model: settings.kind.name(),
        parameters: trainer.network().trained(),
        epochs,
        best_epoch,
        stopped_early,
        updates: trainer.updates_done(),
        training_cases: cases,
        test_cases: prepared.test.as_ref().map(|test| test.cases.len()),
        seconds,
        cases_per_second: (epochs * cases as u64) as f64 / seconds.max(1e-9),
        train_loss: best.map_or(f64::NAN, |line| line.train_loss),
        train_error: best.map_or(f64::NAN, |line| line.train_error),
        validation_loss: best.and_then(|line| line.validation_loss),
        validation_error: best.and_then(|line| line.validation_error),
        test_loss: test.map(|t| t.loss),
        test_error: test.map(|t| t.error),
        device: device.info(),
        peak_device_bytes: device.memory().peak_bytes,
        harmonium: env!("CARGO_PKG_VERSION"),
    }
}

fn error_text(summary: &Summary<'_>) -> String {
    let percent = |x: f64| format!("{:.2} %", 100.0 * x);
    match (summary.test_error, summary.validation_error) {
        (Some(error), _) => format!("test error {}", percent(error)),
        (None, Some(error)) => format!("error on the cases held out {}", percent(error)),
        (None, None) => format!("training error {}", percent(summary.train_error)),
    }
}

fn final_line(folder: &RunFolder, summary: &Summary<'_>) -> String {
    format!(
        "{}: {} epochs in {:.1} s, {}",
        folder.path().display(),
        summary.epochs,
        summary.seconds,
        error_text(summary)
    )
}

fn print_summary(folder: &RunFolder, s: &Summary<'_>) -> Result<()> {
    let path = folder.path().display();
    out!(
        "{} with {} parameters, {}{}, {} in {:.1} s ({:.0} cases/s)",
        s.model,
        s.parameters,
        count(s.epochs, "epoch"),
        if s.stopped_early { " (stopped early)" } else { "" },
        count(s.updates, "update"),
        s.seconds,
        s.cases_per_second
    );
    let percent = |x: f64| format!("{:.2} %", 100.0 * x);
    let mut errors = format!("training {}", percent(s.train_error));
    if let Some(error) = s.validation_error {
        errors += &format!(", validation {}", percent(error));
    }
    if let Some(error) = s.test_error {
        errors += &format!(", test {}", percent(error));
    }
    out!("error: {errors} (epoch {})", s.best_epoch);
    for (name, file) in [
        ("model", run::MODEL),
        ("last epoch's model", run::LAST_MODEL),
        ("picture", run::FILTERS),
        ("picture", run::CURVES),
        ("picture", run::CONFUSION),
        ("picture", run::MISTAKES),
        ("report", run::REPORT),
    ] {
        if folder.path().join(file).is_file() {
            out!("{name}: {path}/{file}");
        }
    }
    Ok(())
}
