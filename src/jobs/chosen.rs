//! Cases as a model sees them.

use crate::data::{Cases, Part};
use crate::error::{Error, Result};

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
    /// The file that each comes from, where each has one of its own; else empty.
    pub files: Vec<String>,
    /// Whether they are transparent pictures on a ground that was chosen here.
    pub ground_chosen: bool,
    /// What the user should be told of the data.
    pub notices: Vec<String>,
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
        self.part.name()
    }
}
