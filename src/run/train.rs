//! The only loop: stages, epochs, checkpoints, scores, the best model, and the end.

use web_time::Instant;

use serde::Serialize;

use super::files::LAST_MODEL;
use super::job::{End, Event, Finish, Flow, Job, Keep, Observer, Stage, Summary};
use super::record::Record;
use super::report;
use super::session::{Position, Run};
use super::settings::Settings;
use super::summary::{Ended, summary};
use crate::error::{Error, Result};
use crate::models::state;
use crate::ranks::Ranks;
use crate::training::{Best, Figure, Figures, collect, epoch_on, follow_first, visit, warm_up_on};

/// A line of `metrics.jsonl`.
#[derive(Serialize)]
struct Metrics<'a> {
    epoch: u64,
    /// Where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    /// Within the stage, as `best_epoch` counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_epoch: Option<u64>,
    updates: u64,
    seconds: f64,
    cases_per_second: f64,
    #[serde(flatten)]
    figures: &'a Figures,
}

/// Trains a job to its end, or until the observer stops it; a run that was taken up goes on where it stopped. At the
/// end model, pictures, summary and report lie in the run's folder.
///
/// ```no_run
/// use harmonium::jobs::rbm::{RbmJob, RbmSettings};
/// use harmonium::run::{Event, Flow, Run, train};
/// use harmonium::Device;
/// let mut settings = RbmSettings::of("digits")?;
/// settings.epochs = 5;
/// let mut observer = |event: Event<'_>| {
///     if let Event::Scored(figures) = event {
///         println!("{:?}", figures.get("reconstruction_error"));
///     }
///     Flow::GoOn
/// };
/// let mut job = RbmJob::new(settings, &Device::cpu(), &mut observer)?;
/// let mut run = Run::create(&job, None, false)?;
/// train(&mut job, &mut run, &mut observer)?;
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// Where ranks train together ([`Run::with_ranks`]), each calls this with the same job: rank 0 scores, decides, writes and
/// finishes, and others end as if they were stopped.
///
/// # Errors
/// [`Error::Diverged`](crate::Error::Diverged), device errors, [`Error::Io`](crate::Error::Io): the last checkpoint
/// and the metrics stay in the folder. Where a new run cannot begin, its folder is as it was before
/// ([`Run::undone`]).
pub fn train<J: Job>(job: &mut J, run: &mut Run, observer: &mut dyn Observer) -> Result<End> {
    let mut heeded = Heeded { observer, stop: false };
    let ended = all_stages(job, run, &mut heeded);
    if ended.is_err() {
        run.undone = run.folder.undo();
    }
    let flow = heeded.see(Event::Over);
    match ended? {
        Some(last) if flow == Flow::GoOn && run.ranks().is_first() => {
            finish(job, run, last, observer).map(End::Done)
        }
        _ => Ok(End::Stopped),
    }
}

/// An observer whose wish to stop is remembered: it may be told of an event after which nothing can stop.
struct Heeded<'a> {
    observer: &'a mut dyn Observer,
    stop: bool,
}

impl Observer for Heeded<'_> {
    fn see(&mut self, event: Event<'_>) -> Flow {
        self.stop |= self.observer.see(event) == Flow::Stop;
        if self.stop { Flow::Stop } else { Flow::GoOn }
    }
}

/// What the last stage left.
struct Last {
    stage: Stage,
    best: Best,
    stopped_early: bool,
}

/// Whether all stages came to their ends; the last one's.
fn all_stages<J: Job>(
    job: &mut J,
    run: &mut Run,
    observer: &mut dyn Observer,
) -> Result<Option<Last>> {
    let mut position = run.position.take();
    let ranks = run.ranks().clone();
    let first = position.as_ref().map_or(0, |p| p.stage);
    let first: usize = followed(&ranks, &first)?;
    let stages = job.stages();
    if run.finishing && first + 1 < stages {
        let detail = format!(
            "it stands in stage {} of {stages}, and only the last one leaves a model; go on without --finish",
            first + 1
        );
        return Err(Error::run("run folder", detail));
    }
    let mut last = None;
    for number in 0..stages {
        let stage = job.begin(number)?;
        if number < first {
            let learner = job.parts()?.0;
            if ranks.is_first() {
                run.restore_stage(number, learner)?;
            }
            follow_first(&ranks, learner, &mut |_, _| Ok(()))?;
            continue;
        }
        let mut best = Best::default();
        let position = position.take();
        let Some(stopped_early) = one_stage(job, run, (&stage, &mut best), position, observer)?
        else {
            return Ok(None);
        };
        if number + 1 < stages {
            let learner = job.parts()?.0;
            best.exchange(learner.model())?;
            run.keep_stage(number, learner)?;
        }
        last = Some(Last { stage, best, stopped_early });
    }
    Ok(last)
}

/// Trains a stage to its last epoch or to an early stop: whether it was one. `None` where the observer stopped it.
fn one_stage<J: Job>(
    job: &mut J,
    run: &mut Run,
    (stage, best): (&Stage, &mut Best),
    position: Option<Position>,
    observer: &mut dyn Observer,
) -> Result<Option<bool>> {
    let several = job.stages() > 1;
    let ranks = run.ranks().clone();
    let known = job.about().figures;
    let (learner, source) = job.parts()?;
    let mut carried = 0.0;
    match position {
        Some(Position { state, epoch_seconds, .. }) => {
            state::write(&state.arrays, |v| {
                visit(learner, v)?;
                best.visit(learner.model(), v)
            })?;
            *learner.clock_mut() = state.clock;
            carried = epoch_seconds;
            let updates = state.clock.updates;
            let done = state.clock.epochs;
            let note = format!(
                "resumed: {done} of {} epochs were done, {updates} updates in all",
                stage.epochs
            );
            observer.see(Event::Note(&note));
            if run.finishing {
                run.partial_seconds = epoch_seconds;
                return Ok(Some(false));
            }
        }
        None => run.checkpoint(learner, best, 0.0)?,
    }
    follow_first(&ranks, learner, &mut |learner, v| best.visit(learner.model(), v))?;
    let done = learner.clock().epochs;
    observer.see(Event::Stage { stage, done, cases: source.cases() });
    warm_up_on(&ranks, learner, source)?;
    let mut stopped_early = patience_is_over(stage, done, best)?;
    loop {
        let (learner, source) = job.parts()?;
        if learner.clock().epochs >= stage.epochs || stopped_early {
            return Ok(Some(stopped_early && learner.clock().epochs < stage.epochs));
        }
        observer.see(Event::Epoch(learner.clock().epoch()));
        let start = Instant::now();
        let before = std::mem::take(&mut carried);
        let seconds = || before + start.elapsed().as_secs_f64();
        let report = epoch_on(&ranks, learner, source, &mut |learner, cases| {
            // All that learning needs was there.
            let first = run.begun()?;
            let stop = observer.see(Event::Update(cases)) == Flow::Stop;
            let [stop, due] = ranks.agree([stop, first || run.is_due()]);
            if due && !stop {
                collect(&ranks, learner)?;
                run.checkpoint(learner, best, seconds())?;
            }
            Ok(!stop)
        });
        let report =
            report.map_err(|error| in_stage(error, stage, several, has_level_rate::<J>()))?;
        let Some(report) = report else {
            collect(&ranks, learner)?;
            run.checkpoint(learner, best, seconds())?;
            return Ok(None);
        };
        let seconds = seconds();
        let last = report.epoch == stage.epochs;
        let mut figures = report.figures;
        if ranks.is_first() {
            figures.extend(&job.score(report.epoch, last)?);
        }
        figures = figures_of_first(&ranks, figures, known)?;
        let learner = job.parts()?.0;
        if let Keep::Best { by, .. } = stage.keep {
            let scores: Option<Vec<f64>> = by.iter().map(|f| figures.get(f.key)).collect();
            if let Some(scores) = scores {
                best.consider(learner, &scores)?;
            }
        }
        run.append(&Metrics {
            epoch: run.lines.len() as u64 + 1,
            stage: several.then_some(&stage.name),
            stage_epoch: several.then_some(report.epoch),
            updates: report.updates,
            seconds,
            cases_per_second: report.cases as f64 / seconds.max(1e-9),
            figures: &figures,
        })?;
        observer.see(Event::Scored(&figures));
        stopped_early = patience_is_over(stage, report.epoch, best)?;
        if last || stopped_early || run.is_due_after_epoch() {
            run.checkpoint(learner, best, 0.0)?;
        }
    }
}

/// Whether levels have a learning rate of their own.
fn has_level_rate<J: Job>() -> bool {
    J::Settings::declared().iter().any(|setting| setting.name == "pretrain_learning_rate")
}

/// An error of a stage: where there are several, a divergence names its own, and a level's learning rate by its option.
fn in_stage(error: Error, stage: &Stage, several: bool, level_rate: bool) -> Error {
    match error {
        Error::Diverged { epoch, step, what, advice } if several => {
            let of_level = level_rate && stage.name.starts_with("level ");
            let option = if of_level { " (--pretrain-learning-rate)" } else { "" };
            let (what, advice) = (format!("{what} ({})", stage.name), format!("{option}{advice}"));
            Error::Diverged { epoch, step, what, advice }
        }
        other => other,
    }
}

/// What rank 0 has, at every rank.
fn followed<T: Serialize + serde::de::DeserializeOwned>(ranks: &Ranks, own: &T) -> Result<T> {
    let broken = |e: serde_json::Error| Error::run("ranks", format!("rank 0 sent what is no {e}"));
    let bytes = ranks.tell(&serde_json::to_vec(own).map_err(broken)?)?;
    serde_json::from_slice(&bytes).map_err(broken)
}

/// The figures that rank 0 has; decisions follow from them.
fn figures_of_first(
    ranks: &Ranks,
    own: Figures,
    known: &'static [&'static Figure],
) -> Result<Figures> {
    if ranks.count() == 1 {
        return Ok(own);
    }
    let told: Vec<(String, Option<f64>)> =
        followed(ranks, &own.iter().map(|(f, x)| (f.key.to_string(), x)).collect())?;
    if ranks.is_first() {
        return Ok(own);
    }
    let figure = |key: &str| known.iter().copied().find(|figure| figure.key == key);
    let pairs = told.iter().filter_map(|(key, value)| Some((figure(key)?, *value)));
    Ok(pairs.fold(Figures::new(), |all, (figure, value)| all.with(figure, value)))
}

fn patience_is_over(stage: &Stage, done: u64, best: &Best) -> Result<bool> {
    match stage.keep {
        Keep::Best { patience, .. } if patience > 0 => {
            Ok(done >= best.epoch()?.unwrap_or(done) + patience)
        }
        _ => Ok(false),
    }
}

/// The end of a run: models, pictures, summary, report.
fn finish<J: Job>(
    job: &mut J,
    run: &mut Run,
    mut last: Last,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    run.begun()?;
    let folder = run.folder.path().to_path_buf();
    let best_epoch = last.best.epoch()?;
    if best_epoch.is_some() {
        job.save(&folder.join(LAST_MODEL))?;
        last.best.exchange(job.parts()?.0.model())?;
    }
    job.save(&run.folder.model_path())?;
    // An epoch that was not to be the last may have gone without scores.
    let mut scores = match run.finishing {
        true => {
            let epoch = job.parts()?.0.clock().epochs;
            job.score(epoch, true)?
        }
        false => Figures::new(),
    };
    let mut end = Finish { folder: &folder, lines: &run.lines, observer };
    scores.extend(&job.finish(&mut end)?);
    let ended = Ended { stage: &last.stage, best_epoch, stopped_early: last.stopped_early };
    let summary = summary(job, run, &ended, &scores)?;
    let record = Record::load(&folder)?;
    let sections = job.report(&record, observer)?;
    report::write(&record, &sections)?;
    Ok(summary)
}
