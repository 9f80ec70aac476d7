//! A table that is read in pieces: what its columns are is decided by its first lines.

use std::io::Cursor;
use std::path::Path;

use csv::{ByteRecord, Reader};

use super::columns::Columns;
use super::finish::Decided;
use super::form::{self, Form};
use super::picked::Picked;
use super::records::{next, records};
use super::{Aside, Table};
use crate::data::cases::Cases;
use crate::data::input::Input;
use crate::data::labels::{Labels, RawPart};
use crate::data::reading::Reading;
use crate::data::set::DataSet;
use crate::data::text;
use crate::data::values::Values;
use crate::error::{Error, Result};

/// Bytes of text at once.
const PIECE: u64 = 256 << 10;

/// What the first lines of a table say of all of it.
pub(in crate::data) struct Plan {
    form: Form,
    columns: Columns,
    empty_end: bool,
    /// Whether the first line of cells holds no case.
    named: bool,
    decided: Decided,
    picked: Picked,
    /// The names of the columns of data.
    names: Vec<String>,
    width: usize,
    notices: Vec<String>,
    gzipped: bool,
}

impl Plan {
    /// Looks at the first lines.
    ///
    /// # Errors
    /// As reading the whole table.
    pub fn of(path: &Path, reading: &Reading) -> Result<Self> {
        reading.refuse(&["array"], "a csv", "only a .npz holds several arrays")?;
        let mut pieces = Pieces::open(path)?;
        let gzipped = pieces.input.site().gzipped();
        let (mut text, _) = pieces.next()?.unwrap_or_default();
        let form = form::find(&mut text);
        let found = super::table(path, form, text, reading)?;
        let lines = |notice: String| format!("{notice} (by the first lines)");
        let set = found.part.set;
        Ok(Plan {
            form,
            columns: found.columns,
            empty_end: found.empty_end,
            named: found.named,
            decided: found.decided,
            picked: found.picked,
            names: set.columns,
            width: set.cases.width(),
            notices: set.notices.into_iter().map(lines).collect(),
            gzipped,
        })
    }

    /// Columns of data.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The names of the columns of data, where each has one of its own.
    pub fn columns(&self) -> &[String] {
        &self.names
    }

    pub fn has_labels(&self) -> bool {
        self.decided.labels.is_some()
    }

    pub fn gzipped(&self) -> bool {
        self.gzipped
    }

    /// A table whose lines are still to come.
    fn table(&self, path: &Path) -> Table {
        let mut aside: Vec<usize> =
            [self.decided.index, self.decided.labels].into_iter().flatten().collect();
        aside.sort_unstable();
        Table {
            path: path.into(),
            form: self.form,
            columns: self.columns.clone(),
            empty_end: self.empty_end,
            aside: aside.into_iter().map(|column| Aside { column, cells: Vec::new() }).collect(),
            picked: self.picked.clone(),
            values: Vec::new(),
            rows: 0,
            labels_optional: false,
            labels_told: self.decided.labels.is_some(),
            unlabelled: None,
            notices: self.notices.clone(),
            // Told of the first lines, if at all.
            rounded: true,
        }
    }

    /// The cases of the lines that a table has.
    fn part(&self, table: Table, name: &str) -> Result<RawPart> {
        let of_labels = |aside: &Aside| Some(aside.column) == self.decided.labels;
        let labels = table.aside.into_iter().find(of_labels);
        let labels = labels.map(|aside| Labels::from_words(aside.cells));
        let cases = Cases::new(
            Values::from_floats(self.picked.ordered(table.values)),
            table.rows,
            self.width,
        )?;
        let mut set = DataSet::new(name, cases);
        set.notices = table.notices;
        set.guess_image();
        Ok(RawPart { set, labels, unit: 1.0, pictures: false })
    }
}

/// Text in pieces of whole lines, with the number of the first.
struct Pieces {
    input: Input<'static>,
    rest: Vec<u8>,
    line: u64,
    first: bool,
    ended: bool,
}

impl Pieces {
    fn open(path: &Path) -> Result<Self> {
        let input = Input::open(path)?;
        Ok(Pieces { input, rest: Vec::new(), line: 1, first: true, ended: false })
    }

    fn next(&mut self) -> Result<Option<(Vec<u8>, u64)>> {
        let mut bytes = std::mem::take(&mut self.rest);
        while !self.ended {
            let more = self.input.some(PIECE)?;
            self.ended = (more.len() as u64) < PIECE;
            bytes.extend(more);
            // Not behind the last byte: the other half of a line's end may follow.
            let before = bytes.len().saturating_sub(1);
            if let Some(end) = bytes[..before].iter().rposition(|b| matches!(b, b'\n' | b'\r'))
                && !self.ended
            {
                let pair = bytes[end] == b'\r' && bytes[end + 1] == b'\n';
                self.rest = bytes.split_off(end + 1 + usize::from(pair));
                break;
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let text = text::piece(bytes, std::mem::take(&mut self.first), self.input.site())?;
        let first = self.line;
        self.line += text.iter().filter(|&&b| b == b'\n').count() as u64;
        Ok(Some((text, first)))
    }
}

/// Reads a table's lines.
pub(in crate::data) struct Lines<'a> {
    plan: &'a Plan,
    path: &'a Path,
    pieces: Pieces,
    reader: Option<(Reader<Cursor<Vec<u8>>>, u64)>,
    /// The case that comes next.
    at: usize,
}

impl<'a> Lines<'a> {
    pub fn open(path: &'a Path, plan: &'a Plan) -> Result<Self> {
        Ok(Lines { plan, path, pieces: Pieces::open(path)?, reader: None, at: 0 })
    }

    /// The next line of cells.
    fn record(&mut self) -> Result<Option<(ByteRecord, u64)>> {
        loop {
            if let Some((reader, first)) = &mut self.reader
                && let Some((record, line)) = next(reader, self.path)?
            {
                self.at += 1;
                return Ok(Some((record, *first - 1 + line)));
            }
            let begins = self.pieces.first;
            let Some((mut text, first)) = self.pieces.next()? else { return Ok(None) };
            match (begins, self.plan.form.blanks) {
                (true, _) => _ = form::find(&mut text),
                (false, true) => text = form::blanks_to_tabs(&text),
                (false, false) => {}
            }
            let mut reader = records(self.plan.form, Cursor::new(text));
            if begins && self.plan.named {
                next(&mut reader, self.path)?;
            }
            self.reader = Some((reader, first));
        }
    }

    /// How many cases there are from here to the end.
    pub fn count(mut self) -> Result<usize> {
        while self.record()?.is_some() {}
        Ok(self.at)
    }

    /// Goes to a case, by reading on or again from the start.
    pub fn go_to(&mut self, case: usize) -> Result<()> {
        if case < self.at {
            *self = Lines::open(self.path, self.plan)?;
        }
        while self.at < case && self.record()?.is_some() {}
        Ok(())
    }

    /// The next cases, as many as are asked for.
    pub fn read(&mut self, rows: usize, name: &str) -> Result<RawPart> {
        let mut table = self.plan.table(self.path);
        table.values.reserve_exact(rows * self.plan.width);
        for _ in 0..rows {
            let Some((record, line)) = self.record()? else {
                let detail = format!(
                    "the file ends after {} cases, and had more when they were counted; put it back, and go on with --resume",
                    self.at
                );
                return Err(Error::file(self.path, "end", detail));
            };
            table.row(&record, line)?;
        }
        self.plan.part(table, name)
    }
}
