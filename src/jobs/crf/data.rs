//! The sequences of a run, prepared.

use std::path::Path;

use super::forbid::forbidden;
use super::settings::CrfSettings;
use crate::data::{Cases, SequenceSplits, Sequences, load_sequences};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::Validation;
use crate::kernels::chain::MOST_LABELS;
use crate::run::{Event, Observer, RunRecord};

/// The parts of the data, with their windows.
pub struct Prepared {
    pub train: Sequences,
    pub validation: Option<Sequences>,
    pub test: Option<Sequences>,
    pub forbidden: Vec<[usize; 2]>,
}

/// The parts that a fold makes, or the source's own.
pub fn divided(splits: SequenceSplits, name: &str, fold: Option<usize>) -> Result<SequenceSplits> {
    let (Some(fold), SequenceSplits { train, .. }) = (fold, &splits) else { return Ok(splits) };
    let Some(folds) = &train.folds else {
        let detail = format!("{name} has no folds; letter.data has ten");
        return Err(Error::setting("fold", detail));
    };
    let known = u32::try_from(fold).ok().filter(|fold| folds.contains(fold));
    let Some(fold) = known else {
        let most = folds.iter().max().copied().unwrap_or(0);
        return Err(Error::setting(
            "fold",
            format!("{name} has no fold {fold}; they end at {most}"),
        ));
    };
    let test = train.select(&format!("{name} (fold {fold})"), |s| folds[s] == fold)?;
    let rest = train.select(name, |s| folds[s] != fold)?;
    Ok(SequenceSplits { train: rest, test: Some(test) })
}

impl Prepared {
    /// Loads what `settings` name; their `validation` becomes what was done.
    pub fn load(settings: &mut CrfSettings, observer: &mut dyn Observer) -> Result<Self> {
        let name = settings.data.clone();
        let SequenceSplits { train, test } = divided(load_sequences(&name)?, &name, settings.fold)?;
        for notice in &train.notices {
            observer.see(Event::Note(&format!("note: {notice}")));
        }
        if train.labels.is_none() {
            return Err(Error::data(&name, "has no labels (y), and a field learns them"));
        }
        if train.classes.len() > MOST_LABELS {
            let detail =
                format!("{} labels; a chain has at most {MOST_LABELS}", train.classes.len());
            return Err(Error::data(&name, detail));
        }
        let forbidden = match &settings.forbid {
            Some(path) => forbidden(Path::new(path), &train.classes)?,
            None => Vec::new(),
        };
        let train = match settings.limit {
            Some(limit) => train.select(&name, |s| s < limit)?,
            None => train,
        };
        settings.validation = settings.validation.of(train.len());
        let (train, validation) = match settings.validation {
            Validation::Some(holdout) => {
                let (train, held_out) = train.split_validation(holdout, settings.seed)?;
                (train, Some(held_out))
            }
            _ => (train, None),
        };
        for part in [Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten() {
            check_allowed(part, &forbidden)?;
        }
        let told = |part: &Option<Sequences>, what: &str| match part {
            Some(part) => format!(", {} {what}", part.len()),
            None => String::new(),
        };
        observer.see(Event::Note(&format!(
            "data: {name}, {} training sequences of {} positions{}{}, {} labels",
            train.len(),
            train.cases.len(),
            told(&validation, "held out"),
            told(&test, "for testing"),
            train.classes.len(),
        )));
        let window = |part: Sequences| part.with_window(settings.window);
        Ok(Prepared {
            train: window(train)?,
            validation: validation.map(window).transpose()?,
            test: test.map(window).transpose()?,
            forbidden,
        })
    }

    /// What a run records of its data and device.
    pub fn record(&self, device: &Device) -> RunRecord {
        fn part(part: &Sequences) -> Option<(&Cases, &[u32])> {
            Some((&part.cases, part.labels.as_deref()?))
        }
        RunRecord::new(device, [part(&self.train), self.validation.as_ref().and_then(part)])
    }
}

/// That no sequence has labels which are forbidden: its probability would be 0.
fn check_allowed(part: &Sequences, forbidden: &[[usize; 2]]) -> Result<()> {
    let (Some(labels), k) = (&part.labels, part.classes.len()) else { return Ok(()) };
    if forbidden.is_empty() {
        return Ok(());
    }
    for sequence in 0..part.len() {
        let own = part.positions(sequence);
        let mut before = k;
        let mut transitions = Vec::with_capacity(own.len() + 1);
        for &label in &labels[own] {
            transitions.push([before, label as usize]);
            before = label as usize;
        }
        transitions.push([k + 1, before]);
        if let Some(&[from, to]) = transitions.iter().find(|pair| forbidden.contains(pair)) {
            let name = |label: usize| part.classes.get(label).map_or("?", String::as_str);
            let what = match from {
                from if from == k => format!("{} comes first", name(to)),
                from if from == k + 1 => format!("{} comes last", name(to)),
                from => format!("{} is followed by {}", name(from), name(to)),
            };
            let detail = format!("in sequence {sequence} {what}, which --forbid rules out");
            return Err(Error::data(&part.name, detail));
        }
    }
    Ok(())
}
