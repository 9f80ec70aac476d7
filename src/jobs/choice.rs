//! Which cases of which data.

use super::settings::Memory;
use crate::data::{self, Cases, DataSet, Found, Part, Reading, Splits, Streaming};
use crate::error::{Error, Result};

/// Which cases of which data a model is applied to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice<'a> {
    /// As [`data::load`] takes it; `None` for what the model was trained on.
    pub data: Option<&'a str>,
    /// `None` for the test part where there is one, else the training part.
    pub part: Option<Part>,
    /// The first so many cases only.
    pub limit: Option<usize>,
    /// How the data are read where they do not say it themselves. What it does not say is as in training, if the data
    /// are those of the training.
    pub reading: Option<&'a Reading>,
}

/// Cases as a model sees them.
#[derive(Debug)]
pub struct Chosen {
    /// The cases.
    pub cases: Cases,
    /// Their classes, where the data have them.
    pub labels: Option<Vec<u32>>,
    /// What the data are called.
    pub data: String,
    /// Which part this is.
    pub part: Part,
    /// Whether they are transparent pictures on a ground that was chosen here.
    pub ground_chosen: bool,
    /// What the user should be told of the data.
    pub notices: Vec<String>,
}

/// What a model was trained on, and how that was read.
#[derive(Clone, Copy)]
pub(super) struct TrainedOn<'a> {
    pub data: Option<&'a str>,
    pub reading: &'a Reading,
}

/// A part of the data as it was read.
pub(super) struct Taken {
    pub set: DataSet,
    pub part: Part,
    /// The training part, where that is another.
    pub training: Option<DataSet>,
}

impl<'a> Choice<'a> {
    /// The test part of some data, or all where there is none.
    pub fn of(data: &'a str) -> Self {
        Choice { data: Some(data), ..Choice::default() }
    }

    /// The same, and of these the first so many cases.
    #[must_use]
    pub fn limit(self, cases: usize) -> Self {
        Choice { limit: Some(cases), ..self }
    }

    /// The name of the data, where `trained_on` are what the model was trained on.
    pub(super) fn name(&self, trained_on: Option<&'a str>) -> Result<&'a str> {
        self.data.or(trained_on).ok_or_else(|| {
            let detail = "the model does not say what it was trained on; name the data";
            Error::setting("data", detail)
        })
    }

    /// Reads the data. Of pictures that are plain numbers up to 255 those in [0, 1] are made, where `unit_interval` is what
    /// the model takes.
    pub(super) fn take(
        &self,
        name: &str,
        trained_on: TrainedOn<'_>,
        unit_interval: bool,
    ) -> Result<Taken> {
        if self.limit == Some(0) {
            return Err(Error::setting("limit", "0 is too few; use at least 1"));
        }
        let mut reading = self.reading.cloned().unwrap_or_default();
        if trained_on.data == Some(name) {
            reading = reading.or(trained_on.reading);
        }
        let memory = Memory::default();
        if let Ok(Some(found)) = Found::at(name, &reading)
            && found.bytes() > memory.bytes()
        {
            return self.take_of(found, memory, unit_interval);
        }
        let mut splits = data::load_with(name, &reading)?;
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
        let set = self.limit.into_iter().fold(set, DataSet::limit);
        Ok(Taken { set, part, training })
    }
}

impl Choice<'_> {
    /// The same of data that are not in memory as a whole: the test part, or the first cases of the training part.
    fn take_of(&self, mut found: Found, memory: Memory, unit_interval: bool) -> Result<Taken> {
        let how = Streaming::new(memory.bytes()).unit_pictures(unit_interval);
        let (bytes, cases, of_test) = (found.bytes(), found.cases()?, found.test_cases()?);
        let too_large = |cases: usize| {
            let detail = format!(
                "{cases} cases are more than {memory} of memory holds, and they are not read in pieces here; --limit N takes \
                 the first N"
            );
            Err(Error::setting("limit", detail))
        };
        match self.part {
            Some(Part::Validation) => Err(held_out_unknown()),
            Some(Part::Test) | None if of_test > 0 => {
                let streamed = found.open(&how)?;
                let Some(test) = streamed.test.filter(|test| test.cases.len() == of_test) else {
                    return too_large(of_test);
                };
                let set = self.limit.into_iter().fold(test, DataSet::limit);
                Ok(Taken { set, part: Part::Test, training: Some(streamed.sample) })
            }
            Some(Part::Test) => Err(Error::setting("split", "the data have no test part")),
            Some(Part::Train) | None => {
                let wanted = self.limit.map_or(cases, |limit| limit.min(cases));
                if bytes / cases.max(1) as u64 * wanted as u64 > memory.bytes() {
                    return too_large(wanted);
                }
                let set = found.open(&how.limit(wanted).keep_all())?.sample;
                Ok(Taken { set, part: Part::Train, training: None })
            }
        }
    }
}

fn held_out_unknown() -> Error {
    Error::setting("split", "which cases were held out is known to training alone")
}

impl Chosen {
    /// That there is a case of this number.
    pub(super) fn check_case(&self, case: usize) -> Result<()> {
        let (all, part) = (self.cases.len(), self.part_name());
        match case < all {
            true => Ok(()),
            false => {
                let last = all.saturating_sub(1);
                let detail =
                    format!("{case} is past the last; the {part} part has the cases 0 to {last}");
                Err(Error::setting("case", detail))
            }
        }
    }

    /// `train`, `test`, as a word.
    pub fn part_name(&self) -> &'static str {
        match self.part {
            Part::Train => "train",
            Part::Test => "test",
            Part::Validation => "validation",
        }
    }
}
