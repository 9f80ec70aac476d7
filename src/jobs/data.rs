//! Where the data of a training come from.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::data::{
    self, DataSet, IN_MEMORY, Reading, SequenceSplits, Sequences, Splits, load_sequences,
};
use crate::error::Result;
use crate::run::settings::{setting_values, settings_text};

/// The data of a training: what a name stands for (a file, a folder, a bundled set), or what a program has in memory.
///
/// ```
/// use harmonium::data::{Cases, DataSet, Values};
/// use harmonium::jobs::rbm::RbmSettings;
/// let values = vec![0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
/// let rows = DataSet::new("rows", Cases::new(Values::F32(values), 3, 2)?);
/// let mut settings = RbmSettings::of(rows)?;
/// assert_eq!(settings.data.name(), "memory:rows");
/// (settings.hidden, settings.epochs) = (2, 5);
///
/// # use harmonium::run::{Event, Flow, Run, train};
/// # let folder = std::env::temp_dir().join(format!("harmonium-data-{}", std::process::id()));
/// let observer = &mut |_: Event<'_>| Flow::GoOn;
/// let mut job = harmonium::jobs::rbm::RbmJob::new(settings, &harmonium::Device::cpu(), observer)?;
/// let mut run = Run::create(&job, Some(&folder), false)?;
/// train(&mut job, &mut run, observer)?;
/// assert!(folder.join("model.safetensors").is_file() && folder.join("report.html").is_file());
/// # drop(run);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// A run records the name alone. A program that goes on with one puts the same sets into the settings that
/// [`Run::find`](crate::run::Run::find) gives; commands that score the model want `--data`, a file.
#[derive(Clone)]
pub struct Data<S = Splits> {
    name: String,
    /// Copies of the settings share them.
    sets: Option<Arc<S>>,
}

impl<S> Data<S> {
    /// A file, a folder or a bundled set.
    pub fn named(name: impl Into<String>) -> Self {
        Data { name: name.into(), sets: None }
    }

    /// As messages, runs and models have it; of what is in memory `memory:` and the training part's own.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn in_memory(name: &str, sets: S) -> Self {
        Data { name: format!("{IN_MEMORY}{name}"), sets: Some(Arc::new(sets)) }
    }
}

impl<S> fmt::Debug for Data<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Data").field(&self.name).finish()
    }
}

impl<S> fmt::Display for Data<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// By their names, as runs record them.
impl<S> PartialEq for Data<S> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<S> FromStr for Data<S> {
    type Err = Infallible;

    fn from_str(name: &str) -> std::result::Result<Self, Infallible> {
        Ok(Data::named(name))
    }
}

impl<S> From<&str> for Data<S> {
    fn from(name: &str) -> Self {
        Data::named(name)
    }
}

impl<S> From<String> for Data<S> {
    fn from(name: String) -> Self {
        Data::named(name)
    }
}

impl<S> From<&String> for Data<S> {
    fn from(name: &String) -> Self {
        Data::named(name)
    }
}

impl From<Splits> for Data {
    fn from(splits: Splits) -> Self {
        Data::in_memory(&splits.train.name.clone(), splits)
    }
}

/// Cases to learn from; there is no test part.
impl From<DataSet> for Data {
    fn from(train: DataSet) -> Self {
        Splits { train, test: None }.into()
    }
}

impl From<SequenceSplits> for Data<SequenceSplits> {
    fn from(splits: SequenceSplits) -> Self {
        Data::in_memory(&splits.train.name.clone(), splits)
    }
}

/// Sequences to learn from; there is no test part.
impl From<Sequences> for Data<SequenceSplits> {
    fn from(train: Sequences) -> Self {
        SequenceSplits { train, test: None }.into()
    }
}

settings_text!(Data, Data<SequenceSplits>);
setting_values!(Data, Data<SequenceSplits>);

impl Data {
    /// All of it. Pictures that are plain numbers up to 255 come into [0, 1] where that is asked for and a file holds them:
    /// what is in memory is taken as it is.
    pub(super) fn load(&self, reading: &Reading, unit_pictures: bool) -> Result<Splits> {
        if let Some(splits) = &self.sets {
            return Splits::clone(splits).given(&self.name, reading);
        }
        let mut splits = data::load_with(&self.name, reading)?;
        if unit_pictures {
            splits.pictures_into_unit_interval()?;
        }
        Ok(splits)
    }

    /// Whether it is in memory already.
    pub(super) fn is_in_memory(&self) -> bool {
        self.sets.is_some()
    }
}

impl Data<SequenceSplits> {
    /// All of it.
    pub(super) fn load(&self) -> Result<SequenceSplits> {
        match &self.sets {
            Some(splits) => SequenceSplits::clone(splits).given(),
            None => load_sequences(&self.name),
        }
    }
}
