//! The sequences of a run, prepared.

use std::path::Path;

use super::forbid::forbidden;
use super::settings::CrfSettings;
use crate::data::{Cases, SequenceSplits, Sequences, load_sequences};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::Validation;
use crate::kernels::chain::MOST_LABELS;
use crate::models::{CrfSpec, Pairwise};
use crate::run::{Event, Observer, RunRecord};
use crate::training::ResidentSequences;

/// The data of a run.
pub struct Prepared {
    /// Without windows; the test part is the source's own.
    splits: SequenceSplits,
    /// What hidden layers learn from too, with its windows.
    pub unlabelled: Option<Sequences>,
    pub forbidden: Vec<[usize; 2]>,
}

/// What is trained on, held out and tested on, with their windows.
pub struct Parts {
    pub train: Sequences,
    pub validation: Option<Sequences>,
    pub test: Option<Sequences>,
}

/// The parts of the fold under way on the device.
pub struct Sources {
    pub train: ResidentSequences,
    pub validation: Option<ResidentSequences>,
    pub test: Option<ResidentSequences>,
}

impl Sources {
    /// Batches of so many sequences whose positions have the sizes `input`.
    pub fn new(device: &Device, parts: &Parts, input: &[usize], batch: usize) -> Result<Self> {
        let part = |part: &Sequences| ResidentSequences::new(device, part, input, batch);
        let labelled = parts.test.as_ref().filter(|test| test.labels.is_some());
        Ok(Sources {
            train: part(&parts.train)?,
            validation: parts.validation.as_ref().map(part).transpose()?,
            test: labelled.map(part).transpose()?,
        })
    }
}

/// The parts that a fold makes, or the source's own.
pub fn divided(splits: SequenceSplits, name: &str, fold: Option<usize>) -> Result<SequenceSplits> {
    let (Some(fold), SequenceSplits { train, .. }) = (fold, &splits) else { return Ok(splits) };
    let (folds, fold) = fold_of(train, name, ("fold", fold))?;
    let test = train.select(&format!("{name} (fold {fold})"), |s| folds[s] == fold)?;
    let rest = train.select(name, |s| folds[s] != fold)?;
    Ok(SequenceSplits { train: rest, test: Some(test) })
}

/// Which fold each sequence belongs to, and the one that a setting asks for.
fn fold_of<'a>(
    train: &'a Sequences,
    name: &str,
    (setting, fold): (&str, usize),
) -> Result<(&'a [u32], u32)> {
    let Some(folds) = &train.folds else {
        let detail = format!("{name} has no folds; letter.data has ten");
        return Err(Error::setting(setting, detail));
    };
    let known = u32::try_from(fold).ok().filter(|fold| folds.contains(fold));
    let fold = known.ok_or_else(|| {
        let most = folds.iter().max().copied().unwrap_or(0);
        Error::setting(setting, format!("{name} has no fold {fold}; they end at {most}"))
    })?;
    Ok((folds, fold))
}

impl Prepared {
    /// Loads what `settings` name; their `validation` becomes what was done. The parts are those of the first fold where
    /// there are several.
    pub fn load(settings: &mut CrfSettings, observer: &mut dyn Observer) -> Result<(Self, Parts)> {
        let name = settings.data.name().to_string();
        let splits = settings.data.load()?;
        let train = &splits.train;
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
        let window = |part: Sequences| part.with_window(settings.window);
        let unlabelled = match &settings.unlabelled {
            Some(name) => {
                Some(window(load_sequences(name)?.train.with_attributes(&train.attributes)?)?)
            }
            None => None,
        };
        let prepared = Prepared { splits, unlabelled, forbidden };
        for fold in 0..settings.folds.unwrap_or(0) {
            fold_of(&prepared.splits.train, &name, ("folds", fold))?;
        }
        let first = settings.folds.map(|_| 0).or(settings.fold);
        let parts = prepared.parts(settings, first)?;
        if let (Some(unlabelled), true) = (&prepared.unlabelled, settings.pretrain) {
            parts.train.cases_with(Some(unlabelled))?;
        }
        prepared.tell(settings, &parts, observer);
        let held_out = parts.validation.as_ref().map_or(0, Sequences::len);
        settings.validation = settings.validation.of(parts.train.len() + held_out);
        Ok((prepared, parts))
    }

    /// Says what there is.
    fn tell(&self, settings: &CrfSettings, parts: &Parts, observer: &mut dyn Observer) {
        let told = |part: &Option<Sequences>, what: &str| match part {
            Some(part) => format!(", {} {what}", part.len()),
            None => String::new(),
        };
        observer.see(Event::Note(&format!(
            "data: {}, {} training sequences of {} positions{}{}{}, {} labels{}",
            settings.data,
            parts.train.len(),
            parts.train.cases.len(),
            told(&parts.validation, "held out"),
            told(&parts.test, "for testing"),
            told(&self.unlabelled, "without labels"),
            parts.train.classes.len(),
            match settings.folds {
                Some(n) => format!("; the first of {n} folds"),
                None => String::new(),
            }
        )));
    }

    /// The parts before any of the training sequences are held out, without windows.
    fn undivided(&self, settings: &CrfSettings, fold: Option<usize>) -> Result<SequenceSplits> {
        let SequenceSplits { train, test } =
            divided(self.splits.clone(), settings.data.name(), fold)?;
        let train = match settings.limit {
            Some(limit) => train.select(settings.data.name(), |s| s < limit)?,
            None => train,
        };
        Ok(SequenceSplits { train, test })
    }

    /// The parts where this fold is tested on, if one is.
    pub fn parts(&self, settings: &CrfSettings, fold: Option<usize>) -> Result<Parts> {
        let SequenceSplits { train, test } = self.undivided(settings, fold)?;
        let (train, validation) = match settings.validation.of(train.len()) {
            Validation::Some(holdout) => {
                let (train, held_out) = train.split_validation(holdout, settings.seed)?;
                (train, Some(held_out))
            }
            _ => (train, None),
        };
        for part in [Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten() {
            check_allowed(part, &self.forbidden)?;
        }
        let window = |part: Sequences| part.with_window(settings.window);
        Ok(Parts {
            train: window(train)?,
            validation: validation.map(window).transpose()?,
            test: test.map(window).transpose()?,
        })
    }

    /// What a run records of its data and device: of several folds all sequences, else those trained on;
    /// and those held out, of the first fold.
    pub fn record(&self, device: &Device, parts: &Parts, several: bool) -> RunRecord {
        fn part(part: &Sequences) -> Option<(&Cases, &[u32])> {
            Some((&part.cases, part.labels.as_deref()?))
        }
        // What is held out is recorded of several folds too: none there would mean that none was to be.
        let train = if several { &self.splits.train } else { &parts.train };
        RunRecord::new(device, [part(train), parts.validation.as_ref().and_then(part)])
    }
}

/// How many positions, padding among them, a batch of so many sequences has at most: like lengths come together.
fn most_positions(part: &Sequences, batch: usize) -> usize {
    let mut lengths: Vec<usize> = (0..part.len()).map(|s| part.positions(s).len()).collect();
    lengths.sort_unstable();
    let padded = |group: &[usize]| group.len().saturating_mul(group.last().copied().unwrap_or(0));
    lengths.chunks(batch.max(1)).map(padded).max().unwrap_or(0)
}

/// Says what the scores of each position's transitions take, and that a batch of them fits one tensor.
///
/// # Errors
/// [`Error::Setting`] where it does not.
pub fn tell_room(
    parts: &Parts,
    spec: &CrfSpec,
    (batch, most): (usize, u64),
    observer: &mut dyn Observer,
) -> Result<()> {
    if spec.pairwise == Pairwise::Constant {
        return Ok(());
    }
    let (positions, values) = (most_positions(&parts.train, batch), spec.values());
    let bytes = (positions as u64).saturating_mul(values as u64).saturating_mul(4);
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    if bytes > most {
        let detail = format!(
            "features give each of up to {positions} positions of a batch {values} scores, {} at once, and the device's \
             largest tensor has {}; use a smaller --batch, or constant",
            mib(bytes),
            mib(most)
        );
        return Err(Error::setting("pairwise", detail));
    }
    observer.see(Event::Note(&format!(
        "pairwise: {values} scores for each position, up to {} a batch, and as many for their gradient",
        mib(bytes)
    )));
    Ok(())
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
            let name = |label: usize| {
                format!("label {}", part.classes.get(label).map_or("?", String::as_str))
            };
            let what = match from {
                from if from == k => format!("{} comes first", name(to)),
                from if from == k + 1 => format!("{} comes last", name(to)),
                from => format!("{} is followed by {}", name(from), name(to)),
            };
            let detail = format!("in sequence {sequence}, {what}, which --forbid rules out");
            return Err(Error::data(&part.name, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Values;

    /// Lengths 1, 1, 1, 5, 7, 9: in threes 3 and 27, one by one 9, all at once 54.
    #[test]
    fn the_longest_batch_is_found_and_refused_where_it_does_not_fit() {
        let cases = Cases::new(Values::F32(vec![0.0; 24]), 24, 1).unwrap();
        let train = Sequences::new("made", cases, vec![0, 9, 10, 15, 16, 23, 24]).unwrap();
        let most = |batch: usize| most_positions(&train, batch);
        assert_eq!((most(3), most(1), most(100), most(4)), (27, 9, 54, 20));
        let parts = Parts { train: train.clone(), validation: None, test: None };
        let spec = CrfSpec::linear(1, 4).pairwise(Pairwise::Features);
        let mut said = Vec::new();
        let mut observer = |event: Event<'_>| {
            if let Event::Note(text) = event {
                said.push(text.to_string());
            }
            crate::run::Flow::GoOn
        };
        let bytes = 27 * 20 * 4;
        tell_room(&parts, &spec, (3, bytes), &mut observer).unwrap();
        let error = tell_room(&parts, &spec, (3, bytes - 1), &mut observer).unwrap_err();
        assert!(error.to_string().contains("27 positions of a batch 20 scores"), "{error}");
        let constant = spec.pairwise(Pairwise::Constant);
        tell_room(&parts, &constant, (3, 0), &mut observer).unwrap();
        assert_eq!(said.len(), 1, "{said:?}");
    }
}
