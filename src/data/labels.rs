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
            false => Err(format!("label {i} is {x}; a label is a whole number up to {EXACT}")),
        };
        numbers
            .iter()
            .enumerate()
            .map(number)
            .collect::<std::result::Result<_, _>>()
            .map(Labels::Numbers)
    }

    /// The labels of these cases.
    pub(super) fn pick(&self, cases: &[usize]) -> Self {
        match self {
            Labels::Numbers(all) => Labels::Numbers(cases.iter().map(|&i| all[i]).collect()),
            Labels::Words(all) => Labels::Words(cases.iter().map(|&i| all[i].clone()).collect()),
        }
    }

    /// These, and then those.
    pub(super) fn append(self, more: Labels) -> Self {
        match (self, more) {
            (Labels::Numbers(mut all), Labels::Numbers(more)) => {
                all.extend(more);
                Labels::Numbers(all)
            }
            (first, more) => {
                let names = |labels: Labels| (0..labels.len()).map(move |i| labels.name(i));
                Labels::Words(names(first).chain(names(more)).collect())
            }
        }
    }

    /// Adds them to a checksum.
    pub(super) fn hash(&self, hasher: &mut crc32fast::Hasher) {
        match self {
            Labels::Numbers(numbers) => {
                numbers.iter().for_each(|n| hasher.update(&n.to_le_bytes()))
            }
            Labels::Words(words) => {
                for word in words {
                    hasher.update(&(word.len() as u64).to_le_bytes());
                    hasher.update(word.as_bytes());
                }
            }
        }
    }

    fn name(&self, i: usize) -> String {
        match self {
            Labels::Numbers(numbers) => numbers[i].to_string(),
            Labels::Words(words) => words[i].clone(),
        }
    }
}

/// How often each label occurs.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    numbers: BTreeMap<i64, usize>,
    words: BTreeMap<String, usize>,
}

/// The classes that labels make.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    /// Their names: numbers in their order, words in the alphabet's.
    pub(super) names: Vec<String>,
    place: BTreeMap<String, u32>,
}

impl Counts {
    pub(super) fn add(&mut self, labels: &Labels) {
        match labels {
            Labels::Numbers(all) => {
                all.iter().for_each(|&n| *self.numbers.entry(n).or_default() += 1);
            }
            Labels::Words(all) => {
                for word in all {
                    match self.words.get_mut(word) {
                        Some(count) => *count += 1,
                        None => _ = self.words.insert(word.clone(), 1),
                    }
                }
            }
        }
    }

    /// Adds those of another part.
    pub(super) fn extend(&mut self, other: &Counts) {
        other.numbers.iter().for_each(|(&n, count)| *self.numbers.entry(n).or_default() += count);
        let words = other.words.iter();
        words.for_each(|(word, count)| *self.words.entry(word.clone()).or_default() += count);
    }

    /// Whether there are numbers and words too.
    pub(super) fn are_mixed(&self) -> bool {
        !self.numbers.is_empty() && !self.words.is_empty()
    }

    /// The classes, and what is worth saying of them.
    pub(super) fn classes(self) -> (Classes, Vec<String>) {
        let words_alone = self.numbers.is_empty();
        let counts: Vec<(String, usize)> = match self.words.is_empty() {
            true => self.numbers.into_iter().map(|(n, count)| (n.to_string(), count)).collect(),
            false => {
                let mut all = self.words;
                for (n, count) in self.numbers {
                    *all.entry(n.to_string()).or_default() += count;
                }
                all.into_iter().collect()
            }
        };
        let notes = if words_alone { Vec::new() } else { remarks(&counts) };
        let names: Vec<String> = counts.into_iter().map(|(name, _)| name).collect();
        let place = names.iter().cloned().zip(0..).collect();
        (Classes { names, place }, notes)
    }
}

impl Classes {
    /// The class of each label; the first for one that is none.
    pub(super) fn of(&self, labels: &Labels) -> Vec<u32> {
        let class = |i: usize| self.place.get(labels.name(i).as_str()).copied().unwrap_or(0);
        (0..labels.len()).map(class).collect()
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
    let mut counts = Counts::default();
    let labels = [Some(&train), test.as_ref()].into_iter().flatten();
    labels.filter_map(|part| part.labels.as_ref()).for_each(|labels| counts.add(labels));
    if counts.are_mixed() {
        let detail = "the labels of one part are numbers and those of the other words";
        return Err(Error::data(&train.set.name, detail));
    }
    let (classes, notes) = counts.classes();
    let label = |part: RawPart| {
        let mut set = part.set;
        set.labels = part.labels.map(|labels| classes.of(&labels));
        set.classes = classes.names.clone();
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
