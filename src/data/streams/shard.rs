//! The files of a stream: read from their first case on or, where they are plain arrays, from any.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::data::array::Layout;
use crate::data::csv::{Lines, Plan};
use crate::data::input::{Input, Site};
use crate::data::kind::Kind;
use crate::data::labels::{RawPart, check_count};
use crate::data::layout;
use crate::data::reading::Reading;
use crate::data::{file, idx, npy};
use crate::error::{Error, Result};

/// The files of some cases.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct ShardFiles {
    /// The cases.
    pub cases: PathBuf,
    /// Their labels, where those stand in a file of their own.
    pub labels: Option<PathBuf>,
}

/// One file of cases, opened and measured.
pub(super) struct Shard {
    form: Form,
    stamp: Stamp,
    /// How many cases it has.
    pub n: usize,
}

enum Form {
    Arrays { cases: Array, labels: Option<Array> },
    Table { path: PathBuf, plan: Plan },
}

/// What tells that a file was changed.
#[derive(Debug, Clone, PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
        Ok(Stamp { length: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// An array whose header was read.
struct Array {
    site: Site,
    layout: Layout,
    big_endian: bool,
    /// Where its sizes and its values stand.
    dims_at: u64,
    data_at: u64,
}

impl Array {
    fn open(path: &Path, of_cases: bool) -> Result<Self> {
        let (mut input, kind) = file::open(path)?;
        let (layout, big_endian, dims_at) = match kind {
            Kind::Idx => (idx::header(&mut input)?, true, 4),
            Kind::Npy => npy::stream_header(&mut input, of_cases)?,
            _ => {
                let detail = "only .npy and idx arrays and .csv tables (and .gz of these) are read in pieces";
                return Err(input.error(0, detail));
            }
        };
        let data_at = input.position();
        input.check_claim(layout.bytes, &layout.promise())?;
        let array = Array { site: input.site().clone(), layout, big_endian, dims_at, data_at };
        if !array.site.gzipped() {
            let (end, length) = (data_at + array.layout.bytes, Stamp::of(path)?.length);
            if length > end {
                let detail = format!(
                    "the data promised by the header end here ({}), and {} bytes follow; the header or the file is wrong",
                    array.layout.promise(),
                    length - end
                );
                return Err(array.site.error(end, detail));
            }
        }
        Ok(array)
    }

    /// What its values take as they are held.
    fn held_bytes(&self) -> u64 {
        let each = if self.layout.is_bytes() { 1 } else { 4 };
        each * (self.layout.n as u64) * (self.layout.d as u64)
    }
}

/// An array's rows, in their order.
struct Rows<'a> {
    array: &'a Array,
    reader: Reader,
    /// The row that comes next.
    at: usize,
}

enum Reader {
    Plain(File),
    Packed(Box<Input<'static>>),
}

impl<'a> Rows<'a> {
    fn open(array: &'a Array) -> Result<Self> {
        let path = array.site.path();
        let reader = match array.site.gzipped() {
            false => Reader::Plain(File::open(path).map_err(|e| Error::io("read", path, e))?),
            true => {
                let mut input = Input::open(path)?;
                input.header(array.data_at, "the header")?;
                Reader::Packed(Box::new(input))
            }
        };
        Ok(Rows { array, reader, at: 0 })
    }

    /// Where row `at` begins.
    fn place(&self, at: usize) -> u64 {
        self.array.data_at + at as u64 * self.array.layout.case_bytes()
    }

    fn read(&mut self, rows: usize) -> Result<Vec<u8>> {
        let (begin, wanted) = (self.place(self.at), rows as u64 * self.array.layout.case_bytes());
        let site = &self.array.site;
        let bytes = match &mut self.reader {
            Reader::Packed(input) => input.header(wanted, "its cases")?,
            Reader::Plain(file) => {
                let mut bytes = vec![0; wanted as usize];
                let read =
                    file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_exact(&mut bytes));
                match read {
                    Ok(()) => bytes,
                    Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                        let length = file.metadata().map_or(0, |m| m.len());
                        let detail = format!(
                            "the file ends here, and had cases up to byte {} when its header was read: it was cut off \
                             since; put it back, and go on with --resume",
                            self.array.data_at + self.array.layout.bytes
                        );
                        return Err(site.error(length, detail));
                    }
                    Err(e) => return Err(Error::io("read", site.path(), e)),
                }
            }
        };
        self.at += rows;
        Ok(bytes)
    }

    /// Goes to a row: of what is packed, by reading on, or again from the start.
    fn go_to(&mut self, row: usize) -> Result<()> {
        const AT_ONCE: u64 = 1 << 20;
        if let Reader::Packed(_) = self.reader {
            if row < self.at {
                *self = Rows::open(self.array)?;
            }
            let step = (AT_ONCE / self.array.layout.case_bytes().max(1)).max(1) as usize;
            while self.at < row {
                self.read(step.min(row - self.at))?;
            }
        }
        self.at = row;
        Ok(())
    }

    /// That nothing follows the last row of what is packed.
    fn end(&mut self) -> Result<()> {
        match &mut self.reader {
            Reader::Packed(input) if self.at == self.array.layout.n => {
                input.end(&self.array.layout.promise())
            }
            _ => Ok(()),
        }
    }
}

impl Shard {
    /// Opens a file of cases and that of their labels, and holds their headers against their lengths. The cases of a
    /// table are not counted yet.
    pub fn open(files: &ShardFiles, reading: &Reading) -> Result<Self> {
        let path = &files.cases;
        let stamp = Stamp::of(path)?;
        if file::open(path)?.1 == Kind::Text {
            let plan = Plan::of(path, reading)?;
            return Ok(Shard { form: Form::Table { path: path.clone(), plan }, stamp, n: 0 });
        }
        let cases = Array::open(path, true)?;
        let n = cases.layout.n;
        let labels = match &files.labels {
            Some(file) => {
                let labels = Array::open(file, false)?;
                check_count(file, labels.layout.n, path, n)?;
                Some(labels)
            }
            None => None,
        };
        Ok(Shard { form: Form::Arrays { cases, labels }, stamp, n })
    }

    /// Reads a table to its end to count its cases; an array's header has said it.
    pub fn count(&mut self) -> Result<usize> {
        if let Form::Table { path, plan } = &self.form {
            self.n = Lines::open(path, plan)?.count()?;
        }
        Ok(self.n)
    }

    pub fn path(&self) -> &Path {
        match &self.form {
            Form::Arrays { cases, .. } => cases.site.path(),
            Form::Table { path, .. } => path,
        }
    }

    /// Values of a case before anything is done to them.
    pub fn width(&self) -> usize {
        match &self.form {
            Form::Arrays { cases, .. } => cases.layout.d,
            Form::Table { plan, .. } => plan.width(),
        }
    }

    /// What an axis of a case means: arrays of one stream agree in it.
    pub fn axes(&self) -> String {
        match &self.form {
            Form::Arrays { cases, .. } => format!("cases of {}", cases.layout.case()),
            Form::Table { plan, .. } => format!("{} columns of data", plan.width()),
        }
    }

    /// The names of a table's columns of data.
    pub fn columns(&self) -> Vec<String> {
        match &self.form {
            Form::Arrays { .. } => Vec::new(),
            Form::Table { plan, .. } => plan.columns().to_vec(),
        }
    }

    pub fn has_labels(&self) -> bool {
        match &self.form {
            Form::Arrays { labels, .. } => labels.is_some(),
            Form::Table { plan, .. } => plan.has_labels(),
        }
    }

    /// Whether its cases come in their order alone.
    pub fn in_order_alone(&self) -> bool {
        match &self.form {
            Form::Arrays { cases, labels } => {
                cases.site.gzipped() || labels.as_ref().is_some_and(|labels| labels.site.gzipped())
            }
            Form::Table { .. } => true,
        }
    }

    /// What all its cases take as they are held: of a table a guess from its length.
    pub fn held_bytes(&self) -> u64 {
        match &self.form {
            Form::Arrays { cases, .. } => cases.held_bytes(),
            // Two bytes at least for a number and what follows it, and gzip makes a tenth of such text.
            Form::Table { plan, .. } => self.stamp.length * if plan.gzipped() { 20 } else { 2 },
        }
    }

    /// What a case takes while it is read, in bytes.
    pub fn case_bytes(&self) -> u64 {
        match &self.form {
            Form::Arrays { cases, .. } => {
                let numbers = if cases.layout.is_bytes() { 0 } else { 4 };
                cases.layout.case_bytes() + numbers * cases.layout.d as u64
            }
            Form::Table { plan, .. } => 16 * plan.width() as u64,
        }
    }

    /// That the file is the one that was opened.
    ///
    /// # Errors
    /// [`Error::File`] where its length or its time of change differ.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = Stamp::of(self.path())?;
        if now == self.stamp {
            return Ok(());
        }
        let what = match now.length == self.stamp.length {
            true => "it was written to".to_string(),
            false => format!("it had {} bytes, and has {} now", self.stamp.length, now.length),
        };
        let detail =
            format!("{what} while the training read it; put it back, and go on with --resume");
        Err(Error::file(self.path(), "file", detail))
    }
}

/// Reads a shard's cases.
pub(super) struct Cursor<'a> {
    shard: &'a Shard,
    rows: Source<'a>,
}

enum Source<'a> {
    Arrays { cases: Rows<'a>, labels: Option<Rows<'a>>, shape: (&'a Array, Option<&'a Array>) },
    Table(Box<Lines<'a>>),
}

impl<'a> Cursor<'a> {
    /// At the first case.
    pub fn open(shard: &'a Shard) -> Result<Self> {
        let rows = match &shard.form {
            Form::Arrays { cases, labels } => Source::Arrays {
                cases: Rows::open(cases)?,
                labels: labels.as_ref().map(Rows::open).transpose()?,
                shape: (cases, labels.as_ref()),
            },
            Form::Table { path, plan } => Source::Table(Box::new(Lines::open(path, plan)?)),
        };
        Ok(Cursor { shard, rows })
    }

    /// Goes to a case.
    pub fn go_to(&mut self, case: usize) -> Result<()> {
        match &mut self.rows {
            Source::Arrays { cases, labels, .. } => {
                cases.go_to(case)?;
                labels.as_mut().map_or(Ok(()), |labels| labels.go_to(case))
            }
            Source::Table(lines) => lines.go_to(case),
        }
    }

    /// The next cases, as many as are asked for.
    pub fn read(&mut self, rows: usize, name: &str) -> Result<RawPart> {
        let part = match &mut self.rows {
            Source::Table(lines) => lines.read(rows, name)?,
            Source::Arrays { cases, labels, shape: (array, label_array) } => {
                let begin = cases.place(cases.at);
                let layout = array.layout.of_cases(cases.at, rows);
                let bytes = cases.read(rows)?;
                let (values, notices) =
                    layout.decode(bytes, array.big_endian, &array.site, begin)?;
                let mut part =
                    layout::cases(values, &layout, &array.site, array.dims_at, name, notices)?;
                if let (Some(labels), Some(array)) = (labels, label_array) {
                    let begin = labels.place(labels.at);
                    let layout = array.layout.of_cases(labels.at, rows);
                    let bytes = labels.read(rows)?;
                    let (values, _) = layout.decode(bytes, array.big_endian, &array.site, begin)?;
                    let found = layout::labels(&values, &layout);
                    part.labels = Some(found.map_err(|detail| array.site.error(begin, detail))?);
                }
                part
            }
        };
        self.shard.check_unchanged()?;
        Ok(part)
    }

    /// That nothing follows the last case.
    pub fn end(&mut self) -> Result<()> {
        match &mut self.rows {
            Source::Arrays { cases, labels, .. } => {
                cases.end()?;
                labels.as_mut().map_or(Ok(()), Rows::end)
            }
            Source::Table(_) => Ok(()),
        }
    }
}
