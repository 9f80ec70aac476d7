//! A file being read: unpacked if it is gzipped, and never believed before it was measured.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use super::gzip::Members;
use super::kind::LOOKED_AT;
use crate::error::{Error, Result};

/// Deflate turns one byte into 1,032 at most.
const DEFLATE_RATIO: u64 = 1032;

/// A file, as errors name places in it.
#[derive(Debug, Clone)]
pub(super) struct Site {
    path: PathBuf,
    gzipped: bool,
}

impl Site {
    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is packed, so that its bytes come in their order alone.
    pub(super) fn gzipped(&self) -> bool {
        self.gzipped
    }

    /// An error at byte `at`, counted from 0.
    pub(super) fn error(&self, at: u64, detail: impl Into<String>) -> Error {
        let unpacked = if self.gzipped { " of the unpacked data" } else { "" };
        Error::file(&self.path, format!("byte {at}{unpacked}"), detail)
    }
}

/// The rest of a file, with the place reached.
pub(super) struct Input<'a> {
    site: Site,
    reader: Box<dyn Read + 'a>,
    start: Vec<u8>,
    position: u64,
    /// The length on disk, where the file has one (a pipe has none).
    length: Option<u64>,
}

impl<'a> Input<'a> {
    /// Opens a file, and looks at its first bytes: gzip is known by its magic number, not by a name.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        let metadata = file.metadata().map_err(|e| Error::io("read", path, e))?;
        let length = metadata.is_file().then_some(metadata.len());
        Input::new(path, Box::new(BufReader::with_capacity(1 << 16, file)), length)
    }

    /// The contents of a file that a program has in memory.
    pub(super) fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let length = bytes.len() as u64;
        Input::new(path, Box::new(Cursor::new(bytes)), Some(length))
    }

    /// A file compiled into this crate.
    pub(super) fn bundled(name: &str, bytes: &'static [u8]) -> Result<Self> {
        Input::new(Path::new(name), Box::new(bytes), Some(bytes.len() as u64))
    }

    /// A member of an archive, of so many bytes.
    pub(super) fn member(path: &Path, reader: impl Read + 'a, length: u64) -> Result<Self> {
        Input::new(path, Box::new(reader), Some(length))
    }

    fn new(path: &Path, reader: Box<dyn Read + 'a>, length: Option<u64>) -> Result<Self> {
        let site = Site { path: path.to_path_buf(), gzipped: false };
        let mut input = Input { site, reader, start: Vec::new(), position: 0, length };
        let magic = input.read_up_to(2)?;
        input.site.gzipped = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(input.reader);
        input.reader = if input.site.gzipped {
            Box::new(Members::new(BufReader::new(whole)))
        } else {
            Box::new(whole)
        };
        input.position = 0;
        input.start = input.read_up_to(LOOKED_AT as u64)?;
        input.reader = Box::new(Cursor::new(input.start.clone()).chain(input.reader));
        input.position = 0;
        Ok(input)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.site.path
    }

    /// The file, for errors that are found later.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Its (unpacked) first bytes, as many as [`kind`](super::kind) looks at.
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }

    /// How far it was read, in unpacked bytes.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// An error at byte `at`, counted from 0.
    pub(super) fn error(&self, at: u64, detail: impl Into<String>) -> Error {
        self.site.error(at, detail)
    }

    /// The next `n` bytes of a header; `what` says of which.
    pub(super) fn header(&mut self, n: u64, what: &str) -> Result<Vec<u8>> {
        let bytes = self.read_up_to(n)?;
        if (bytes.len() as u64) < n {
            let detail = format!("the file ends within {what}; it is truncated or another format");
            return Err(self.error(self.position, detail));
        }
        Ok(bytes)
    }

    /// Exactly `claimed` bytes up to the end of the file. `promise` says what claims them.
    ///
    /// The claim is held against the file's length before anything is allocated; where the length is not
    /// known the buffer grows with what is there.
    pub(super) fn payload(&mut self, claimed: u64, promise: &str) -> Result<Vec<u8>> {
        self.check_claim(claimed, promise)?;
        let begin = self.position;
        let mut bytes = self.read_up_to(claimed.saturating_add(1))?;
        let found = bytes.len() as u64;
        if found < claimed {
            return Err(self.error(
                self.position,
                format!("the file ends here, {found} bytes after its header, which promises {claimed} ({promise}); it is truncated"),
            ));
        }
        if found > claimed {
            return Err(self.error(
                begin + claimed,
                format!("the data promised by the header end here ({claimed} bytes: {promise}), and more bytes follow; the header or the file is wrong"),
            ));
        }
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    /// The next bytes, as many as are asked for but at the end of the file.
    pub(super) fn some(&mut self, n: u64) -> Result<Vec<u8>> {
        self.read_up_to(n)
    }

    /// That the file ends here, after what its header promised.
    pub(super) fn end(&mut self, promise: &str) -> Result<()> {
        let at = self.position;
        match self.read_up_to(1)?.is_empty() {
            true => Ok(()),
            false => {
                let detail = format!(
                    "the data promised by the header end here ({promise}), and more bytes follow; the header or the file is wrong"
                );
                Err(self.error(at, detail))
            }
        }
    }

    /// What is left of the file, at most `most` bytes.
    pub(super) fn rest(&mut self, most: u64) -> Result<Vec<u8>> {
        let bytes = self.read_up_to(most.saturating_add(1))?;
        if bytes.len() as u64 > most {
            let detail = format!("the file has more than the {} MiB that are read", most >> 20);
            return Err(self.error(most, detail));
        }
        Ok(bytes)
    }

    /// That the file can hold so many bytes, by its length.
    pub(super) fn check_claim(&self, claimed: u64, promise: &str) -> Result<()> {
        let Some(length) = self.length else { return Ok(()) };
        if self.site.gzipped {
            let most = length.saturating_mul(DEFLATE_RATIO);
            if claimed > most {
                return Err(self.error(
                    self.position,
                    format!("the header promises {claimed} bytes ({promise}), more than {length} bytes of gzip can hold"),
                ));
            }
            return Ok(());
        }
        let held = length.saturating_sub(self.position);
        if claimed > held {
            return Err(self.error(
                length,
                format!("the file ends here, {held} bytes after its header, which promises {claimed} ({promise}); it is truncated"),
            ));
        }
        Ok(())
    }

    /// Up to `n` bytes, fewer only at the end of the file. The buffer grows with what is there.
    fn read_up_to(&mut self, n: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let outcome = (&mut self.reader).take(n).read_to_end(&mut bytes);
        self.position += bytes.len() as u64;
        match outcome {
            Ok(_) => Ok(bytes),
            Err(e) => Err(self.failed(e)),
        }
    }

    fn failed(&self, e: io::Error) -> Error {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match e.kind() {
            UnexpectedEof if self.site.gzipped => {
                self.error(self.position, "the gzip stream ends early; the file is truncated")
            }
            InvalidData | InvalidInput if self.site.gzipped => {
                self.error(self.position, format!("the gzip stream is damaged ({e})"))
            }
            _ => Error::io("read", &self.site.path, e),
        }
    }
}
