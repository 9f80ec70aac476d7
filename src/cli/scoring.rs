//! What evaluations share: the cases, how log Z is found, a bar meanwhile, and where results go.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::args::EvalOptions;
use super::print::{out, warn};
use super::targets::{check_named, tell_replaced};
use crate::data::{Reading, read_weights};
use crate::error::{Error, Result};
use crate::evaluation::ais::Temperatures;
use crate::evaluation::ladder::LadderConfig;
use crate::jobs::rbm::{EvaluationConfig, Method, Progress, Rungs, Watch};
use crate::jobs::{self, CaseScores, Choice, Trained};
use crate::ranks::Ranks;
use crate::run;

/// The cases that are asked for: how their data are read, and how much each counts.
pub struct Asked {
    reading: Reading,
    weights: Option<Vec<f32>>,
}

impl Asked {
    /// What the options say.
    pub fn of(options: &EvalOptions) -> Result<Self> {
        let weights = options.weights.as_deref().map(read_weights).transpose()?;
        Ok(Asked { reading: options.reading.reading(), weights })
    }

    /// As the library takes it.
    pub fn choice<'a>(&'a self, options: &'a EvalOptions) -> Choice<'a> {
        let (part, limit) = (options.split.map(Into::into), options.limit);
        let choice = options.reading.choice(options.data.as_deref(), &self.reading);
        Choice { part, limit, weights: self.weights.as_deref(), labels_optional: false, ..choice }
    }

    /// How means are taken, behind their words.
    pub fn by(&self) -> &'static str {
        if self.weights.is_some() { ", weighted" } else { "" }
    }
}

/// Evaluates what has a log Z, which ranks share, with a bar while it is annealed.
pub fn annealing<T>(
    (ranks, options): (&Ranks, &EvalOptions),
    evaluate: impl FnOnce(&EvaluationConfig, &mut dyn FnMut(Progress)) -> Result<T>,
) -> Result<T> {
    let config = EvaluationConfig::default()
        .method(method(options)?)
        .chains(options.chains)
        .burn_in(options.burn_in)
        .exact_pseudo(options.exact_pseudo)
        .ladder(options.ladder.map(|count| count.map_or(Rungs::Trajectory, Rungs::Tempered)))
        .climbing(
            LadderConfig::default()
                .chains(options.chains)
                .rounds(options.rounds.div_ceil(4), options.rounds),
        )
        .seed(options.seed)
        .ranks(ranks.clone());
    let mut bar = None;
    let found = evaluate(&config, &mut |progress| {
        if !ranks.is_first() {
            return;
        }
        show(bar.get_or_insert_with(|| new_bar(progress.of)), progress);
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    found
}

/// How log Z is to be found.
fn method(options: &EvalOptions) -> Result<Method> {
    Ok(match (&options.ais_grid, options.ais) {
        (Some(_), _) => Method::Annealed(Temperatures::salakhutdinov()),
        (None, Some(steps)) => Method::Annealed(Temperatures::linear(steps)?),
        (None, None) if options.exact => Method::Exact,
        (None, None) => Method::Automatic,
    })
}

fn new_bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {wide_bar:.cyan/238} [{elapsed} < {eta}]")
    {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Does what moves so many chains by so many steps, with a bar meanwhile.
pub fn stepping<T>(
    chains: usize,
    steps: u64,
    work: impl FnOnce(Watch<'_>) -> Result<T>,
) -> Result<T> {
    let bar = new_bar(steps.saturating_mul(chains as u64));
    bar.set_message("sampling");
    let done = work(Watch::new(&|steps| bar.inc(steps)));
    bar.finish_and_clear();
    done
}

fn show(bar: &ProgressBar, Progress { what, done, of }: Progress) {
    // Annealing comes after a ladder, with a length of its own.
    bar.set_length(of);
    if bar.message() != what {
        bar.set_message(what);
    }
    bar.set_position(done);
}

/// An evaluation with what its means were weighted by, if they were.
#[derive(Serialize)]
struct Weighted<'a, E> {
    #[serde(flatten)]
    evaluation: &'a E,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<&'a Path>,
}

impl<'a, E> Weighted<'a, E> {
    fn of(evaluation: &'a E, options: &'a EvalOptions) -> Self {
        Weighted { evaluation, weights: options.weights.as_deref() }
    }
}

/// Prints what `--json` does.
pub fn print_json(evaluation: &impl Serialize, options: &EvalOptions) -> Result<()> {
    out!("{}", jobs::json(&Weighted::of(evaluation, options))?);
    Ok(())
}

/// The same of what has a score of each case.
pub fn print_json_of(
    evaluation: &impl Serialize,
    each: &CaseScores,
    options: &EvalOptions,
) -> Result<()> {
    print_json(evaluation, options)?;
    write_cases(options, each)
}

/// What is drawn of a classifier's answers.
pub const OF_CLASSES: [&str; 3] = [run::CONFUSION, run::CONFUSION_TABLE, run::MISTAKES];

/// Keeps an evaluation, and what is drawn beside it, `drawn`, in a folder. Where nobody asked for that, figures that took hours are not
/// lost because a run's folder cannot be written. Whether they are kept.
pub fn keep(
    options: &EvalOptions,
    folder: &Path,
    evaluation: &impl Serialize,
    (drawn, draw): (&[&str], impl FnOnce() -> Result<()>),
) -> Result<bool> {
    // What comes of the run's own test cases is made anew without a word; what comes of others takes its place.
    if options.out.is_some() || options.of_other_cases() {
        drawn.iter().chain(&[run::EVAL]).for_each(|file| tell_replaced(&folder.join(file)));
    }
    match jobs::save_evaluation(folder, &Weighted::of(evaluation, options)).and_then(|()| draw()) {
        Err(error) if options.out.is_none() => {
            warn(format!("{error}; the figures that follow are not kept in the run's folder"));
            Ok(false)
        }
        other => other.map(|()| true),
    }
}

/// That what each case scores can be written where it is to go, and replaces nothing that is read.
pub fn check_per_case(options: &EvalOptions, model: &Trained) -> Result<()> {
    let Some(path) = &options.per_case else { return Ok(()) };
    let [data, (name, labels)] = options.reading.reads(options.data.as_deref().or(model.data()));
    let labels = (name, labels.or(model.labels().map(Path::new)));
    let weights = ("--weights", options.weights.as_deref());
    let reads = [("the model", Some(options.model.model.as_path())), data, labels, weights];
    check_named("per-case", (path, "csv"), &reads)?;
    let folder = options.out.as_deref().unwrap_or(&options.model.model);
    if path.file_name() == Some(run::CONFUSION_TABLE.as_ref()) && path.parent() == Some(folder) {
        let detail =
            format!("{} is where the confusion matrix goes; give another name", path.display());
        return Err(Error::setting("per-case", detail));
    }
    Ok(())
}

/// Writes what each case scores, where that is asked for, and tells where it is. It comes last: figures are told already if it
/// cannot be written.
pub fn write_cases(options: &EvalOptions, each: &CaseScores) -> Result<()> {
    let Some(path) = &options.per_case else { return Ok(()) };
    tell_replaced(path);
    each.write_csv(path)?;
    if !options.json {
        let names: Vec<&str> = each.names().collect();
        out!("each case: {} ({})", path.display(), names.join(", "));
    }
    Ok(())
}

impl EvalOptions {
    /// Whether other cases are scored than those that training scores in the end.
    fn of_other_cases(&self) -> bool {
        let given = [self.data.is_some(), self.limit.is_some(), self.split.is_some()];
        given.contains(&true) || self.weights.is_some()
    }
}

/// Where a network's pictures go: to --out, which is made, or into the run folder.
pub fn folder(options: &EvalOptions) -> Result<Option<PathBuf>> {
    let model: &Path = &options.model.model;
    match &options.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
            Ok(Some(folder.clone()))
        }
        None => Ok(model.is_dir().then(|| model.to_path_buf())),
    }
}
