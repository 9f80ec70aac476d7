//! Whole files, written so that nobody ever reads half of one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Writes `path` through `fill`: into a temporary file of the same folder, which is then flushed to
/// the disk and renamed over `path`. If anything fails, the temporary file is removed and an older
/// `path` stays as it was.
///
/// A link is followed, and the file it points at is replaced with its permissions kept. Something
/// that is not a plain file (a pipe, `/dev/null`) is written straight through: there is nothing in it
/// to protect, and renaming over it would destroy it.
///
/// # Errors
/// [`Error::Io`] with `path` and the first failure, `fill`'s own among them.
///
/// ```
/// # fn main() -> harmonium::Result<()> {
/// # let folder = std::env::temp_dir().join(format!("harmonium-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let path = folder.join("greeting.txt");
/// harmonium::run::atomic::write(&path, |out| out.write_all(b"hello"))?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"hello");
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok(())
/// # }
/// ```
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write(fill)?;
    file.finish()
}

/// A file that is written piece by piece, and appears once it is whole; as [`write()`] has it.
pub struct AtomicFile {
    path: PathBuf,
    // In this order: Windows removes no open file.
    out: BufWriter<File>,
    beside: Option<Beside>,
}

crate::error::opaque!(AtomicFile);

/// The file that is written in the place of another.
struct Beside {
    temporary: Temporary,
    target: PathBuf,
}

impl AtomicFile {
    /// Nothing appears at `path` before [`AtomicFile::finish`]; what was written is gone if that never comes.
    ///
    /// # Errors
    /// [`Error::Io`] with `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let (out, beside) = open(path).map_err(|source| Error::io("write", path, source))?;
        Ok(AtomicFile { path: path.into(), out: BufWriter::new(out), beside })
    }

    /// Writes through `fill`.
    ///
    /// # Errors
    /// [`Error::Io`] with the path and the first failure, `fill`'s own among them.
    pub fn write(&mut self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        fill(&mut self.out).map_err(|source| Error::io("write", &self.path, source))
    }

    /// Flushes it to the disk, and puts it in its place.
    ///
    /// # Errors
    /// [`Error::Io`] with the path.
    pub fn finish(self) -> Result<()> {
        let AtomicFile { path, out, beside } = self;
        finish(out, beside).map_err(|source| Error::io("write", path, source))
    }
}

fn finish(mut out: BufWriter<File>, beside: Option<Beside>) -> io::Result<()> {
    let Some(Beside { temporary, target }) = beside else { return out.flush() };
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    drop(file); // Windows renames no open file.
    temporary.rename_to(&target)
}

/// The file to write to, and what becomes of it; of what is no plain file the thing itself.
fn open(path: &Path) -> io::Result<(File, Option<Beside>)> {
    let old = match fs::metadata(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let target = match &old {
        Some(old) if old.is_dir() => {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        Some(old) if !old.is_file() => {
            return Ok((OpenOptions::new().write(true).open(path)?, None));
        }
        Some(_) => fs::canonicalize(path)?,
        None => path.to_path_buf(),
    };
    let (temporary, file) = Temporary::beside(&target)?;
    if let Some(old) = old {
        file.set_permissions(old.permissions())?;
    }
    Ok((file, Some(Beside { temporary, target })))
}

/// A file that removes itself unless it was renamed.
struct Temporary {
    path: PathBuf,
    done: bool,
}

impl Temporary {
    fn beside(target: &Path) -> io::Result<(Self, File)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
        loop {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            hidden.push(format!(".{}-{number}.tmp", std::process::id()));
            let path = target.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Temporary { path, done: false }, file)),
                // Left by a killed process with our number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn rename_to(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.done = true;
        sync_folder(target);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.done {
            // The failure that brought us here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the rename itself durable. Some file systems refuse to sync a folder; the file is in place
/// and whole by then, so that is no reason to call the write a failure.
#[cfg(unix)]
fn sync_folder(target: &Path) {
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if let Ok(folder) = File::open(parent) {
        let _ = folder.sync_all();
    }
}

#[cfg(not(unix))]
fn sync_folder(_target: &Path) {}
