//! What a classifier's answers are written as, and pictures of ink on paper.

use std::io::{self, Write};

use super::trained::TrainedNetwork;
use crate::data::{Cases, Values};
use crate::error::{Error, Result};
use crate::evaluation::classification::Predictions;

/// Writes one line per case: its number, its file where `files` name them, the predicted class, the true one where it is known, all probabilities. Cases are
/// counted from `first`; above that of number 0 the columns have their names.
///
/// # Errors
/// Those of `out`.
pub fn write_table(
    out: &mut dyn Write,
    names: &[String],
    found: &Predictions,
    (labels, files): (Option<&[u32]>, &[String]),
    first: usize,
) -> io::Result<()> {
    let name = |class: u32| names.get(class as usize).map_or("", String::as_str).to_string();
    let mut csv = csv::Writer::from_writer(out);
    if first == 0 {
        let mut head = vec!["case".to_string()];
        head.extend((!files.is_empty()).then(|| "file".to_string()));
        head.push("predicted".into());
        head.extend(labels.map(|_| "true".to_string()));
        head.extend(names.iter().map(|n| format!("p({n})")));
        csv.write_record(&head)?;
    }
    let cases = found.probabilities.chunks(found.classes.max(1)).zip(&found.predicted);
    for (case, (p, &predicted)) in cases.enumerate() {
        let mut line = vec![(first + case).to_string()];
        line.extend((!files.is_empty()).then(|| files.get(case).cloned().unwrap_or_default()));
        line.push(name(predicted));
        line.extend(labels.map(|labels| labels.get(case).map_or("".into(), |&class| name(class))));
        line.extend(p.iter().map(|p| format!("{p:.6}")));
        csv.write_record(&line)?;
    }
    csv.flush()
}

impl TrainedNetwork {
    /// Whether most of the cases have bright edges, within the margins that were added: ink on paper.
    pub fn is_bright(&self, cases: &Cases) -> bool {
        let input = &self.origin.input;
        if self.origin.preprocessing.mean.is_some() {
            return false;
        }
        let Ok([_, rows, columns]) = input.shape() else { return false };
        let ([h, w], [top, left]) = (input.size, input.margin);
        let edge = |row: &[f32]| {
            let at = |r: usize, c: usize| row[(top + r) * columns + left + c];
            let rows = (0..w).map(|c| at(0, c) + at(h - 1, c)).sum::<f32>();
            let sides = (0..h).map(|r| at(r, 0) + at(r, w - 1)).sum::<f32>();
            (rows + sides) / (2 * (h + w)) as f32
        };
        let looked_at = if cases.width() == rows * columns { cases.len().min(50) } else { 0 };
        let bright = (0..looked_at).filter(|&i| edge(&cases.row(i)) > 0.6).count();
        2 * bright > looked_at
    }

    /// Whether its cases are pictures whose values are greys, not columns of a table.
    pub fn takes_pictures(&self) -> bool {
        let rows = self.origin.input.shape().map_or(1, |[_, rows, _]| rows);
        rows > 1 && self.origin.preprocessing.mean.is_none()
    }

    /// The pictures, by number, whose pixels are all alike within the margins that were added. Rows of a table are no pictures.
    pub fn blank(&self, cases: &Cases) -> Vec<usize> {
        if !self.takes_pictures() {
            return Vec::new();
        }
        let input = &self.origin.input;
        let Ok([_, rows, columns]) = input.shape() else { return Vec::new() };
        if cases.width() != rows * columns {
            return Vec::new();
        }
        let [top, left] = input.margin;
        let alike = |&case: &usize| {
            let row = cases.row(case);
            let first = row[top * columns + left];
            let mut inner =
                (top..rows - top).flat_map(|r| &row[r * columns + left..(r + 1) * columns - left]);
            inner.all(|&x| x == first)
        };
        (0..cases.len()).filter(alike).collect()
    }

    /// The cases turned, 1 − x, but for the margins, which are background.
    ///
    /// # Errors
    /// [`Error::Data`] where they are not of the network's size.
    pub fn inverted(&self, cases: &Cases) -> Result<Cases> {
        let [_, rows, columns] = self.origin.input.shape()?;
        if cases.width() != rows * columns {
            let detail = format!("{} values a case, expected {rows}x{columns}", cases.width());
            return Err(Error::data("cases", detail));
        }
        let [top, left] = self.origin.input.margin;
        let mut values = cases.to_f32();
        for case in values.chunks_mut(rows * columns) {
            for r in top..rows - top {
                case[r * columns + left..(r + 1) * columns - left]
                    .iter_mut()
                    .for_each(|x| *x = 1.0 - *x);
            }
        }
        Cases::new(Values::F32(values), cases.len(), cases.width())
    }
}
