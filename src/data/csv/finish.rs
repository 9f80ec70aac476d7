//! A table whose lines are all read: which of its columns are an index, labels, data.

use super::columns::{is_index, labels_by_layout};
use super::form::number;
use super::{Aside, Table};
use crate::data::cases::Cases;
use crate::data::labels::{Labels, RawPart};
use crate::data::reading::Reading;
use crate::data::set::{DataSet, ImageShape};
use crate::data::values::Values;
use crate::error::{Error, Result};

impl Table {
    /// All lines are read: decides what was kept apart, and looks for labels that no name tells of.
    pub(super) fn finish(
        mut self,
        name: &str,
        reading: &Reading,
        index: Option<usize>,
        labels: Option<usize>,
    ) -> Result<RawPart> {
        let mut found = None;
        let mut left_out = 0;
        for Aside { column, cells } in std::mem::take(&mut self.aside) {
            let word = self.columns.word(column);
            if Some(column) == index && is_index(&cells, self.form) {
                self.note(format!(
                    "column {word} is taken for an index (row numbers or names) and left out"
                ));
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
                    continue;
                };
                let what = "has numbers that are not whole";
                match (words.iter().all(real), &reading.labels) {
                    (false, _) => {
                        self.tell_labels(&word, reading);
                        (found, left_out) = (Some(labels), left_out + 1);
                    }
                    (true, Some(_)) => {
                        let detail = format!("{}: column {word} {what}", self.path.display());
                        return Err(Error::setting("labels", detail));
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
            self.note(format!("column {word} has no row numbers, and is read as data"));
            self.put_back(&cells, column - left_out);
        }
        let mut width = self.values.len() / self.rows;
        if found.is_none() && reading.labels.is_none() && self.columns.names.is_empty() {
            found = self.by_layout(&mut width);
        }
        self.tell_row_numbers(width);
        Ok(RawPart {
            set: DataSet {
                image: ImageShape::guess(width),
                notices: self.notices,
                ..DataSet::new(
                    name,
                    Cases::new(Values::from_floats(self.values), self.rows, width)?,
                )
            },
            labels: found,
            unit: 1.0,
            pictures: false,
        })
    }

    fn tell_labels(&mut self, word: &str, reading: &Reading) {
        let hint = match reading.labels {
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

    /// Labels of a table without names that is made of pictures but for one column.
    fn by_layout(&mut self, width: &mut usize) -> Option<Labels> {
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
        Some(Labels::Numbers(numbers))
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
