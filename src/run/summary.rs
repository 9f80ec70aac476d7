//! What a run came to, in its folder and for whoever called.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::job::{About, Job, Keep, Stage, Summary, figures_in};
use super::record::Line;
use super::session::Run;
use crate::device::DeviceInfo;
use crate::error::Result;
use crate::training::{Figure, Figures, LEARNING_RATE, MOMENTUM};

/// How the last stage ended.
pub(super) struct Ended<'a> {
    pub stage: &'a Stage,
    /// The epoch whose model was kept, where the best is.
    pub best_epoch: Option<u64>,
    pub stopped_early: bool,
}

/// `summary.json`.
#[derive(Serialize)]
struct SummaryFile<'a> {
    model: &'a str,
    #[serde(flatten)]
    facts: Ordered<'a>,
    epochs: u64,
    #[serde(flatten)]
    best: Option<Kept>,
    updates: u64,
    training_cases: usize,
    seconds: f64,
    cases_per_second: f64,
    #[serde(flatten)]
    figures: &'a Figures,
    device: &'a DeviceInfo,
    peak_device_bytes: u64,
    harmonium: &'static str,
}

/// Which model was kept, where the best is.
#[derive(Serialize, Clone, Copy)]
struct Kept {
    best_epoch: u64,
    stopped_early: bool,
}

struct Ordered<'a>(&'a [(&'static str, Value)]);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

/// Writes `summary.json`.
pub(super) fn summary<J: Job>(
    job: &mut J,
    run: &Run,
    last: &Ended<'_>,
    scores: &Figures,
) -> Result<Summary> {
    let clock = job.parts()?.0.clock();
    let kept = last.best_epoch.unwrap_or(clock.epochs);
    // The lines of the last stage are the last ones.
    let at = run.lines.len().saturating_sub((clock.epochs - kept.min(clock.epochs)) as usize + 1);
    let facts = job.facts();
    let About { kind, record, device, figures, .. } = job.about();
    // What the end found anew stands for what the last epoch had.
    let scored = |f: &&Figure| {
        ![LEARNING_RATE.key, MOMENTUM.key].contains(&f.key) && scores.get(f.key).is_none()
    };
    let measured: Vec<&'static Figure> = figures.iter().copied().filter(scored).collect();
    let nothing = Line::new();
    let mut figures = figures_in(&measured, run.lines.get(at).unwrap_or(&nothing));
    figures.extend(scores);
    let number = |line: &Line, key: &str| line.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let earlier = run.lines.len().saturating_sub(clock.epochs as usize);
    let seconds =
        run.partial_seconds + run.lines.iter().map(|line| number(line, "seconds")).sum::<f64>();
    // What was learnt within an epoch that is not over counts too.
    let before = run.lines[..earlier].iter().map(|line| number(line, "updates") as u64);
    let updates = before.sum::<u64>() + clock.updates;
    let cases: f64 =
        run.lines.iter().map(|l| number(l, "cases_per_second") * number(l, "seconds")).sum();
    let kept = Kept { best_epoch: kept, stopped_early: last.stopped_early };
    let training_cases = record.training_cases;
    let epochs = run.lines.len() as u64;
    let cases_per_second = match job.stages() {
        1 => (epochs * training_cases as u64) as f64 / seconds.max(1e-9),
        _ => cases / seconds.max(1e-9),
    };
    run.folder.write_summary(&SummaryFile {
        model: kind,
        facts: Ordered(&facts.numbers),
        epochs,
        best: matches!(last.stage.keep, Keep::Best { .. }).then_some(kept),
        updates,
        training_cases,
        seconds,
        cases_per_second,
        figures: &figures,
        device: device.info(),
        peak_device_bytes: device.memory().peak_bytes,
        harmonium: env!("CARGO_PKG_VERSION"),
    })?;
    Ok(Summary {
        title: facts.title,
        epochs,
        stage: (job.stages() > 1).then(|| (last.stage.name.clone(), clock.epochs)),
        best_epoch: matches!(last.stage.keep, Keep::Best { .. }).then_some(kept.best_epoch),
        stopped_early: last.stopped_early,
        updates,
        seconds,
        cases_per_second,
        figures,
    })
}
