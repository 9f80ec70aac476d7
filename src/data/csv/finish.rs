//! A table whose lines are all read: which of its columns are an index, labels, data.

use std::collections::HashSet;

use super::columns::{is_index, labels_by_layout};
use super::form::number;
use super::picked::Picked;
use super::{Aside, Table};
use crate::data::cases::Cases;
use crate::data::labels::{Labels, RawPart};
use crate::data::reading::Reading;
use crate::data::set::{DataSet, ImageShape};
use crate::data::values::Values;
use crate::error::{Error, Result};

/// The columns that are no data, counted from 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Decided {
    pub index: Option<usize>,
    pub labels: Option<usize>,
}

impl Table {
    /// All lines are read: decides what was kept apart (`asked`: what it may be), and looks for labels that no name tells
    /// of.
    pub(super) fn finish(
        mut self,
        reading: &Reading,
        Decided { index, labels }: Decided,
    ) -> Result<(RawPart, Decided, Picked)> {
        let mut decided = Decided::default();
        let mut found = None;
        let mut left_out = 0;
        for Aside { column, cells } in std::mem::take(&mut self.aside) {
            let word = self.columns.word(column);
            if Some(column) == index && is_index(&cells, self.form) {
                self.note(format!(
                    "column {word} is taken for an index (row numbers or names) and left out"
                ));
                left_out += 1;
                decided.index = index;
                continue;
            }
            if let (true, Some((lines, first))) = (Some(column) == labels, self.unlabelled) {
                self.note(format!(
                    "column {word}: the label is missing in {lines} of {} lines, the first of them line {first}: the labels \
                     are left out",
                    self.rows
                ));
                self.picked.skip(column);
                left_out += 1;
                continue;
            }
            if Some(column) == labels {
                let real =
                    |word: &String| number(word.as_bytes(), self.form.decimal_comma).is_some();
                let labels = Labels::from_words(cells);
                let Labels::Words(words) = &labels else {
                    self.tell_labels(&word, reading);
                    (found, left_out) = (Some(labels), left_out + 1);
                    decided.labels = Some(column);
                    continue;
                };
                let what = "has numbers that are not whole";
                match (words.iter().all(real), &reading.labels) {
                    (false, _) => {
                        self.tell_labels(&word, reading);
                        (found, left_out) = (Some(labels), left_out + 1);
                        decided.labels = Some(column);
                    }
                    (true, Some(_)) => {
                        let detail = format!("{}: column {word} {what}", self.path.display());
                        return Err(Error::setting("labels", detail));
                    }
                    (true, None) if self.picked.by_name() => {
                        self.note(format!(
                            "column {word} {what}: it holds no labels, and is left out"
                        ));
                        self.picked.skip(column);
                    }
                    (true, None) => {
                        self.note(format!(
                            "column {word} {what}: it is read as data, not as labels"
                        ));
                        self.put_back(words, column - left_out);
                    }
                }
                continue;
            }
            if self.picked.by_name() {
                self.picked.skip(column);
                continue;
            }
            self.note(format!("column {word} has no row numbers, and is read as data"));
            self.put_back(&cells, column - left_out);
        }
        let mut width = self.values.len() / self.rows;
        if found.is_none() && reading.labels.is_none() && self.columns.names.is_empty() {
            let by_layout = self.by_layout(&mut width);
            decided.labels = by_layout.as_ref().map(|(column, _)| *column);
            found = by_layout.map(|(_, labels)| labels);
        }
        self.tell_row_numbers(width);
        let columns = match self.picked.by_name() {
            true => reading.columns.clone(),
            false => self.data_columns(decided, width),
        };
        let values = self.picked.ordered(self.values);
        let cases = Cases::new(Values::from_floats(values), self.rows, width)?;
        let mut set = DataSet::new("", cases);
        (set.notices, set.columns) = (self.notices, columns);
        set.guess_image();
        Ok((RawPart { set, labels: found, unit: 1.0, pictures: false }, decided, self.picked))
    }

    /// The names of the columns of data, where each has one of its own.
    fn data_columns(&self, decided: Decided, width: usize) -> Vec<String> {
        let names = self.columns.names.iter().enumerate();
        let kept = names.filter(|(column, _)| {
            ![decided.index, decided.labels].contains(&Some(*column)) && !self.picked.skips(*column)
        });
        let names: Vec<String> = kept.map(|(_, name)| name.trim().to_string()).collect();
        let distinct: HashSet<&String> = names.iter().filter(|name| !name.is_empty()).collect();
        if distinct.len() == width && names.len() == width { names } else { Vec::new() }
    }

    fn tell_labels(&mut self, word: &str, reading: &Reading) {
        let hint = match reading.labels {
            None if self.picked.by_name() => "; --labels none leaves it out",
            None => "; --labels none reads it as data",
            Some(_) => "",
        };
        self.note(format!("column {word} holds the labels{hint}"));
    }

    /// Puts a column that was kept apart back among the values, as number `at`.
    fn put_back(&mut self, cells: &[String], at: usize) {
        let width = self.values.len() / self.rows;
        let mut values = Vec::with_capacity(self.values.len() + self.rows);
        for (row, cell) in cells.iter().enumerate() {
            let own = &self.values[row * width..(row + 1) * width];
            values.extend(&own[..at]);
            values.extend(number(cell.as_bytes(), self.form.decimal_comma));
            values.extend(&own[at..]);
        }
        self.values = values;
    }

    /// Labels of a table without names that is made of pictures but for one column, and which that is.
    fn by_layout(&mut self, width: &mut usize) -> Option<(usize, Labels)> {
        let amat = self.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("amat"));
        let column = match labels_by_layout(&self.values, *width, amat) {
            Ok(column) => column?,
            Err(()) => {
                let pixels = *width - 1;
                self.note(format!(
                    "one column more than a square picture of {pixels} pixels; the first or the last may hold labels: \
                     --labels first or --labels last says so"
                ));
                return None;
            }
        };
        let numbers = self.values.iter().skip(column).step_by(*width).map(|&x| x as i64).collect();
        let mut at = 0;
        self.values.retain(|_| {
            at += 1;
            (at - 1) % *width != column
        });
        *width -= 1;
        let word = self.columns.word(column);
        self.note(format!(
            "no line of names: column {word} holds the labels, since the others make pictures of {} pixels and it has \
             whole numbers without a gap; --labels none reads it as data",
            ImageShape::guess(*width).map_or(String::new(), |shape| shape.to_string())
        ));
        Some((column, Labels::Numbers(numbers)))
    }

    /// A first column without a name that counts may be an index that was written without one.
    fn tell_row_numbers(&mut self, width: usize) {
        let counts = || {
            let column = self.values.iter().step_by(width).enumerate();
            let first = self.values[0];
            (first == 0.0 || first == 1.0)
                && column.into_iter().all(|(i, &x)| x == first + i as f32)
        };
        if self.columns.names.is_empty() && width > 1 && self.rows > 2 && counts() {
            self.note("column 1 counts up as row numbers do, and is read as data; remove it if it is an index".into());
        }
    }
}
