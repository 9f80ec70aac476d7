//! What the commands do with conditional random fields and sequences.

use std::path::Path;

use super::args::{ApplyOptions, EvalOptions, FeaturesOptions, PredictOptions};
use super::of_machines::Needing;
use super::print::{count, out, tell};
use super::scoring::{folder, keep, print_json};
use super::targets::{check_out, tell_replaced};
use super::trained;
use crate::error::{Error, Result};
use crate::evaluation::sequences::Read;
use crate::jobs::TrainedCrf;
use crate::jobs::crf::{picture_of_readings, write_readings};
use crate::ranks::Ranks;
use crate::run::{self, atomic, npy};

/// What a field reads in sequences.
pub fn predict(ranks: &Ranks, options: &PredictOptions, field: &TrainedCrf) -> Result<()> {
    if options.invert {
        let detail = "is of networks; a field takes its positions as they are: leave it out";
        return Err(Error::setting("invert", detail));
    }
    options.reading.refuse_of_sequences()?;
    options.read.picture.as_deref().map_or(Ok(()), |path| {
        check_out(path, "png", &[("--data", Some(Path::new(&options.data)))])
    })?;
    let part = options.split.map(Into::into);
    let (set, _) = field.sequences(Some(&options.data), part, options.limit)?;
    trained::notes(&set.notices);
    let found = field.read_on(ranks, &set, options.read.decoding.decoding())?;
    if !ranks.is_first() {
        return Ok(());
    }
    if let Some(path) = &options.read.picture {
        let (picture, shown) = picture_of_readings(&set, &found)?;
        tell_replaced(path);
        picture.save(path)?;
        if shown < set.len() {
            tell(format_args!("note: the first {shown} of {} sequences are drawn", set.len()));
        }
    }
    let Some(path) = &options.out else {
        let mut text = Vec::new();
        write_readings(&mut text, &set, &found)
            .map_err(|e| Error::data("predict", e.to_string()))?;
        out!("{}", String::from_utf8_lossy(&text).trim_end());
        return Ok(());
    };
    tell_replaced(path);
    atomic::write(path, |out| write_readings(out, &set, &found))?;
    let (positions, sequences) =
        (count(set.cases.len(), "prediction"), count(set.len(), "sequence"));
    out!("{positions} of {sequences}: {}", path.display());
    if let Some(labels) = &set.labels {
        let missed = |(s, read): (usize, &Read)| read.missed(&labels[set.positions(s)]);
        let wrong: usize = found.iter().enumerate().map(missed).sum();
        let percent = 100.0 * wrong as f64 / labels.len().max(1) as f64;
        out!("{wrong} of {} are wrong ({percent:.2} %)", labels.len());
    }
    if let Some(path) = &options.read.picture {
        out!("picture: {}", path.display());
    }
    Ok(())
}

/// What is drawn of a field's answers.
const DRAWN: [&str; 3] = [run::CONFUSION, run::CONFUSION_TABLE, run::READINGS];

/// How good a field is.
pub fn eval(ranks: &Ranks, options: &EvalOptions, field: &TrainedCrf) -> Result<()> {
    options.refuse_but(&[], "a field has errors and the likelihood of its labels")?;
    options.reading.refuse_of_sequences()?;
    let (part, decoding) = (options.split.map(Into::into), options.decoding.decoding());
    let of = (options.data.as_deref(), part, options.limit);
    let evaluated = field.evaluate_on(ranks, of, decoding)?;
    if !ranks.is_first() {
        return Ok(());
    }
    let found = &evaluated.evaluation;
    trained::notes(&evaluated.part.notices);
    let folder = folder(options)?;
    let kept = match &folder {
        Some(folder) => keep(options, folder, found, (&DRAWN, || evaluated.pictures(folder)))?,
        None => false,
    };
    if options.json {
        return print_json(found, options);
    }
    let score = &found.score;
    let (error, wrong) = (100.0 * score.error, score.wrong);
    out!("error: {error:.2} % ({wrong} of {} positions, by {})", found.positions, found.decoding);
    let error = 100.0 * score.sequence_error;
    out!("sequence error: {error:.2} % (of {} sequences, with a wrong label)", found.sequences);
    out!("log-likelihood: {:.4} nats (mean per sequence)", score.log_likelihood);
    out!("sequences: {}, {} part", found.data, found.split);
    if let Some(folder) = folder.filter(|_| kept) {
        for file in DRAWN.iter().chain(&[run::EVAL]) {
            if folder.join(file).is_file() {
                out!("  {}", folder.join(file).display());
            }
        }
    }
    Ok(())
}

/// What a layer gives for every position.
pub fn transform(ranks: &Ranks, options: &ApplyOptions, field: &TrainedCrf) -> Result<()> {
    options.reading.refuse_of_sequences()?;
    let part = Some(options.split.into());
    let (set, _) = field.sequences(Some(&options.data), part, options.limit)?;
    trained::notes(&set.notices);
    let (values, units) = field.transform_on(ranks, &set, options.level)?;
    if !ranks.is_first() {
        return Ok(());
    }
    let n = set.cases.len();
    tell_replaced(&options.out);
    npy::write(&options.out, &values, n, units)?;
    let of = format!("{} of {}", count(n, "position"), count(set.len(), "sequence"));
    out!("what a layer gives for {of}, [{n}, {units}]: {}", options.out.display());
    Ok(())
}

/// What every layer makes of a sequence.
pub fn features(options: &FeaturesOptions, field: &TrainedCrf) -> Result<()> {
    options.reading.refuse_of_sequences()?;
    let part = options.split.map(Into::into);
    let (set, _) = field.sequences(options.data.as_deref(), part, None)?;
    trained::notes(&set.notices);
    let title = format!("{}, sequence {}", set.name, options.case);
    let picture = field.features(&set, options.case, &title)?;
    tell_replaced(&options.out);
    picture.save(&options.out)?;
    out!("{title}: {}", options.out.display());
    Ok(())
}
