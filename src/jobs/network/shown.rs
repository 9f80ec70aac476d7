//! How people see a classifier's cases.

use crate::data::Preprocessing;

/// How a classifier's cases are shown to people.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Height and width of a case.
    pub image: (usize, usize),
    /// A name for each class.
    pub classes: &'a [String],
    /// What was done to values first.
    pub preprocessing: &'a Preprocessing,
}
