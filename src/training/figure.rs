//! Figures: what is measured is declared once, and metrics, summaries, progress, curves, reports and comparisons say
//! it from there.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// A number that is measured of a model or of its training.
#[derive(Debug, PartialEq)]
pub struct Figure {
    /// Its key in `metrics.jsonl`, `summary.json` and `eval.json`.
    pub key: &'static str,
    /// What is measured, in words. Figures of one name are drawn in one diagram.
    pub name: &'static str,
    /// Of what: `training`, `validation`, `test`; empty where that goes without saying.
    pub of: &'static str,
    /// Its unit, as an axis shows it.
    pub unit: &'static str,
    /// What it says, a sentence or two.
    pub says: &'static str,
    /// How it is written.
    pub style: Style,
    /// Which way is better, if one is.
    pub better: Better,
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As it is, to some significant digits.
    Plain,
    /// A share in [0, 1], as a percentage.
    Percent,
    /// A whole number of things.
    Count,
}

/// Which way a figure becomes better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Errors and losses.
    Lower,
    /// Likelihoods.
    Higher,
    /// It only tells.
    Neither,
}

impl Figure {
    /// Its name with what it is of: `training error`.
    pub fn title(&self) -> String {
        match self.of {
            "" => self.name.into(),
            of => format!("{of} {}", self.name),
        }
    }

    /// The factor between what is stored and what is shown.
    pub fn scale(&self) -> f64 {
        if self.style == Style::Percent { 100.0 } else { 1.0 }
    }
}

/// Figures with their values, in order; a figure that does not apply has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(Vec<(&'static Figure, Option<f64>)>);

impl Figures {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same and one more.
    #[must_use]
    pub fn with(mut self, figure: &'static Figure, value: impl Into<Option<f64>>) -> Self {
        self.0.push((figure, value.into()));
        self
    }

    /// Adds those of `others`.
    pub fn extend(&mut self, others: &Figures) {
        self.0.extend_from_slice(&others.0);
    }

    /// The value of a figure, by its key.
    pub fn get(&self, key: &str) -> Option<f64> {
        self.iter().find(|(figure, _)| figure.key == key)?.1
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Figure, Option<f64>)> + '_ {
        self.0.iter().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A map from keys to numbers; `null` for none.
impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (figure, value) in &self.0 {
            map.serialize_entry(figure.key, value)?;
        }
        map.end()
    }
}
