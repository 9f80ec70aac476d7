//! A named data set and its parts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::cases::Cases;
use crate::error::{Error, Result};
use crate::random::{Draw, PhiloxRng, stream};

/// Height and width of a case seen as a picture, in pixels; rows from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// A square, where `d` is one.
    ///
    /// ```
    /// use harmonium::data::ImageShape;
    /// assert_eq!(ImageShape::guess(784), Some(ImageShape { height: 28, width: 28 }));
    /// assert_eq!(ImageShape::guess(10), None);
    /// ```
    pub fn guess(d: usize) -> Option<Self> {
        let side = d.isqrt();
        (d > 0 && side * side == d).then_some(ImageShape { height: side, width: side })
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.height, self.width)
    }
}

/// Cases with a name for messages, and what else their source says of them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DataSet {
    /// As the user wrote it, with the part where there are several.
    pub name: String,
    /// The values.
    pub cases: Cases,
    /// How a case is shown as a picture, where that is known or can be guessed from a square width.
    pub image: Option<ImageShape>,
    /// Whether `image` was guessed from the width: cases may be rows of a table as well.
    pub guessed: bool,
    /// The class of each case, its place in `classes`.
    pub labels: Option<Vec<u32>>,
    /// The names of the classes, as the source has them; numbers in their order, words in the alphabet's. Empty where
    /// there are no labels.
    pub classes: Vec<String>,
    /// The names of the columns of a table, one for each value of a case; empty where there are none.
    pub columns: Vec<String>,
    /// The file that each case comes from, where each has one of its own; else empty.
    pub files: Vec<String>,
    /// Whether the source is transparent, so that its ground was chosen here.
    pub ground_chosen: bool,
    /// By what every number was divided, where a scale is given, here or in the training that this one goes on from.
    pub scale: Option<f32>,
    /// Which of the source's numbers became 1, where no scale says it: 255 of bytes of pictures, 1 where whole numbers beyond
    /// 1 are taken as they stand.
    pub one: Option<f32>,
    /// Whether the source is known to be made of pictures (PNG, JPEG).
    pub pictures: bool,
    /// The residues that the numbers of aligned sequences stand for, from 0 on.
    pub residues: Option<String>,
    /// What the user should be told: conversions, and readings that may surprise.
    pub notices: Vec<String>,
}

/// What a source holds: training data, and test data where it has some.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// For training; all there is where the source does not divide its cases.
    pub train: DataSet,
    /// For testing.
    pub test: Option<DataSet>,
}

impl Splits {
    /// The same where nothing is to be taken for labels.
    pub(super) fn without_labels(self) -> Self {
        let without = |set| DataSet { labels: None, classes: Vec::new(), ..set };
        Splits { train: without(self.train), test: self.test.map(without) }
    }
}

/// How many cases are held out for validation: a count, or a fraction of the cases.
///
/// ```
/// use harmonium::data::Holdout;
/// assert_eq!("0.1".parse::<Holdout>()?, Holdout::Fraction(0.1));
/// assert_eq!("500".parse::<Holdout>()?, Holdout::Count(500));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Holdout {
    /// In (0, 1); rounded to the nearest count, but at least one case on either side.
    Fraction(f64),
    /// At least 1, and fewer than all.
    Count(usize),
}

impl FromStr for Holdout {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        if let Ok(n) = s.parse::<usize>()
            && n > 0
        {
            return Ok(Holdout::Count(n));
        }
        match s.parse::<f64>() {
            Ok(f) if f > 0.0 && f < 1.0 => Ok(Holdout::Fraction(f)),
            _ => Err(Error::setting(
                "validation",
                format!("'{s}' is neither a count above 0 nor a fraction between 0 and 1"),
            )),
        }
    }
}

impl Holdout {
    /// How many of so many cases, or of what else a source has.
    ///
    /// # Errors
    /// [`Error::Setting`] where nothing would be left on one side.
    pub(super) fn count(self, (n, things): (usize, &str), name: &str) -> Result<usize> {
        let refuse = |detail: String| Err(Error::setting("validation", detail));
        match self {
            _ if n < 2 => refuse(format!("{name} has {n} {things}; two at least are needed")),
            Holdout::Count(k) if (1..n).contains(&k) => Ok(k),
            Holdout::Fraction(f) if f > 0.0 && f < 1.0 => {
                Ok(((n as f64 * f).round() as usize).clamp(1, n - 1))
            }
            Holdout::Count(k) => {
                refuse(format!("{k} {things} asked for, of {n}; from 1 to {}", n - 1))
            }
            Holdout::Fraction(f) => refuse(format!("{f} is no fraction between 0 and 1")),
        }
    }
}

impl fmt::Display for Holdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holdout::Fraction(x) => write!(f, "{x}"),
            Holdout::Count(n) => write!(f, "{n}"),
        }
    }
}

fn check_count(name: &str, labels: &[u32], (n, things): (usize, &str)) -> Result<()> {
    match labels.len() {
        found if found == n => Ok(()),
        found => {
            let detail = format!("{found} labels for {n} {things}; give one for each");
            Err(Error::data(name, detail))
        }
    }
}

/// Checks that each of so many cases, or of what else is labelled, has a label, and each label a name where there are names.
///
/// # Errors
/// [`Error::Data`].
pub(super) fn check_labels(
    name: &str,
    labels: &[u32],
    classes: &[String],
    (n, things): (usize, &str),
) -> Result<()> {
    check_count(name, labels, (n, things))?;
    let nameless = |label: &u32| !classes.is_empty() && *label as usize >= classes.len();
    match labels.iter().position(nameless) {
        None => Ok(()),
        Some(at) => {
            let (label, named) = (labels[at], classes.len());
            let detail = format!(
                "label {at} is {label}, and {named} classes have names; labels are their places, from 0 on"
            );
            Err(Error::data(name, detail))
        }
    }
}

impl DataSet {
    /// Cases of which nothing else is known.
    pub fn new(name: impl Into<String>, cases: Cases) -> Self {
        DataSet {
            name: name.into(),
            cases,
            image: None,
            guessed: false,
            labels: None,
            classes: Vec::new(),
            columns: Vec::new(),
            files: Vec::new(),
            ground_chosen: false,
            scale: None,
            one: None,
            pictures: false,
            residues: None,
            notices: Vec::new(),
        }
    }

    /// Rows of a table, or pictures where the width is a square.
    pub(super) fn guess_image(&mut self) {
        (self.image, self.guessed) = (ImageShape::guess(self.cases.width()), true);
    }

    /// The same as pictures of that size.
    #[must_use]
    pub fn image(self, image: ImageShape) -> Self {
        DataSet { image: Some(image), guessed: false, ..self }
    }

    /// The same with the class of each case and the classes' names; without names any number is a class.
    ///
    /// # Errors
    /// [`Error::Data`] where there is not one label for each case, or one has no name.
    pub fn labelled(self, labels: Vec<u32>, classes: Vec<String>) -> Result<Self> {
        check_labels(&self.name, &labels, &classes, (self.cases.len(), "cases"))?;
        Ok(DataSet { labels: Some(labels), classes, ..self })
    }

    /// The first `n` cases with their labels, or all where there are fewer.
    pub fn limit(mut self, n: usize) -> DataSet {
        self.cases = self.cases.limit(n);
        if let Some(labels) = &mut self.labels {
            labels.truncate(n);
        }
        self.files.truncate(n);
        self
    }

    /// The named cases with their labels.
    ///
    /// # Errors
    /// [`Error::Data`] for an index that is no case, and where there are labels, but not one for each case.
    pub fn select(&self, indices: &[u32], name: impl Into<String>) -> Result<DataSet> {
        if let Some(labels) = &self.labels {
            check_count(&self.name, labels, (self.cases.len(), "cases"))?;
        }
        let cases = self.cases.select(indices)?;
        let labels = self.labels.as_ref().map(|labels| {
            indices.iter().filter_map(|&i| labels.get(i as usize).copied()).collect()
        });
        let file = |&i: &u32| self.files.get(i as usize).cloned();
        Ok(DataSet {
            name: name.into(),
            cases,
            labels,
            columns: self.columns.clone(),
            files: indices.iter().filter_map(file).collect(),
            image: self.image,
            classes: self.classes.clone(),
            guessed: self.guessed,
            ground_chosen: self.ground_chosen,
            scale: self.scale,
            one: self.one,
            pictures: self.pictures,
            residues: self.residues.clone(),
            notices: self.notices.clone(),
        })
    }

    /// So many cases, of each class as many as the others have, as far as it has them; by their places, in the source's
    /// order. Which ones is a function of the seed and the labels alone.
    ///
    /// ```
    /// use harmonium::data;
    /// let digits = data::load("digits")?.train;
    /// let few = digits.select(&digits.balanced(50, 1)?, "few")?;
    /// let sevens = few.labels.unwrap_or_default().iter().filter(|&&label| label == 7).count();
    /// assert_eq!(sevens, 5);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] where there are no labels or not as many cases.
    pub fn balanced(&self, count: usize, seed: u64) -> Result<Vec<u32>> {
        let Some(labels) = &self.labels else {
            return Err(Error::data(&self.name, "has no labels, so that none can be chosen"));
        };
        if count > labels.len() {
            let detail = format!("{} cases have labels, and {count} are asked for", labels.len());
            return Err(Error::data(&self.name, detail));
        }
        let draw = Draw::new(seed, stream::SPLIT).at(1);
        let order = PhiloxRng::new(draw).permutation(labels.len() as u32);
        // Classes need no names.
        let mut classes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for case in order {
            classes.entry(labels[case as usize]).or_default().push(case);
        }
        // A round takes one of each class.
        let rounds = classes.values().map(Vec::len).max().unwrap_or(0);
        let each = (0..rounds).flat_map(|round| classes.values().filter_map(move |c| c.get(round)));
        let mut chosen: Vec<u32> = each.take(count).copied().collect();
        chosen.sort_unstable();
        Ok(chosen)
    }

    /// Holds cases out: (training part, validation part), both in the source's order. Which cases is a
    /// function of the seed, the number of cases and the number held out alone. They keep their numbers
    /// ([`Cases::number`]).
    ///
    /// ```
    /// use harmonium::data::{self, Holdout};
    /// let digits = data::load("digits")?.train;
    /// let (train, validation) = digits.split_validation(Holdout::Fraction(0.1), 1)?;
    /// assert_eq!((train.cases.len(), validation.cases.len()), (1350, 150));
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] where nothing would be left on one side.
    pub fn split_validation(self, holdout: Holdout, seed: u64) -> Result<(DataSet, DataSet)> {
        let n = self.cases.len();
        let held = holdout.count((n, "cases"), &self.name)?;
        let mut order = PhiloxRng::new(Draw::new(seed, stream::SPLIT)).permutation(n as u32);
        let (validation, train) = order.split_at_mut(held);
        validation.sort_unstable();
        train.sort_unstable();
        let mut held_out = self.select(validation, format!("{} (validation)", self.name))?;
        held_out.notices.clear(); // the training part has them
        Ok((self.select(train, self.name.clone())?, held_out))
    }
}
