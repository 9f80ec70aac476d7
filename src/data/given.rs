//! Sets that a program has in memory, checked as a reader checks what it reads.

use super::reading::Reading;
use super::sequences::SequenceSplits;
use super::set::{DataSet, Splits, check_labels};
use crate::error::{Error, Result};

/// What the name of such sets begins with where a run or a model records it.
pub const IN_MEMORY: &str = "memory:";

impl Splits {
    /// The same, if they could have been read: `name` and `reading` are what a training says of them.
    pub(crate) fn given(mut self, name: &str, reading: &Reading) -> Result<Self> {
        let why = "what is in memory has its labels and its scale already";
        reading.refuse(&["labels", "array", "scale"], name, why)?;
        for set in std::iter::once(&mut self.train).chain(&mut self.test) {
            set.check()?;
            set.name_classes();
        }
        if let Some(test) = &self.test {
            let (train, width) = (&self.train, self.train.cases.width());
            if test.cases.width() != width {
                let found = test.cases.width();
                let detail = format!("has {found} values a case, and {} has {width}", train.name);
                return Err(Error::data(&test.name, detail));
            }
            let both = train.labels.is_some() && test.labels.is_some();
            if both && test.classes != train.classes {
                let detail = format!(
                    "its classes are not those of {}: labels are places among the same names in both",
                    train.name
                );
                return Err(Error::data(&test.name, detail));
            }
        }
        Ok(if reading.no_labels() { self.without_labels() } else { self })
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

    /// Classes without names are called by their numbers.
    fn name_classes(&mut self) {
        if let (Some(largest), true) = (self.labels.iter().flatten().max(), self.classes.is_empty())
        {
            self.classes = (0..=*largest).map(|class| class.to_string()).collect();
        }
    }
}

impl SequenceSplits {
    /// The same, if they could have been read.
    pub(crate) fn given(self) -> Result<Self> {
        for part in std::iter::once(&self.train).chain(&self.test) {
            part.check()?;
        }
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
