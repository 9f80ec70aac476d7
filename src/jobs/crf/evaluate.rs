//! How good a field is, and what it reads: figures, tables, pictures.

use std::io::{self, Write};
use std::path::Path;
use web_time::Instant;

use serde::Serialize;

use super::trained::TrainedCrf;
use crate::data::{ImageShape, Part, Sequences};
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::sequences::{Read, SequenceScore, score_on};
use crate::models::Decoding;
use crate::ranks::Ranks;
use crate::run::png_file::Picture;
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
    /// Which labels are said: `viterbi` or `posterior`.
    pub decoding: &'static str,
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
#[derive(Debug)]
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
        decoding: Decoding,
    ) -> Result<Evaluated> {
        self.evaluate_on(&Ranks::alone(), (data, part, limit), decoding)
    }

    /// The same by ranks, which take sequences by turns; all of them have the result.
    ///
    /// # Errors
    /// As [`TrainedCrf::evaluate`], at any rank.
    pub fn evaluate_on(
        &self,
        ranks: &Ranks,
        (data, part, limit): (Option<&str>, Option<Part>, Option<usize>),
        decoding: Decoding,
    ) -> Result<Evaluated> {
        let (set, part) = self.sequences(data, part, limit)?;
        self.evaluate_set(ranks, (set, part), decoding)
    }

    /// The same of sequences in memory that [`TrainedCrf::prepared`] gave, which are called this part.
    ///
    /// # Errors
    /// [`Error::Data`] where there are no labels; device errors.
    pub fn evaluate_set(
        &self,
        ranks: &Ranks,
        (set, part): (Sequences, Part),
        decoding: Decoding,
    ) -> Result<Evaluated> {
        let Some(labels) = &set.labels else {
            let detail = "has no labels, so nothing can be scored; `harmonium predict` needs none";
            return Err(Error::data(&set.name, detail));
        };
        let start = Instant::now();
        let mut score = score_on(ranks, &self.crf, &mut self.resident(&set)?)?;
        let found = self.read_on(ranks, &set, decoding)?;
        let missed = |(s, read): (usize, &Read)| read.missed(&labels[set.positions(s)]);
        let missed: Vec<usize> = found.iter().enumerate().map(missed).collect();
        let sequences = missed.iter().filter(|missed| **missed > 0).count();
        score.wrong = missed.iter().sum::<usize>() as u64;
        score.error = score.wrong as f64 / set.cases.len() as f64;
        score.sequence_error = sequences as f64 / set.len() as f64;
        let evaluation = Evaluation {
            score,
            sequences: set.len(),
            positions: set.cases.len(),
            decoding: decoding.name(),
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
        wrong.push((read.missed(truth), read.log_probability, sequence));
    }
    confusion.picture()?.save(folder.join(run::CONFUSION))?;
    confusion.save_csv(folder.join(run::CONFUSION_TABLE))?;
    if set.image.is_none() {
        return Ok(());
    }
    wrong.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    let worst: Vec<usize> =
        wrong.iter().take(MOST_READ).map(|&(_, _, sequence)| sequence).collect();
    let missed = wrong.iter().filter(|(missed, ..)| *missed > 0).count();
    let title = format!("{missed} of {} sequences have mistakes", set.len());
    sheet(&title, set, found, &worst)?.save(folder.join(run::READINGS))
}

/// The pictures of some sequences, by their numbers, with what is read in them.
fn sheet(title: &str, set: &Sequences, found: &[Read], shown: &[usize]) -> Result<Picture> {
    let Some(ImageShape { height, width }) = set.image else {
        let detail =
            format!("is of pictures, and the positions of {} are none; leave it out", set.name);
        return Err(Error::setting("picture", detail));
    };
    let name = |label: &u32| set.classes.get(*label as usize).map_or("?", String::as_str);
    let shown = shown.iter().map(|&sequence| {
        let (own, read) = (set.positions(sequence), &found[sequence]);
        ReadSequence {
            positions: own.clone().map(|p| set.cases.row(p)).collect(),
            read: read.labels.iter().map(name).collect(),
            truth: set.labels.as_ref().map(|labels| labels[own].iter().map(name).collect()),
            probabilities: read.probabilities().collect(),
            probability: read.log_probability.exp(),
        }
    });
    let shown: Vec<ReadSequence<'_>> = shown.collect();
    readings(title, &shown, (height, width), (0.0, 1.0))
}

/// That something is read in each sequence, and at each of its positions.
fn check_read(set: &Sequences, found: &[Read]) -> Result<()> {
    set.check()?;
    let whole = |(s, read): (usize, &Read)| read.labels.len() == set.positions(s).len();
    if found.len() != set.len() || !found.iter().enumerate().all(whole) {
        let detail = format!(
            "what is read is of {} sequences, and not of these {} with their positions",
            found.len(),
            set.len()
        );
        return Err(Error::data(&set.name, detail));
    }
    Ok(())
}

/// The first sequences with what is read in them, as a picture; and how many are shown.
///
/// # Errors
/// [`Error::Setting`] where positions are no pictures; [`Error::Data`] where what is read is not of these sequences.
pub fn picture_of_readings(set: &Sequences, found: &[Read]) -> Result<(Picture, usize)> {
    check_read(set, found)?;
    let shown: Vec<usize> = (0..set.len().min(MOST_READ)).collect();
    Ok((sheet(&format!("what is read in {}", set.name), set, found, &shown)?, shown.len()))
}

/// Writes one line per position: sequence, position, predicted label, the true one where it is known, the probability of the
/// predicted label, ln p of the whole labelling, and the probability of each label there.
///
/// # Errors
/// Those of `out`; of the kind `InvalidInput` where what is read is not of these sequences.
pub fn write_readings(out: &mut dyn Write, set: &Sequences, found: &[Read]) -> io::Result<()> {
    check_read(set, found).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let mut csv = csv::Writer::from_writer(out);
    let mut head = vec!["sequence".to_string(), "position".into(), "predicted".into()];
    head.extend(set.labels.is_some().then(|| "true".to_string()));
    head.extend(["probability".into(), "log_probability".into()]);
    head.extend(set.classes.iter().cloned());
    csv.write_record(&head)?;
    let name = |label: u32| set.classes.get(label as usize).map_or("", String::as_str).to_string();
    for (sequence, read) in found.iter().enumerate() {
        let rows = read.marginals.chunks_exact(set.classes.len().max(1));
        let rows = rows.zip(read.probabilities());
        for ((at, position), (marginals, own)) in set.positions(sequence).enumerate().zip(rows) {
            let mut row = vec![sequence.to_string(), at.to_string(), name(read.labels[at])];
            row.extend(set.labels.as_ref().map(|labels| name(labels[position])));
            row.extend([own, read.log_probability].map(|p| p.to_string()));
            row.extend(marginals.iter().map(f32::to_string));
            csv.write_record(&row)?;
        }
    }
    csv.flush()
}
