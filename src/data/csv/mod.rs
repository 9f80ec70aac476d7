//! Numbers as text, one case per line: tables of any separator, with or without names, an index and labels.

mod columns;
mod finish;
mod form;
mod lines;
mod picked;
mod records;

use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::input::Input;
use super::labels::{Labels, RawPart};
use super::reading::Reading;
use super::text;
use super::values::EXACT;
use crate::error::{Error, Result};
use columns::{Columns, First, is_missing, is_missing_label};
use finish::Decided;
use form::{Form, number};
pub(super) use lines::{Lines, Plan};
use picked::Picked;
use records::{next, not_utf8, records};

/// How many names a note lists.
const LISTED: usize = 4;

/// A table being read.
struct Table {
    path: PathBuf,
    form: Form,
    columns: Columns,
    /// Cells without a number in every line: the last, after a separator at the lines' ends.
    empty_end: bool,
    /// The columns that are kept as text until all lines are read, ascending.
    aside: Vec<Aside>,
    /// Which of the others are data.
    picked: Picked,
    /// All of those, row by row.
    values: Vec<f32>,
    rows: usize,
    /// Whether labels may be missing, and in how many lines they are, and the first of these.
    labels_optional: bool,
    /// Whether it is known which column names the classes, or that none does.
    labels_told: bool,
    unlabelled: Option<(usize, u64)>,
    notices: Vec<String>,
    /// Whether a value was rounded, which is told once.
    rounded: bool,
}

struct Aside {
    column: usize,
    cells: Vec<String>,
}

/// A file of cases.
pub(super) fn read(mut input: Input, name: &str, reading: &Reading) -> Result<RawPart> {
    reading.refuse(&["array"], "a csv", "only a .npz holds several arrays")?;
    let path = input.path().to_path_buf();
    let mut text = text::read(&mut input)?;
    let form = form::find(&mut text);
    let mut part = table(&path, form, text, reading)?.part;
    part.set.name = name.into();
    Ok(part)
}

/// A table whose lines were all read.
struct Whole {
    part: RawPart,
    decided: Decided,
    columns: Columns,
    picked: Picked,
    empty_end: bool,
    /// Whether the first line of cells holds no case.
    named: bool,
}

/// Reads the lines of a table.
fn table(path: &Path, form: Form, text: Vec<u8>, reading: &Reading) -> Result<Whole> {
    let mut reader = records(form, text.as_slice());
    let mut head = Vec::new();
    while head.len() < 3 {
        let Some(record) = next(&mut reader, path)? else { break };
        head.push(record);
    }
    let looked_at = head.len();
    let mut table = Table::new(path, form, &text, &mut head)?;
    let named = head.len() < looked_at;
    let (index, labels) = table.set_aside(reading)?;
    for (record, line) in head {
        table.row(&record, line)?;
    }
    while let Some((record, line)) = next(&mut reader, path)? {
        table.row(&record, line)?;
    }
    if table.rows == 0 {
        let line = reader.position().line();
        let detail = "the set is empty: no line of numbers before the end of the file";
        return Err(Error::file(path, format!("line {line}"), detail));
    }
    drop(text);
    let (columns, empty_end) = (table.columns.clone(), table.empty_end);
    let (part, decided, picked) = table.finish(reading, Decided { index, labels })?;
    Ok(Whole { part, decided, columns, picked, empty_end, named })
}

/// A file of labels: one column, a label a line, with or without a name.
pub(super) fn read_labels(mut input: Input) -> Result<Labels> {
    let path = input.path().to_path_buf();
    let text = text::read(&mut input)?;
    let mut lines = text.split(|&byte| byte == b'\n').enumerate();
    if let Some((i, line)) = lines.find(|(_, line)| str::from_utf8(line).is_err()) {
        return Err(not_utf8(&path, format!("line {}", i + 1), line));
    }
    let text = String::from_utf8_lossy(&text);
    let mut words: Vec<String> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let word = line.trim().trim_matches('"').to_string();
        let several = word.contains([',', ';', '\t']);
        match (word.is_empty(), several) {
            (true, _) => {}
            (_, true) => {
                let detail = format!("'{word}': expected one label a line");
                return Err(Error::file(&path, format!("line {}", i + 1), detail));
            }
            _ => words.push(word),
        }
    }
    let is_number = |word: &String| number(word.as_bytes(), false).is_some();
    if words.len() > 1 && !is_number(&words[0]) && words[1..].iter().all(is_number) {
        words.remove(0); // the column's name
    }
    Ok(Labels::from_words(words))
}

impl Table {
    /// Looks at the first lines, and takes the names out of them.
    fn new(
        path: &Path,
        form: Form,
        text: &[u8],
        head: &mut Vec<(ByteRecord, u64)>,
    ) -> Result<Self> {
        let mut table = Table {
            path: path.into(),
            form,
            columns: Columns { names: Vec::new(), count: 0 },
            empty_end: false,
            aside: Vec::new(),
            picked: Picked::default(),
            values: Vec::new(),
            rows: 0,
            labels_optional: false,
            labels_told: false,
            unlabelled: None,
            notices: Vec::new(),
            rounded: false,
        };
        let Some((record, line)) = head.first() else { return Ok(table) };
        let written = text.split(|&b| b == b'\n').nth(*line as usize - 1).unwrap_or(&[]);
        let first = columns::first(record, head.get(1).map(|(record, _)| record), written, form);
        if first != First::Data {
            table.columns.names =
                record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            table.note(match first {
                First::Names => format!("line {line} names the columns ({})", listed(&table.columns.names)),
                _ => format!(
                    "line {line} counts {} and is taken for the columns' names; remove it if it is data, or put a line \
                     of names before it",
                    listed(&table.columns.names)
                ),
            });
            head.remove(0);
        }
        let cells = |(record, _): &(ByteRecord, u64)| record.len();
        table.columns.count = head.first().map_or(table.columns.names.len(), cells);
        let ends_empty = |(record, _): &(ByteRecord, u64)| {
            record.len() > 1 && record.iter().next_back().is_some_and(<[u8]>::is_empty)
        };
        let named = table.columns.names.len();
        let one_more = !head.is_empty() && head.iter().all(|line| cells(line) == named + 1);
        let name_at_end = table.columns.names.last().is_none_or(String::is_empty);
        table.empty_end = !head.is_empty() && head.iter().all(ends_empty) && (named == 0 || one_more || name_at_end)
            // A single line, or the first of two, may as well lack a value.
            && (named > 0 || head.len() > 2);
        if table.empty_end {
            table.columns.count -= 1;
            table.columns.names.truncate(table.columns.count);
            table.note("each line ends with a separator; what follows it is no column".into());
        } else if named > 0 && one_more {
            // R leaves out the name of the row names.
            table.columns.names.insert(0, String::new());
        } else if named > 0 {
            table.columns.count = named;
        }
        if form.decimal_comma {
            table.note("a comma is read as the decimal mark".into());
        }
        Ok(table)
    }

    fn note(&mut self, text: String) {
        self.notices.push(format!("{}: {text}", self.path.display()));
    }

    fn error(&self, line: u64, detail: String) -> Error {
        Error::file(&self.path, format!("line {line}"), detail)
    }

    /// Keeps the columns of the index and of the labels apart, as far as names tell of them.
    fn set_aside(&mut self, reading: &Reading) -> Result<(Option<usize>, Option<usize>)> {
        self.pick(reading)?;
        self.labels_optional = reading.labels_optional;
        let labels = match &reading.labels {
            _ if reading.no_labels() => None,
            None => self.trained_labels(reading).or_else(|| self.columns.labels()),
            Some(asked) if self.columns.count > 1 => {
                let found = self.columns.asked(asked);
                Some(found.map_err(|detail| {
                    Error::setting("labels", format!("{}: {detail}", self.path.display()))
                })?)
            }
            Some(_) => {
                let detail =
                    format!("{} has one column, and a case needs another", self.path.display());
                return Err(Error::setting("labels", detail));
            }
        };
        // What the training data had as data is that here, whatever its name.
        let known = |column: &usize| self.picked.has(*column);
        if let (Some(asked), Some(_)) = (&reading.labels, labels.filter(known)) {
            let detail = format!(
                "{}: '{asked}' is a column of the training data, so it cannot hold the labels; leave --labels out",
                self.path.display()
            );
            return Err(Error::setting("labels", detail));
        }
        let labels = labels.filter(|labels| !known(labels));
        let index = self.columns.index();
        let index = index.filter(|&index| labels != Some(index) && !known(&index));
        self.leave_out_others([index, labels], reading);
        let mut aside: Vec<usize> = [index, labels].into_iter().flatten().collect();
        aside.sort_unstable();
        if aside.len() == self.columns.count {
            // Nothing would be left.
            aside.retain(|&column| labels != Some(column) || reading.labels.is_some());
        }
        self.aside = aside.iter().map(|&column| Aside { column, cells: Vec::new() }).collect();
        let kept = |column: Option<usize>| column.filter(|column| aside.contains(column));
        self.labels_told = reading.labels.is_some() || kept(labels).is_some();
        Ok((kept(index), kept(labels)))
    }

    fn row(&mut self, record: &ByteRecord, line: u64) -> Result<()> {
        if self.rows == u32::MAX as usize {
            return Err(self.error(line, "more than 4294967295 cases".into()));
        }
        let count = self.columns.count;
        let ends = self.empty_end && record.len() == count + 1 && record[count].is_empty();
        if record.len() != count && !ends {
            let detail = format!("{} cells, where the first line has {count}", record.len());
            return Err(self.error(line, detail));
        }
        let mut aside = 0;
        for (column, cell) in record.iter().take(count).enumerate() {
            if self.picked.skips(column) {
                continue;
            }
            if self.aside.get(aside).is_some_and(|a| a.column == column) {
                let written = number(cell, self.form.decimal_comma);
                if is_missing_label(cell) || written.is_some_and(|x| !x.is_finite()) {
                    if !self.labels_optional || self.columns.index() == Some(column) {
                        self.cell(cell, line, column)?;
                    }
                    let (before, first) = self.unlabelled.unwrap_or((0, line));
                    self.unlabelled = Some((before + 1, first));
                }
                self.aside[aside].cells.push(String::from_utf8_lossy(cell).into_owned());
                aside += 1;
            } else {
                let value = self.cell(cell, line, column)?;
                if value.abs() > EXACT && !self.rounded {
                    self.look_at_rounding(value, cell, line, column);
                }
                self.values.push(value);
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Beyond 2^24 f32 holds not even every whole number: a time in seconds comes out as one of its minutes.
    fn look_at_rounding(&mut self, value: f32, cell: &[u8], line: u64, column: usize) {
        let text = String::from_utf8_lossy(cell).replace(',', ".");
        if text.parse().is_ok_and(|written: f64| written != f64::from(value)) {
            self.rounded = true;
            let column = self.columns.word(column);
            self.note(format!(
                "line {line}, column {column}: {text} was rounded to {value}, since values beyond 2^24 are held as f32; \
                 where differences matter subtract a number before"
            ));
        }
    }

    fn missing(&self, cell: &[u8], line: u64, column: usize) -> Error {
        let what = match cell.is_empty() {
            true => "the cell is empty".to_string(),
            false => format!("'{}' is no finite number", String::from_utf8_lossy(cell)),
        };
        let column = self.columns.word(column);
        self.error(
            line,
            format!("column {column}: {what}: a missing value; fill it in, or leave the line out"),
        )
    }

    fn cell(&self, cell: &[u8], line: u64, column: usize) -> Result<f32> {
        let shown = || {
            let text = String::from_utf8_lossy(cell);
            let short: String = text.chars().take(40).collect();
            if short.len() < text.len() { format!("'{short}…'") } else { format!("'{text}'") }
        };
        let refuse = |what: String| {
            let column = self.columns.word(column);
            Err(self.error(line, format!("column {column}: {what}")))
        };
        match number(cell, self.form.decimal_comma) {
            Some(x) if x.is_finite() => Ok(x),
            Some(_) if cell.iter().any(u8::is_ascii_digit) => {
                refuse(format!("{} is too large for f32 (at most 3.4e38)", shown()))
            }
            _ if is_missing(cell) => Err(self.missing(cell, line, column)),
            Some(_) => refuse(format!("{}; every value must be a finite number", shown())),
            // Words may hold commas.
            None if cell.iter().any(|b| matches!(b, b';' | b'\t' | b','))
                && !cell.iter().any(u8::is_ascii_alphabetic) =>
            {
                let separator = match self.form.separator {
                    b',' => "commas".into(),
                    b'\t' => "tabs or blanks".into(),
                    other => format!("'{}'", char::from(other)),
                };
                refuse(format!(
                    "{} is not a number; cells are separated by {separator} here",
                    shown()
                ))
            }
            None if self.labels_told => {
                refuse(format!("{} is not a number; write one, or leave the column out", shown()))
            }
            None => refuse(format!(
                "{} is not a number; if the column names the classes, say --labels {}",
                shown(),
                self.columns
                    .names
                    .get(column)
                    .filter(|n| !n.is_empty())
                    .cloned()
                    .unwrap_or((column + 1).to_string())
            )),
        }
    }
}

fn listed(names: &[String]) -> String {
    let shown: Vec<&str> =
        names.iter().take(LISTED).map(|n| if n.is_empty() { "''" } else { n.as_str() }).collect();
    let more = if names.len() > LISTED { " …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
