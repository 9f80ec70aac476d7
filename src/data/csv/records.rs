//! Lines of cells, as the csv crate splits them.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Trim};

use super::form::Form;
use crate::error::{Error, Result};

/// A reader of lines of cells.
pub(super) fn records<R: Read>(form: Form, text: R) -> Reader<R> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(form.separator)
        .trim(Trim::All)
        .from_reader(text)
}

/// The next line of cells that is not empty, with its number.
pub(super) fn next<R: Read>(
    reader: &mut Reader<R>,
    path: &Path,
) -> Result<Option<(ByteRecord, u64)>> {
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(None),
            // A line of blanks.
            Ok(true) if record.len() == 1 && record[0].is_empty() => {}
            // The record's own position is that of the empty lines before it.
            Ok(true) => {
                let line = reader.position().line().saturating_sub(1).max(1);
                if !record.as_slice().is_ascii()
                    && let Some(column) =
                        record.iter().position(|cell| str::from_utf8(cell).is_err())
                {
                    let place = format!("line {line}, column {}", column + 1);
                    return Err(not_utf8(path, place, &record[column]));
                }
                return Ok(Some((record, line)));
            }
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                return Err(match e.into_kind() {
                    ErrorKind::Io(io) => Error::io("read", path, io),
                    other => Error::file(path, format!("line {line}"), format!("{other:?}")),
                });
            }
        }
    }
}

/// That a line was written in another encoding. Names that were read all the same could come out alike.
pub(super) fn not_utf8(path: &Path, place: String, text: &[u8]) -> Error {
    let shown: String = String::from_utf8_lossy(text).trim().chars().take(40).collect();
    let detail = format!(
        "'{shown}' is no UTF-8, but of an older encoding (Latin-1, Windows-1252): save the file as UTF-8"
    );
    Error::file(path, place, detail)
}
