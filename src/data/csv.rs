//! Comma-separated numbers, one case per line; every column is data.

use std::io::{self, Read};

use ::csv::{ByteRecord, ErrorKind, ReaderBuilder, Trim};

use super::cases::Cases;
use super::input::Input;
use super::set::{DataSet, ImageShape};
use super::values::Values;
use crate::error::{Error, Result};

/// Line ends as `\n` alone, the last line's included, so that the reader's line count is that of an editor.
struct Lines<R> {
    inner: R,
    last: u8,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.inner.read(buffer)?;
            if n == 0 {
                if buffer.is_empty() || matches!(self.last, b'\n' | b'\r') {
                    return Ok(0);
                }
                self.last = b'\n';
                buffer[0] = b'\n';
                return Ok(1);
            }
            let mut kept = 0;
            for i in 0..n {
                let byte = buffer[i];
                if byte != b'\n' || self.last != b'\r' {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
                self.last = byte;
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

/// What was read so far.
struct Table<'a> {
    input_path: &'a std::path::Path,
    values: Vec<f32>,
    width: usize,
    rows: usize,
    notices: Vec<String>,
}

/// A file of cases. A first line without any number is a header.
pub(super) fn read(input: Input, name: &str) -> Result<DataSet> {
    let path = input.path().to_path_buf();
    if input.is_gzipped() {
        return Err(Error::file(
            &path,
            "byte 0",
            "a gzipped csv is not read; unpack it first (gunzip)",
        ));
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(Lines { inner: input.into_reader(), last: b'\n' });
    let mut table =
        Table { input_path: &path, values: Vec::new(), width: 0, rows: 0, notices: Vec::new() };
    let mut record = ByteRecord::new();
    let mut first = true;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(e) => {
                let line = e.position().map_or(0, ::csv::Position::line);
                return Err(match e.into_kind() {
                    ErrorKind::Io(io) => Error::io("read", &path, io),
                    other => Error::file(&path, format!("line {line}"), format!("{other:?}")),
                });
            }
        }
        // The record's own position is that of the empty lines before it.
        let line = reader.position().line().saturating_sub(1).max(1);
        if first && is_header(&record) {
            table.header(&record);
        } else {
            table.row(&record, line)?;
        }
        first = false;
    }
    if table.rows == 0 {
        let line = reader.position().line();
        return Err(Error::file(
            &path,
            format!("line {line}"),
            "the set is empty: no line of numbers before the end of the file",
        ));
    }
    let Table { values, width, rows, notices, .. } = table;
    Ok(DataSet {
        name: name.to_string(),
        cases: Cases::new(Values::from_floats(values), rows, width)?,
        image: ImageShape::guess(width),
        labels: None,
        notices,
    })
}

/// Whether no cell is a number.
fn is_header(record: &ByteRecord) -> bool {
    record.iter().all(|cell| number(cell).is_none())
}

fn number(cell: &[u8]) -> Option<f32> {
    std::str::from_utf8(cell).ok()?.parse().ok()
}

impl Table<'_> {
    fn error(&self, line: u64, detail: String) -> Error {
        Error::file(self.input_path, format!("line {line}"), detail)
    }

    fn header(&mut self, record: &ByteRecord) {
        self.width = record.len();
        let labels = [&b"label"[..], b"labels", b"class", b"target", b"y"];
        for (j, cell) in record.iter().enumerate() {
            if labels.iter().any(|l| cell.eq_ignore_ascii_case(l)) {
                self.notices.push(format!(
                    "{}: column {} is named '{}' and is read as data, like every column of a csv; remove it if it holds labels",
                    self.input_path.display(),
                    j + 1,
                    String::from_utf8_lossy(cell)
                ));
            }
        }
    }

    fn row(&mut self, record: &ByteRecord, line: u64) -> Result<()> {
        if self.width == 0 {
            self.width = record.len();
        }
        if self.rows == u32::MAX as usize {
            return Err(self.error(line, "more than 4294967295 cases".into()));
        }
        let begin = self.values.len();
        for (j, cell) in record.iter().enumerate() {
            let value = self.cell(cell, line, j + 1)?;
            self.values.push(value);
        }
        if record.len() != self.width {
            return Err(self.error(
                line,
                format!("{} cells, where the first line has {}", record.len(), self.width),
            ));
        }
        let counting = |v: &[f32]| v.len() > 2 && v.iter().enumerate().all(|(j, &x)| x == j as f32);
        if self.rows == 0 && counting(&self.values[begin..]) {
            self.notices.push(format!(
                "{}: line {line} counts 0, 1, 2 … and is read as data; remove it if it is a header",
                self.input_path.display()
            ));
        }
        self.rows += 1;
        Ok(())
    }

    fn cell(&self, cell: &[u8], line: u64, column: usize) -> Result<f32> {
        let shown = || {
            let text = String::from_utf8_lossy(cell);
            let short: String = text.chars().take(40).collect();
            if short.len() < text.len() { format!("'{short}…'") } else { format!("'{text}'") }
        };
        let refuse = |what: String| Err(self.error(line, format!("column {column}: {what}")));
        match number(cell) {
            Some(x) if x.is_finite() => Ok(x),
            Some(_) if cell.iter().any(u8::is_ascii_digit) => {
                refuse(format!("{} is too large for f32 (at most 3.4e38)", shown()))
            }
            Some(_) => refuse(format!("{}; every value must be a finite number", shown())),
            None if cell.is_empty() => refuse("the cell is empty".into()),
            None if cell.contains(&b';') || cell.contains(&b'\t') => {
                refuse(format!("{} is not a number; cells are separated by commas here", shown()))
            }
            None => refuse(format!("{} is not a number", shown())),
        }
    }
}
