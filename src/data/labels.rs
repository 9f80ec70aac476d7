//! Labels as their source has them, numbers or words, and the classes that they make together.

use std::collections::BTreeMap;
use std::path::Path;

use super::set::{DataSet, Splits};
use super::values::{EXACT, Values};
use crate::error::{Error, Result};

/// The label of each case.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Labels {
    Numbers(Vec<i64>),
    Words(Vec<String>),
}

/// A part of a source as it was read: labels are not classes yet.
#[derive(Debug)]
pub(super) struct RawPart {
    /// Without labels.
    pub(super) set: DataSet,
    pub(super) labels: Option<Labels>,
    /// What a step of the source's own numbers is worth: 1/255 where they are bytes of pictures, 1 where they are taken
    /// as they stand.
    pub(super) unit: f32,
    /// Whether it is known to be made of pictures: 0 and 1 are then two nearly black greys.
    pub(super) pictures: bool,
}

/// How many gaps are named.
const NAMED: usize = 8;

impl Labels {
    pub(super) fn len(&self) -> usize {
        match self {
            Labels::Numbers(numbers) => numbers.len(),
            Labels::Words(words) => words.len(),
        }
    }

    /// Words; numbers where every one is whole.
    pub(super) fn from_words(words: Vec<String>) -> Self {
        match words.iter().map(|word| whole(word)).collect() {
            Some(numbers) => Labels::Numbers(numbers),
            None => Labels::Words(words),
        }
    }

    /// From an array of `columns` values a case: one number, or nothing but 0 but for a single 1 at the class's place.
    ///
    /// # Errors
    /// What is wrong with it, as a detail.
    pub(super) fn from_array(values: &Values, columns: usize) -> std::result::Result<Self, String> {
        let numbers: Vec<f32> = match values {
            Values::Bits(v) | Values::U8 { values: v, .. } => v.iter().map(|&x| x.into()).collect(),
            Values::F32(v) => v.clone(),
        };
        if columns > 1 {
            return one_hot(&numbers, columns);
        }
        let number = |(i, &x): (usize, &f32)| match x.fract() == 0.0 && x.abs() <= EXACT {
            true => Ok(x as i64),
            false => Err(format!("label {i} is {x}; a label is a whole number")),
        };
        numbers
            .iter()
            .enumerate()
            .map(number)
            .collect::<std::result::Result<_, _>>()
            .map(Labels::Numbers)
    }

    /// How often each occurs, by name, in the order of classes.
    fn counts(parts: &[&Labels]) -> Vec<(String, usize)> {
        let numbers = parts.iter().all(|labels| matches!(labels, Labels::Numbers(_)));
        let mut counts: BTreeMap<(i64, String), usize> = BTreeMap::new();
        for labels in parts {
            for i in 0..labels.len() {
                let (number, name) = (labels.number(i), labels.name(i));
                let key = (if numbers { number.unwrap_or(0) } else { 0 }, name);
                *counts.entry(key).or_default() += 1;
            }
        }
        counts.into_iter().map(|((_, name), count)| (name, count)).collect()
    }

    fn number(&self, i: usize) -> Option<i64> {
        match self {
            Labels::Numbers(numbers) => Some(numbers[i]),
            Labels::Words(_) => None,
        }
    }

    fn name(&self, i: usize) -> String {
        match self {
            Labels::Numbers(numbers) => numbers[i].to_string(),
            Labels::Words(words) => words[i].clone(),
        }
    }
}

/// `7`, `7.0` and `7.000e+00` are the number 7.
fn whole(word: &str) -> Option<i64> {
    let float = || {
        let x: f64 = word.parse().ok()?;
        (x.fract() == 0.0 && x.abs() <= 9e15).then_some(x as i64)
    };
    word.parse().ok().or_else(float)
}

fn one_hot(numbers: &[f32], columns: usize) -> std::result::Result<Labels, String> {
    let class = |(i, row): (usize, &[f32])| {
        let ones = row.iter().filter(|&&x| x == 1.0).count();
        match (ones, row.iter().position(|&x| x == 1.0)) {
            (1, Some(at)) if row.iter().all(|&x| x == 0.0 || x == 1.0) => Ok(at as i64),
            _ => Err(format!(
                "expected labels, one number a case, or {columns} numbers of which one is 1 and the others are 0; case {i} is \
                 neither"
            )),
        }
    };
    let rows = numbers.chunks(columns.max(1)).enumerate();
    rows.map(class).collect::<std::result::Result<_, _>>().map(Labels::Numbers)
}

/// As many labels as cases, each in a file of their own.
pub(super) fn check_count(path: &Path, labels: usize, of: &Path, cases: usize) -> Result<()> {
    match labels == cases {
        true => Ok(()),
        false => {
            let detail = format!("{labels} labels for the {cases} cases of {}", of.display());
            Err(Error::file(path, "size", detail))
        }
    }
}

/// The parts of a source: their labels become classes, the same in both, in the order of their numbers or words.
///
/// # Errors
/// [`Error::Data`] where one part has numbers and the other words.
pub(super) fn join(train: RawPart, test: Option<RawPart>) -> Result<Splits> {
    let labels: Vec<&Labels> = [Some(&train), test.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|p| p.labels.as_ref())
        .collect();
    let words = |labels: &&Labels| matches!(labels, Labels::Words(_));
    if labels.iter().any(words) && !labels.iter().all(words) {
        let detail = "the labels of one part are numbers and those of the other words";
        return Err(Error::data(&train.set.name, detail));
    }
    let counts = Labels::counts(&labels);
    let notes = if labels.iter().all(words) { Vec::new() } else { remarks(&counts) };
    let names: Vec<String> = counts.into_iter().map(|(name, _)| name).collect();
    let place: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    let label = |part: RawPart| {
        let mut set = part.set;
        if let Some(labels) = part.labels {
            let class = |i: usize| place.get(labels.name(i).as_str()).copied().unwrap_or(0);
            set.labels = Some((0..labels.len()).map(class).collect());
        }
        set.classes = names.clone();
        set
    };
    let mut train = label(train);
    train.notices.extend(notes.into_iter().map(|note| format!("{}: {note}", train.name)));
    Ok(Splits { train, test: test.map(label) })
}

/// What is worth saying of labels that are numbers: where they begin elsewhere than at 0, what is missing between them,
/// and what occurs once among many.
fn remarks(counts: &[(String, usize)]) -> Vec<String> {
    let numbers: Vec<i64> = counts.iter().filter_map(|(name, _)| name.parse().ok()).collect();
    let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else { return Vec::new() };
    let classes = numbers.len();
    if classes < 2 {
        return Vec::new();
    }
    let mut remarks = Vec::new();
    let gaps: Vec<String> = numbers
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 1)
        .map(|pair| match pair[1] - pair[0] {
            2 => (pair[0] + 1).to_string(),
            _ => format!("{} to {}", pair[0] + 1, pair[1] - 1),
        })
        .collect();
    if !gaps.is_empty() {
        let named = gaps.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if gaps.len() > NAMED { " …" } else { "" };
        remarks.push(format!(
            "the labels run from {first} to {last} with gaps ({named}{more} do not occur): {classes} classes, named as \
             they stand"
        ));
    } else if first != 0 {
        remarks.push(format!(
            "the labels run from {first} to {last}: {classes} classes, named as they stand"
        ));
    }
    let cases: usize = counts.iter().map(|(_, count)| count).sum();
    let strays: Vec<&str> =
        counts.iter().filter(|(_, count)| *count == 1).map(|(name, _)| name.as_str()).collect();
    if !strays.is_empty() && cases > 10 * classes && strays.len() <= NAMED {
        remarks.push(format!(
            "of the label{} {} there is one case only; look whether it is a mistake",
            if strays.len() == 1 { "" } else { "s" },
            strays.join(", ")
        ));
    }
    remarks
}
