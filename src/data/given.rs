//! Sets that a program has in memory, checked as a reader checks what it reads.

use super::reading::Reading;
use super::sequences::{SequenceSplits, Sequences};
use super::set::{DataSet, Splits, check_labels};
use crate::error::{Error, Result};

/// What the name of such sets begins with where a run or a model records it.
pub const IN_MEMORY: &str = "memory:";

/// How many classes without names there may be.
const MOST_CLASSES: u32 = 10_000;

impl Splits {
    /// The same, if they could have been read: `name` and `reading` are what a training says of them.
    pub(crate) fn given(self, name: &str, reading: &Reading) -> Result<Self> {
        let why = "what is in memory has its labels and its scale already";
        reading.refuse(&["labels", "array", "scale"], name, why)?;
        let mut splits = if reading.no_labels() { self.without_labels() } else { self };
        for set in std::iter::once(&splits.train).chain(&splits.test) {
            set.check()?;
        }
        let Splits { train, test } = &mut splits;
        agree(train.part(), test.as_mut().map(DataSet::part))?;
        Ok(splits)
    }
}

/// What the parts of a source have in common.
struct Part<'a> {
    name: &'a str,
    width: usize,
    labels: Option<&'a [u32]>,
    classes: &'a mut Vec<String>,
}

/// That both parts have cases of one width and the same classes; those without names are called by their numbers, which are
/// those of both parts.
fn agree(train: Part<'_>, test: Option<Part<'_>>) -> Result<()> {
    let name = train.name;
    if let Some(test) = test.as_ref().filter(|test| test.width != train.width) {
        let detail = format!("has {} values a case, and {name} has {}", test.width, train.width);
        return Err(Error::data(test.name, detail));
    }
    let of_test = test.as_ref().and_then(|test| test.labels);
    let largest = train.labels.into_iter().chain(of_test).flatten().max().copied();
    let nameless = train.classes.is_empty() && test.as_ref().is_none_or(|t| t.classes.is_empty());
    if let Some(largest) = largest.filter(|_| nameless) {
        *train.classes = numbered(name, largest)?;
    }
    let Some(test) = test else { return Ok(()) };
    if nameless {
        test.classes.clone_from(train.classes);
    }
    match train.labels.is_some() && test.labels.is_some() && test.classes != train.classes {
        false => Ok(()),
        true => {
            let detail = format!(
                "its classes are not those of {name}: labels are places among the same names in both"
            );
            Err(Error::data(test.name, detail))
        }
    }
}

/// Names of classes up to this one.
fn numbered(name: &str, largest: u32) -> Result<Vec<String>> {
    match largest < MOST_CLASSES {
        true => Ok((0..=largest).map(|class| class.to_string()).collect()),
        false => {
            let detail = format!(
                "label {largest} is too large for a class without a name; labels count from 0, up to {}",
                MOST_CLASSES - 1
            );
            Err(Error::data(name, detail))
        }
    }
}

impl DataSet {
    /// Checks that the fields belong together: there is a label for each case, each of them named where classes have names; a
    /// picture has as many pixels as a case has values; columns that have names are as many; and files are as many as cases.
    ///
    /// # Errors
    /// [`Error::Data`], which says what does not.
    pub fn check(&self) -> Result<()> {
        let (n, width) = (self.cases.len(), self.cases.width());
        let wrong = |detail| Err(Error::data(&self.name, detail));
        if let Some(labels) = &self.labels {
            check_labels(&self.name, labels, &self.classes, (n, "cases"))?;
        }
        if let Some(image) = self.image.filter(|i| i.height.checked_mul(i.width) != Some(width)) {
            return wrong(format!(
                "pictures of {image} pixels have not the {width} values of a case"
            ));
        }
        match (self.columns.len(), self.files.len()) {
            (columns, _) if columns > 0 && columns != width => {
                wrong(format!("{columns} columns have names, and a case has {width} values"))
            }
            (_, files) if files > 0 && files != n => {
                wrong(format!("{files} files for {n} cases; give one for each, or none"))
            }
            _ => Ok(()),
        }
    }

    fn part(&mut self) -> Part<'_> {
        let (width, labels) = (self.cases.width(), self.labels.as_deref());
        Part { name: &self.name, width, labels, classes: &mut self.classes }
    }
}

impl Sequences {
    fn part(&mut self) -> Part<'_> {
        let (width, labels) = (self.cases.width(), self.labels.as_deref());
        Part { name: &self.name, width, labels, classes: &mut self.classes }
    }
}

impl SequenceSplits {
    /// The same, if they could have been read.
    pub(crate) fn given(mut self) -> Result<Self> {
        for part in std::iter::once(&self.train).chain(&self.test) {
            part.check()?;
        }
        let SequenceSplits { train, test } = &mut self;
        agree(train.part(), test.as_mut().map(Sequences::part))?;
        Ok(self)
    }
}

/// Who names sets that were in the memory of another program.
pub(super) fn is_gone(source: &str) -> Option<Error> {
    let name = source.strip_prefix(IN_MEMORY)?;
    let detail = format!(
        "these cases were in the memory of the program that trained on them; name a file of such cases (--data), or, in a \
         program, give '{name}' again"
    );
    Some(Error::data(format!("'{source}'"), detail))
}
