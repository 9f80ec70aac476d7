//! How good a field is, and what it reads: figures, tables, pictures.

use std::io::{self, Write};
use std::path::Path;
use web_time::Instant;

use serde::Serialize;

use super::trained::TrainedCrf;
use crate::data::{ImageShape, Part, Sequences};
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::sequences::{Read, SequenceScore, score};
use crate::run::readings::{MOST_READ, ReadSequence, readings};
use crate::run::{self, Confusion};

/// What was found; as JSON what `eval --json` prints and a run's `eval.json` holds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Errors and likelihood.
    #[serde(flatten)]
    pub score: SequenceScore,
    /// How many sequences there are.
    pub sequences: usize,
    /// How many positions.
    pub positions: usize,
    /// What they are of.
    pub data: String,
    /// `train` or `test`.
    pub split: &'static str,
    /// How many numbers the field was trained in.
    pub parameters: usize,
    /// That it took, without reading the data.
    pub seconds: f64,
    /// On what.
    pub device: DeviceInfo,
    /// The version.
    pub harmonium: &'static str,
}

/// An evaluation with the sequences that it is about, and what the field reads in each.
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// The sequences.
    pub part: Sequences,
    /// What is read.
    pub found: Vec<Read>,
}

impl TrainedCrf {
    /// Scores the field on some sequences, or on those of the data that it was trained on.
    ///
    /// # Errors
    /// As [`TrainedCrf::sequences`]; [`Error::Data`] where there are no labels; device errors.
    pub fn evaluate(
        &self,
        data: Option<&str>,
        part: Option<Part>,
        limit: Option<usize>,
    ) -> Result<Evaluated> {
        let (set, part) = self.sequences(data, part, limit)?;
        if set.labels.is_none() {
            let detail = "has no labels, so nothing can be scored; `harmonium predict` needs none";
            return Err(Error::data(&set.name, detail));
        }
        let start = Instant::now();
        let score = score(&self.crf, &mut self.resident(&set)?)?;
        let found = self.read(&set)?;
        let evaluation = Evaluation {
            score,
            sequences: set.len(),
            positions: set.cases.len(),
            data: set.name.clone(),
            split: if part == Part::Test { "test" } else { "train" },
            parameters: self.crf.trained(),
            seconds: start.elapsed().as_secs_f64(),
            device: self.crf.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
        };
        Ok(Evaluated { evaluation, part: set, found })
    }
}

impl Evaluated {
    /// Writes what is taken for what, as a picture and as a table, and the sequences with the most mistakes.
    ///
    /// # Errors
    /// [`Error::Io`]; where a picture cannot be drawn.
    pub fn pictures(&self, folder: &Path) -> Result<()> {
        pictures(folder, &self.part, &self.found)
    }
}

/// Confusions, and, where positions are pictures, the sequences with the most mistakes, the surest of these first.
pub(super) fn pictures(folder: &Path, set: &Sequences, found: &[Read]) -> Result<()> {
    let Some(labels) = &set.labels else { return Ok(()) };
    let mut confusion = Confusion::new(set.classes.clone());
    let mut wrong = Vec::new();
    for (sequence, read) in found.iter().enumerate() {
        let truth = &labels[set.positions(sequence)];
        confusion.count(truth, &read.labels)?;
        let missed = truth.iter().zip(&read.labels).filter(|(a, b)| a != b).count();
        wrong.push((missed, read.log_probability, sequence));
    }
    confusion.picture()?.save(folder.join(run::CONFUSION))?;
    confusion.save_csv(folder.join(run::CONFUSION_TABLE))?;
    let Some(ImageShape { height, width }) = set.image else { return Ok(()) };
    wrong.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    let name = |label: &u32| set.classes.get(*label as usize).map_or("?", String::as_str);
    let shown = wrong.iter().take(MOST_READ).map(|&(_, _, sequence)| {
        let own = set.positions(sequence);
        ReadSequence {
            positions: own.clone().map(|p| set.cases.row(p)).collect(),
            read: found[sequence].labels.iter().map(name).collect(),
            truth: Some(labels[own].iter().map(name).collect()),
            probability: found[sequence].log_probability.exp(),
        }
    });
    let shown: Vec<ReadSequence<'_>> = shown.collect();
    let missed = wrong.iter().filter(|(missed, ..)| *missed > 0).count();
    let title = format!("{missed} of {} sequences have mistakes", set.len());
    readings(&title, &shown, (height, width), (0.0, 1.0))?.save(folder.join(run::READINGS))
}

/// Writes one line per position: sequence, position, predicted label, the true one where it is known, ln p of the whole
/// labelling, and the probability of each label there.
///
/// # Errors
/// Those of `out`.
pub fn write_readings(out: &mut dyn Write, set: &Sequences, found: &[Read]) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let mut head = vec!["sequence".to_string(), "position".into(), "predicted".into()];
    head.extend(set.labels.is_some().then(|| "true".to_string()));
    head.push("log_probability".into());
    head.extend(set.classes.iter().cloned());
    csv.write_record(&head)?;
    let name = |label: u32| set.classes.get(label as usize).map_or("", String::as_str).to_string();
    for (sequence, read) in found.iter().enumerate() {
        let rows = read.marginals.chunks_exact(set.classes.len().max(1));
        for ((at, position), marginals) in set.positions(sequence).enumerate().zip(rows) {
            let mut row = vec![sequence.to_string(), at.to_string(), name(read.labels[at])];
            row.extend(set.labels.as_ref().map(|labels| name(labels[position])));
            row.push(read.log_probability.to_string());
            row.extend(marginals.iter().map(f32::to_string));
            csv.write_record(&row)?;
        }
    }
    csv.flush()
}
