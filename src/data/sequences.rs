//! Sequences of labelled positions: handwritten words, and whatever else reads like them.

use std::collections::HashMap;

use super::cases::Cases;
use super::set::{Holdout, ImageShape, check_labels};
use super::values::{Values, reserved};
use crate::error::{Error, Result};
use crate::random::{Draw, PhiloxRng, stream};
use crate::shape::product;

/// Sequences, one after another: sequence s has the positions `starts[s]` up to `starts[s + 1]`, each a case.
///
/// The fields are anyone's to set, and belong together: [`Sequences::check`] says how. What reads them checks that first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sequences {
    /// As the user wrote it.
    pub name: String,
    /// The positions of all sequences.
    pub cases: Cases,
    /// Where sequences begin, and last where the last one ends.
    pub starts: Vec<usize>,
    /// The label of each position, its place in `classes`.
    pub labels: Option<Vec<u32>>,
    /// The names of the labels.
    pub classes: Vec<String>,
    /// The names of a position's values, where they are attributes.
    pub attributes: Vec<String>,
    /// Which fold each sequence belongs to, where the source divides them.
    pub folds: Option<Vec<u32>>,
    /// How a position is shown as a picture, where it is one.
    pub image: Option<ImageShape>,
    /// What the user should be told.
    pub notices: Vec<String>,
}

/// Sequences for training, and those for testing where the source has some.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceSplits {
    /// For training.
    pub train: Sequences,
    /// For testing.
    pub test: Option<Sequences>,
}

/// The name of the bundled sequences.
pub const WORDS: &str = "words";

impl Sequences {
    /// Positions whose sequences begin at `starts`, the last number being where the last one ends.
    ///
    /// # Errors
    /// [`Error::Data`] where they do not rise from 0 to the number of positions.
    pub fn new(name: impl Into<String>, cases: Cases, starts: Vec<usize>) -> Result<Self> {
        let (labels, folds, image) = (None, None, None);
        let (classes, attributes, notices) = (Vec::new(), Vec::new(), Vec::new());
        let name = name.into();
        let all =
            Sequences { name, cases, starts, labels, classes, attributes, folds, image, notices };
        all.check().map(|()| all)
    }

    /// The same with the label of each position and the labels' names; without names any number is a label.
    ///
    /// ```
    /// use harmonium::data::{Cases, Sequences, Values};
    /// let cases = Cases::new(Values::Bits(vec![0, 1, 1]), 3, 1)?;
    /// let two = Sequences::new("two", cases, vec![0, 2, 3])?;
    /// assert!(two.clone().labelled(vec![0, 1], vec![]).is_err());
    /// assert_eq!(two.labelled(vec![0, 1, 1], vec!["low".into(), "high".into()])?.len(), 2);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] where there is not one label for each position, or one has no name.
    pub fn labelled(self, labels: Vec<u32>, classes: Vec<String>) -> Result<Self> {
        let all = Sequences { labels: Some(labels), classes, ..self };
        all.check().map(|()| all)
    }

    /// Checks that the fields belong together: starts rise from 0 to the number of positions; there are as many labels as
    /// positions, each of them named where labels have names; as many folds as sequences; and as many attributes as a
    /// position has values, or as each position of its window has.
    ///
    /// # Errors
    /// [`Error::Data`], which says what does not.
    pub fn check(&self) -> Result<()> {
        let (n, width, wrong) =
            (self.cases.len(), self.cases.width(), |detail| Err(Error::data(&self.name, detail)));
        let whole = self.starts.first() == Some(&0) && self.starts.last() == Some(&n);
        if !whole || self.starts.windows(2).any(|pair| pair[0] >= pair[1]) {
            return wrong(format!(
                "the starts of sequences must rise from 0 to the number of positions, {n}, which a file may leave out"
            ));
        }
        if let Some(labels) = &self.labels {
            check_labels(&self.name, labels, &self.classes, (n, "positions"))?;
        }
        if let Some(folds) = self.folds.as_ref().filter(|folds| folds.len() != self.len()) {
            let (found, all) = (folds.len(), self.len());
            return wrong(format!("{found} folds for {all} sequences; give one for each"));
        }
        let named = self.attributes.len();
        if named > 0 && (width % named != 0 || (width / named).is_multiple_of(2)) {
            return wrong(format!(
                "{named} attributes name the {width} values of a position; give one name for each"
            ));
        }
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The positions of a sequence; of one that there is not, none: `0..0`.
    pub fn positions(&self, sequence: usize) -> std::ops::Range<usize> {
        match self.starts.get(sequence..) {
            Some([first, end, ..]) => *first..*end,
            _ => 0..0,
        }
    }

    /// Those for which `keep` says so, in their order.
    ///
    /// # Errors
    /// [`Error::Data`] where none is left; as [`Sequences::check`].
    pub fn select(&self, name: &str, keep: impl Fn(usize) -> bool) -> Result<Sequences> {
        self.check()?;
        let chosen: Vec<usize> = (0..self.len()).filter(|&s| keep(s)).collect();
        let positions: Vec<u32> =
            chosen.iter().flat_map(|&s| self.positions(s)).map(|p| p as u32).collect();
        let mut starts = vec![0];
        for &sequence in &chosen {
            starts.push(starts[starts.len() - 1] + self.positions(sequence).len());
        }
        if chosen.is_empty() {
            return Err(Error::data(name, "has no sequence"));
        }
        let of = |labels: &Vec<u32>| positions.iter().map(|&p| labels[p as usize]).collect();
        let folds = |folds: &Vec<u32>| chosen.iter().map(|&s| folds[s]).collect();
        Ok(Sequences {
            name: name.into(),
            cases: self.cases.select(&positions)?,
            starts,
            labels: self.labels.as_ref().map(of),
            folds: self.folds.as_ref().map(folds),
            classes: self.classes.clone(),
            attributes: self.attributes.clone(),
            image: self.image,
            notices: self.notices.clone(),
        })
    }

    /// Holds sequences out: (training part, validation part), both in the source's order. Which ones is a function of the
    /// seed, the number of sequences and the number held out alone.
    ///
    /// # Errors
    /// [`Error::Setting`] where nothing would be left on one side; as [`Sequences::check`].
    pub fn split_validation(self, holdout: Holdout, seed: u64) -> Result<(Sequences, Sequences)> {
        self.check()?;
        let n = self.len();
        let held = holdout.count((n, "sequences"), &self.name)?;
        let order = PhiloxRng::new(Draw::new(seed, stream::SPLIT)).permutation(n as u32);
        let mut out = vec![false; n];
        order[..held].iter().for_each(|&s| out[s as usize] = true);
        let held_out = self.select(&format!("{} (validation)", self.name), |s| out[s])?;
        Ok((self.select(&self.name, |s| !out[s])?, held_out))
    }

    /// The same with these attributes as a position's values, in their order: one that is not here is 0, and others are left
    /// out, which a notice says.
    ///
    /// # Errors
    /// [`Error::Data`] for sizes that are too large, and for positions with their neighbours; as [`Sequences::check`].
    pub fn with_attributes(&self, attributes: &[String]) -> Result<Sequences> {
        self.check()?;
        if self.attributes.is_empty() || self.attributes == attributes {
            return Ok(self.clone());
        }
        let (width, n) = (self.cases.width(), self.cases.len());
        if width != self.attributes.len() {
            let detail = "its positions stand between their neighbours; choose attributes first, \
                          and make windows of what is left";
            return Err(Error::data(&self.name, detail));
        }
        let places: HashMap<&str, usize> =
            self.attributes.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let from: Vec<Option<usize>> =
            attributes.iter().map(|name| places.get(name.as_str()).copied()).collect();
        fn chosen<T: Copy>(values: &[T], width: usize, from: &[Option<usize>], zero: T) -> Vec<T> {
            let rows = values.chunks_exact(width.max(1));
            rows.flat_map(|row| from.iter().map(|at| at.map_or(zero, |at| row[at]))).collect()
        }
        let values = match self.cases.values() {
            Values::Bits(bits) => Values::Bits(chosen(bits, width, &from, 0)),
            Values::U8 { values, scale } => {
                Values::U8 { values: chosen(values, width, &from, 0), scale: *scale }
            }
            Values::F32(values) => Values::F32(chosen(values, width, &from, 0.0)),
        };
        let cases = Cases::new(values, n, attributes.len())?;
        let mut notices = self.notices.clone();
        let unknown = self.attributes.len() - from.iter().flatten().count();
        if unknown > 0 {
            notices.push(format!(
                "{unknown} of {} attributes are none of those learnt from, and have no say",
                self.attributes.len()
            ));
        }
        Ok(Sequences { cases, attributes: attributes.to_vec(), notices, ..self.clone() })
    }

    /// These positions and then those of other sequences, as cases.
    ///
    /// # Errors
    /// [`Error::Data`] where those have another number of values.
    pub fn cases_with(&self, other: Option<&Sequences>) -> Result<Cases> {
        let Some(other) = other else { return Ok(self.cases.clone()) };
        let (width, n) = (self.cases.width(), self.cases.len() + other.cases.len());
        if other.cases.width() != width {
            let found = other.cases.width();
            let detail =
                format!("positions of {found} values, and those of {} have {width}", self.name);
            return Err(Error::data(&other.name, detail));
        }
        let values = match (self.cases.values(), other.cases.values()) {
            (Values::Bits(own), Values::Bits(more)) => Values::Bits([&own[..], more].concat()),
            _ => Values::from_floats([self.cases.to_f32(), other.cases.to_f32()].concat()),
        };
        Cases::new(values, n, width)
    }

    /// The positions themselves, without the neighbours that [`Sequences::with_window`] put beside them.
    ///
    /// # Errors
    /// [`Error::Data`] where the positions are not of such a window.
    pub fn middle(&self, window: usize) -> Result<Sequences> {
        if window == 0 {
            return Ok(self.clone());
        }
        let width = self.cases.width();
        // A window that is wider than any case has no side either.
        let Some(side) = side(window).filter(|side| width.is_multiple_of(*side)) else {
            let detail =
                format!("{width} values are no positions with {window} neighbours on both sides");
            return Err(Error::data(&self.name, detail));
        };
        let d = width / side;
        let all = self.cases.to_f32();
        let values = all.chunks_exact(width).flat_map(|row| &row[window * d..(window + 1) * d]);
        let values = Values::from_floats(values.copied().collect());
        let cases = Cases::new(values, self.cases.len(), d)?;
        Ok(Sequences { cases, ..self.clone() })
    }

    /// The same, each position with the values of `window` neighbours on both sides: what lies beyond an end is 0. A
    /// position is then `[2·window + 1, D]`, from the neighbour furthest before to the one furthest behind.
    ///
    /// # Errors
    /// [`Error::Data`] for sizes that are too large; as [`Sequences::check`].
    pub fn with_window(&self, window: usize) -> Result<Sequences> {
        self.check()?;
        if window == 0 {
            return Ok(self.clone());
        }
        let Some(width) = side(window).and_then(|side| product(&[side, self.cases.width()])) else {
            let detail = format!("{window} neighbours on both sides are too many");
            return Err(Error::data("window", detail));
        };
        let values = match self.cases.values() {
            Values::Bits(bits) => Values::Bits(self.spread(bits, window, width)?),
            Values::U8 { values, scale } => {
                Values::U8 { values: self.spread(values, window, width)?, scale: *scale }
            }
            Values::F32(values) => Values::F32(self.spread(values, window, width)?),
        };
        let cases = Cases::new(values, self.cases.len(), width)?;
        Ok(Sequences { cases, ..self.clone() })
    }

    /// Rows of `width` values, each position between so many neighbours.
    fn spread<T: Copy + Default>(
        &self,
        values: &[T],
        window: usize,
        width: usize,
    ) -> Result<Vec<T>> {
        let mut out = reserved("window", &[self.cases.len(), width])?;
        out.resize(self.cases.len() * width, T::default());
        let d = self.cases.width();
        for own in (0..self.len()).map(|s| self.positions(s)) {
            for p in own.clone() {
                let from = p.saturating_sub(window).max(own.start);
                let to = p.saturating_add(window).min(own.end - 1) + 1;
                let row = &mut out[p * width..(p + 1) * width];
                let at = (from + window - p) * d;
                row[at..at + (to - from) * d].copy_from_slice(&values[from * d..to * d]);
            }
        }
        Ok(out)
    }
}

/// A position with so many neighbours on both sides, where that is a number.
fn side(window: usize) -> Option<usize> {
    window.checked_mul(2)?.checked_add(1)
}
