//! Items with attributes, as CRFsuite's text files have them: a line an item, its label and then its attributes between tabs,
//! an empty line behind each sequence.

use std::collections::HashMap;
use std::path::Path;

use super::cases::Cases;
use super::sequences::Sequences;
use super::values::Values;
use crate::error::{Error, Result};

/// The most values that are held: one for each attribute at each position, whether the item has it or not.
const MOST_VALUES: usize = 1 << 28;

/// A file's items as they come.
#[derive(Default)]
struct Items {
    /// Each attribute's number.
    attributes: HashMap<String, u32>,
    /// Attributes by their numbers.
    names: Vec<String>,
    /// Of each item (attribute, value).
    values: Vec<Vec<(u32, f32)>>,
    labels: Vec<String>,
    starts: Vec<usize>,
}

/// Reads items. Attributes are columns in the order in which they first come, an attribute that an item has twice counts
/// twice; labels are the distinct words in the alphabet's order, and none where all of them are empty.
pub(super) fn read(text: &[u8], path: &Path, name: &str) -> Result<Sequences> {
    let mut items = Items::default();
    let mut begins = true;
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        if line.is_empty() {
            begins = true;
            continue;
        }
        if begins {
            items.starts.push(items.labels.len());
            begins = false;
        }
        let wrong = |detail: String| Error::file(path, format!("line {}", number + 1), detail);
        let line = std::str::from_utf8(line).map_err(|_| wrong("it is no UTF-8 text".into()))?;
        items.take(line).map_err(wrong)?;
    }
    if items.names.is_empty() {
        let detail = "no line has an attribute behind a tab; sequences are read from letter.data and from items as CRFsuite \
                      reads them: a label, then attributes, between tabs";
        return Err(Error::data(name, detail));
    }
    items.sequences(path, name)
}

impl Items {
    /// Takes up a line.
    fn take(&mut self, line: &str) -> std::result::Result<(), String> {
        let mut cells = line.split('\t');
        self.labels.push(cells.next().unwrap_or("").to_string());
        let mut own: Vec<(u32, f32)> = Vec::new();
        for cell in cells.filter(|cell| !cell.is_empty()) {
            let (attribute, value) = attribute(cell)?;
            let next = self.names.len() as u32;
            let number = *self.attributes.entry(attribute).or_insert_with_key(|name| {
                self.names.push(name.clone());
                next
            });
            match own.iter_mut().find(|(known, _)| *known == number) {
                Some((_, sum)) => *sum += value,
                None => own.push((number, value)),
            }
        }
        self.values.push(own);
        Ok(())
    }

    fn sequences(mut self, path: &Path, name: &str) -> Result<Sequences> {
        let (n, width) = (self.labels.len(), self.names.len());
        if n.checked_mul(width).is_none_or(|values| values > MOST_VALUES) {
            let detail = format!(
                "{n} items with {width} attributes in all are held as {n}x{width} numbers, and {MOST_VALUES} is the most; \
                 leave out attributes that few items have, or train on fewer items"
            );
            return Err(Error::data(name, detail));
        }
        self.starts.push(n);
        let bits = self.values.iter().flatten().all(|&(_, value)| value == 1.0);
        let values = match bits {
            true => Values::Bits(dense(&self.values, width, |_| 1)),
            false => Values::F32(dense(&self.values, width, |value| value)),
        };
        let sequences = Sequences::new(name, Cases::new(values, n, width)?, self.starts)?;
        let (labels, classes) = classes(&self.labels)
            .map_err(|(item, detail)| Error::file(path, format!("item {}", item + 1), detail))?;
        Ok(Sequences { labels, classes, attributes: self.names, ..sequences })
    }
}

fn dense<T: Copy + Default>(items: &[Vec<(u32, f32)>], width: usize, of: fn(f32) -> T) -> Vec<T> {
    let mut all = vec![T::default(); items.len() * width];
    for (row, own) in all.chunks_exact_mut(width.max(1)).zip(items) {
        own.iter().for_each(|&(attribute, value)| row[attribute as usize] = of(value));
    }
    all
}

/// A cell's name and value. `\:` is a colon of the name, `\\` a backslash; a colon alone stands before the value, which is 1
/// where there is none.
fn attribute(cell: &str) -> std::result::Result<(String, f32), String> {
    let mut name = String::with_capacity(cell.len());
    let mut rest = cell.chars();
    while let Some(c) = rest.next() {
        match c {
            ':' if name == "@weight" => {
                return Err("it weighs its sequence (@weight), and here all count alike".into());
            }
            ':' => {
                let value = rest.as_str();
                let number: Option<f32> = value.parse().ok().filter(|x: &f32| x.is_finite());
                let number = number.ok_or_else(|| {
                    format!(
                        "the value of the attribute '{name}' is '{value}', expected a number; a colon that belongs to the name \
                         is written \\:"
                    )
                })?;
                return Ok((name, number));
            }
            '\\' if rest.as_str().starts_with([':', '\\']) => name.extend(rest.next()),
            c => name.push(c),
        }
    }
    match name.as_str() {
        "@weight" => {
            Err("it weighs its sequence (@weight), and all sequences count alike here".into())
        }
        _ => Ok((name, 1.0)),
    }
}

type Classes = (Option<Vec<u32>>, Vec<String>);

/// Each item's label as its place among the distinct ones.
fn classes(labels: &[String]) -> std::result::Result<Classes, (usize, String)> {
    if labels.iter().all(String::is_empty) {
        return Ok((None, Vec::new()));
    }
    if let Some(item) = labels.iter().position(String::is_empty) {
        return Err((item, "it has no label, and others have one: give all or none".into()));
    }
    let mut classes = labels.to_vec();
    classes.sort();
    classes.dedup();
    let place = |label: &String| classes.partition_point(|class| class < label) as u32;
    Ok((Some(labels.iter().map(place).collect()), classes))
}
