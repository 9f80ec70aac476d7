//! Which cases of which data.

use super::chosen::Chosen;
use super::loading;
use super::pieces::{Pieces, Treat};
use super::settings::Memory;
use crate::data::{
    self, DataSet, Found, ImageShape, Part, Reading, Splits, Stream, Streamed, Streaming,
};
use crate::error::{Error, Result};

/// Which cases of which data a model is applied to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice<'a> {
    /// As [`data::load`] takes it; `None` for what the model was trained on.
    pub data: Option<&'a str>,
    /// A set in memory in place of these.
    pub set: Option<&'a DataSet>,
    /// `None` for the test part where there is one, else the training part.
    pub part: Option<Part>,
    /// The first so many cases only.
    pub limit: Option<usize>,
    /// How the data are read where they do not say it themselves. What it does not say of labels and arrays is as in training
    /// if the data are those of the training; scale, columns and residues are as there for any data that are read by name.
    pub reading: Option<&'a Reading>,
    /// Whether nothing needs labels, so that they are left out where some are missing.
    pub labels_optional: bool,
    /// How much each case of the part counts in means and scores, if they differ.
    pub weights: Option<&'a [f32]>,
    /// Whether they are to be read in pieces even where they fit.
    pub stream: bool,
    /// How many bytes cases may take: what is larger is read in pieces.
    pub memory: Memory,
}

/// What a model was trained on, and how that was read.
#[derive(Clone, Copy)]
pub(super) struct TrainedOn<'a> {
    pub data: Option<&'a str>,
    pub reading: &'a Reading,
    /// The size of the pictures that the model takes, where it takes such.
    pub image: Option<ImageShape>,
}

impl<'a> Choice<'a> {
    /// The test part of some data, or all where there is none.
    pub fn of(data: &'a str) -> Self {
        Choice { data: Some(data), ..Choice::default() }
    }

    /// The cases of a set in memory, which is taken as [`data::load`] would have given it: numbers divided already by the scale
    /// that the model was trained with (its origin's `reading`), columns in its order, and nothing else done to them, which the
    /// model does itself (a threshold, standardising). They are a test part unless `part` says otherwise.
    pub fn of_set(set: &'a DataSet) -> Self {
        Choice { set: Some(set), ..Choice::default() }
    }

    /// The same, and of these the first so many cases.
    #[must_use]
    pub fn limit(self, cases: usize) -> Self {
        Choice { limit: Some(cases), ..self }
    }

    /// Whether any cases are meant: a set in memory, named data, or those of the training.
    pub(super) fn means_cases(&self, trained_on: Option<&str>) -> bool {
        self.set.is_some() || self.data.or(trained_on).is_some()
    }

    /// Reads the data, whole or in pieces; `treat` makes of cases of a part what the model sees. Of pictures that are plain
    /// numbers up to 255 those in [0, 1] are made, where `unit_interval` is what the model takes.
    pub(super) fn pieces<'m>(
        &self,
        trained_on: TrainedOn<'_>,
        unit_interval: bool,
        treat: impl Fn(DataSet, &str, Part) -> Result<Chosen> + 'm,
    ) -> Result<Pieces<'m>> {
        if self.limit == Some(0) {
            return Err(Error::setting("limit", "0 is too few; use at least 1"));
        }
        let pieces = match self.set {
            Some(set) => {
                let part = self.part.unwrap_or(Part::Test);
                let name = set.name.clone();
                let treat = move |set, part| treat(set, &name, part);
                Pieces::of_set((self.first(set.clone()), part), None, Box::new(treat))?
            }
            None => self.read(trained_on, unit_interval, treat)?,
        };
        let Some(weights) = self.weights else { return Ok(pieces) };
        // They are those of the part, of which a limit takes the first.
        let count = self.limit.unwrap_or(weights.len()).min(weights.len());
        pieces.weighted(weights[..count].to_vec())
    }

    /// As many cases as are asked for.
    fn first(&self, set: DataSet) -> DataSet {
        self.limit.into_iter().fold(set, DataSet::limit)
    }

    /// Those that the data's name leads to.
    fn read<'m>(
        &self,
        trained_on: TrainedOn<'_>,
        unit_interval: bool,
        treat: impl Fn(DataSet, &str, Part) -> Result<Chosen> + 'm,
    ) -> Result<Pieces<'m>> {
        let name = self.data.or(trained_on.data).ok_or_else(|| {
            let detail = "the model does not say what it was trained on; name the data";
            Error::setting("data", detail)
        })?;
        let own = name.to_string();
        let treat: Box<Treat<'m>> = Box::new(move |set, part| treat(set, &own, part));
        let mut reading = self.reading.cloned().unwrap_or_default();
        if trained_on.data == Some(name) {
            reading = reading.or(trained_on.reading);
        }
        let reading = reading
            .for_model(trained_on.reading, trained_on.image)
            .without_need_of_labels(self.labels_optional);
        match loading::found(name, &reading, self.stream, self.memory)? {
            Some(found) => self.streamed(found, unit_interval, treat),
            None => self.loaded((name, &reading), unit_interval, treat),
        }
    }

    /// Of data that are loaded whole.
    fn loaded<'m>(
        &self,
        (name, reading): (&str, &Reading),
        unit_interval: bool,
        treat: Box<Treat<'m>>,
    ) -> Result<Pieces<'m>> {
        let mut splits = data::load_with(name, reading)?;
        if unit_interval {
            splits.pictures_into_unit_interval()?;
        }
        let Splits { train, test } = splits;
        let (set, part, training) = match (self.part, test) {
            (Some(Part::Validation), _) => {
                return Err(held_out_unknown());
            }
            (Some(Part::Test), None) => {
                return Err(Error::setting("split", format!("{name} has no test part")));
            }
            (Some(Part::Test) | None, Some(test)) => (test, Part::Test, Some(train)),
            // A file has one part, and that is what is asked for.
            (Some(Part::Train), _) | (None, None) => (train, Part::Train, None),
        };
        Pieces::of_set((self.first(set), part), training, treat)
    }

    /// The same of data that are read in pieces.
    fn streamed<'m>(
        &self,
        mut found: Found,
        unit_interval: bool,
        treat: Box<Treat<'m>>,
    ) -> Result<Pieces<'m>> {
        let mut how = Streaming::new(self.memory.bytes()).unit_pictures(unit_interval).in_order();
        let (size, of_test) = (Memory::words(found.bytes()), found.test_cases()?);
        let note = format!("{}: {size}, read in pieces", found.name());
        let test = match self.part {
            Some(Part::Validation) => return Err(held_out_unknown()),
            Some(Part::Test) if of_test == 0 => {
                return Err(Error::setting("split", "the data have no test part"));
            }
            Some(Part::Train) => false,
            Some(Part::Test) | None => of_test > 0,
        };
        if let (Some(limit), false) = (self.limit, test) {
            how = how.limit(limit);
        }
        let Streamed { train, all_test, .. } = found.open(&how)?;
        let limited = |stream: &Stream| self.limit.unwrap_or(usize::MAX).min(stream.len());
        let (part, training) = match all_test.filter(|_| test) {
            Some(test) => ((limited(&test), Part::Test, test), Some(train)),
            None => ((limited(&train), Part::Train, train), None),
        };
        Ok(Pieces::of_stream(part, training, self.memory, treat)?.told(note))
    }
}

fn held_out_unknown() -> Error {
    Error::setting("split", "which cases were held out is known to training alone")
}
