//! Figures: what is measured is declared once, and metrics, summaries, progress, curves, reports and comparisons say
//! it from there.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// A number that is measured of a model or of its training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// Its key in `metrics.jsonl`, `summary.json` and `eval.json`.
    pub key: &'static str,
    /// What is measured, in words. Figures of one name are drawn in one diagram.
    pub name: &'static str,
    /// Of what: `training`, `validation`, `test`; empty where that goes without saying.
    pub of: &'static str,
    /// Its unit, as an axis shows it.
    pub unit: &'static str,
    /// What it says of the final model, a sentence or two.
    pub says: &'static str,
    /// What its diagram says, with the first figure of a name.
    pub diagram: &'static str,
    /// Its heading where runs are compared; empty where it is not.
    pub column: &'static str,
    /// Where it is told while the command runs.
    pub told: Told,
    /// How it is written.
    pub style: Style,
    /// Which way is better, if one is.
    pub better: Better,
    /// Its standard error, where that is measured beside it.
    pub error: Option<&'static Figure>,
    /// Whether stages measure different things by it, so that each has a diagram of its own.
    pub by_stage: bool,
}

/// Where a figure is told while the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// In files and reports alone.
    Never,
    /// At the end.
    AtTheEnd,
    /// After each epoch.
    Meanwhile,
    /// After each epoch, and at the end.
    Always,
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
    /// How fast it learns in an epoch: told in the metrics alone.
    Rate,
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
    /// A plain number of which nothing is said yet: declarations give what differs.
    pub const NEW: Figure = Figure {
        key: "",
        name: "",
        of: "",
        unit: "",
        says: "",
        diagram: "",
        column: "",
        told: Told::Never,
        style: Style::Plain,
        better: Better::Neither,
        error: None,
        by_stage: false,
    };

    /// Its name with what it is of: `training error`.
    pub fn title(&self) -> String {
        match self.of {
            "" => self.name.into(),
            of => format!("{of} {}", self.name),
        }
    }

    /// A value of it, for people: with some significant digits, as a percentage or as a whole number.
    pub fn text(&self, value: f64) -> String {
        match self.style {
            Style::Percent => format!("{:.2} %", 100.0 * value),
            Style::Count => format!("{value:.0}"),
            Style::Plain | Style::Rate if value.abs() >= 100.0 => format!("{value:.1}"),
            Style::Plain | Style::Rate => format!("{value:.3}"),
        }
    }

    /// The factor between what is stored and what is shown.
    pub fn scale(&self) -> f64 {
        if self.style == Style::Percent { 100.0 } else { 1.0 }
    }
}

/// The learning rate of an epoch.
pub static LEARNING_RATE: Figure = Figure {
    key: "learning_rate",
    name: "learning rate",
    unit: "per update",
    says: "The learning rate of the epoch.",
    style: Style::Rate,
    ..Figure::NEW
};

/// The momentum of an epoch.
pub static MOMENTUM: Figure = Figure {
    key: "momentum",
    name: "momentum",
    says: "The momentum of the epoch.",
    style: Style::Rate,
    ..Figure::NEW
};

/// Figures with their values, in order; a figure that does not apply has none.
#[derive(Clone, Default, PartialEq)]
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

    /// The value of `figure` for people, with its standard error: `-7.93 ± 0.120`.
    pub fn text(&self, figure: &Figure) -> Option<String> {
        let text = figure.text(self.get(figure.key)?);
        let error = figure.error.and_then(|error| Some(error.text(self.get(error.key)?)));
        Some(error.map_or(text.clone(), |error| format!("{text} ± {error}")))
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

/// Keys and numbers.
impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(figure, value)| (figure.key, value))).finish()
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
