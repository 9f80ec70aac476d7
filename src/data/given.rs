//! Sets that a program has in memory, checked as a reader checks what it reads.

use super::reading::Reading;
use super::sequences::SequenceSplits;
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
        if let Some(test) = test {
            same_width((&test.name, test.cases.width()), (&train.name, train.cases.width()))?;
        }
        let test = test.as_mut().map(|t| (t.name.as_str(), t.labels.as_deref(), &mut t.classes));
        same_classes((&train.name, train.labels.as_deref(), &mut train.classes), test)?;
        Ok(splits)
    }
}

fn same_width(test: (&str, usize), train: (&str, usize)) -> Result<()> {
    match test.1 == train.1 {
        true => Ok(()),
        false => {
            let detail = format!("has {} values a case, and {} has {}", test.1, train.0, train.1);
            Err(Error::data(test.0, detail))
        }
    }
}

/// A part's name, labels and the names of its classes.
type Classes<'a> = (&'a str, Option<&'a [u32]>, &'a mut Vec<String>);

/// Classes without names are called by their numbers, those of both parts; others are the same in both.
fn same_classes(train: Classes<'_>, test: Option<Classes<'_>>) -> Result<()> {
    let (name, labels, names) = train;
    let of_test = test.as_ref().and_then(|test| test.1);
    let largest = labels.into_iter().chain(of_test).flatten().max().copied();
    let nameless = names.is_empty() && test.as_ref().is_none_or(|test| test.2.is_empty());
    let numbers = match largest.filter(|_| nameless) {
        Some(largest) if largest >= MOST_CLASSES => {
            let detail = format!(
                "label {largest} is too large for a class without a name; labels count from 0, up to {}",
                MOST_CLASSES - 1
            );
            return Err(Error::data(name, detail));
        }
        Some(largest) => (0..=largest).map(|class| class.to_string()).collect(),
        None => Vec::new(),
    };
    if nameless {
        names.clone_from(&numbers);
    }
    let Some((other, labels_of_test, names_of_test)) = test else { return Ok(()) };
    if nameless {
        *names_of_test = numbers;
    }
    match labels.is_some() && labels_of_test.is_some() && names_of_test != names {
        false => Ok(()),
        true => {
            let detail = format!(
                "its classes are not those of {name}: labels are places among the same names in both"
            );
            Err(Error::data(other, detail))
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
}

impl SequenceSplits {
    /// The same, if they could have been read.
    pub(crate) fn given(mut self) -> Result<Self> {
        for part in std::iter::once(&self.train).chain(&self.test) {
            part.check()?;
        }
        let SequenceSplits { train, test } = &mut self;
        if let Some(test) = test {
            same_width((&test.name, test.cases.width()), (&train.name, train.cases.width()))?;
        }
        let test = test.as_mut().map(|t| (t.name.as_str(), t.labels.as_deref(), &mut t.classes));
        same_classes((&train.name, train.labels.as_deref(), &mut train.classes), test)?;
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
