//! Where results go.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::print::tell;
use crate::data::{self, BUNDLED};
use crate::error::{Error, Result};
use crate::jobs::{classifier_of, stack_of};
use crate::run::{self, resolve_model};

/// What a command reads: the option or argument that names it, and the file or folder, where it names one.
pub type Reads<'a> = [(&'static str, Option<&'a Path>)];

/// That the folder of a result is there, and that the result replaces nothing that the command reads.
fn check_place(option: &str, path: &Path, reads: &Reads<'_>) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let detail = format!("the folder {} does not exist", folder.display());
        return Err(Error::io("write", path, io::Error::new(io::ErrorKind::NotFound, detail)));
    }
    if !path.is_file() {
        return Ok(());
    }
    for (name, read) in reads {
        if let Some(file) = read.and_then(|read| read_there(name, read, path)) {
            let detail = format!(
                "{} is {} that {name} reads, and would be replaced by the result; write it to another file",
                path.display(),
                if file == path {
                    "the file".into()
                } else {
                    format!("the same file as {}", file.display())
                }
            );
            return Err(Error::setting(option, detail));
        }
    }
    Ok(())
}

/// Says what a result takes the place of, before it is written: nothing that is refused until then replaces anything.
pub fn tell_replaced(path: &Path) {
    if path.is_file() {
        tell(format_args!("note: {} is there already, and is replaced", path.display()));
    }
}

/// The file that is read at `read`, if that is the one at `out`: itself, a file of a data set's folder, or a model of a
/// run's.
fn read_there(name: &str, read: &Path, out: &Path) -> Option<PathBuf> {
    if read.to_str().is_some_and(|name| BUNDLED.contains(&name)) {
        return None;
    }
    if !read.is_dir() {
        return Some(read.to_path_buf()).filter(|file| is_same(file, out));
    }
    let models = [resolve_model(read).ok(), Some(stack_of(read)), Some(classifier_of(read))];
    let model = models.into_iter().flatten().find(|file| is_same(file, out));
    let averaged = || Some(read.join(run::AVERAGED)).filter(|file| is_same(file, out));
    let of_data = || {
        let (folder, file) = (read.canonicalize().ok()?, out.canonicalize().ok()?);
        let within = name == "--data" && file.starts_with(&folder);
        let own = file.file_name().and_then(OsStr::to_str)?;
        (within && data::is_part_name(own)).then(|| out.to_path_buf())
    };
    model.or_else(averaged).or_else(of_data)
}

/// Whether both are one file, through links too, as far as the system tells.
fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one == other || is_linked(&one, &other),
        _ => false,
    }
}

#[cfg(unix)]
fn is_linked(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |path: &Path| path.metadata().ok().map(|m| (m.is_file(), m.dev(), m.ino()));
    place(one).is_some_and(|(file, ..)| file) && place(one) == place(other)
}

#[cfg(not(unix))]
fn is_linked(_: &Path, _: &Path) -> bool {
    false
}

/// That a result can be written there is looked at before any work is done; `reads` is what the command reads.
pub fn check_out(path: &Path, extension: &str, reads: &Reads<'_>) -> Result<()> {
    check_named("out", (path, extension), reads)
}

/// The same of a result that another option names.
pub fn check_named(
    option: &str,
    (path, extension): (&Path, &str),
    reads: &Reads<'_>,
) -> Result<()> {
    if !is_of(path, extension) {
        let detail = format!("{} does not end in .{extension}", path.display());
        return Err(Error::setting(option, detail));
    }
    check_place(option, path, reads)
}

fn is_of(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// What a result is written as.
#[derive(Clone, Copy, PartialEq)]
pub enum Format {
    Npy,
    Png,
}

impl Format {
    /// What `path` asks for. That it can be written there is looked at before any work is done.
    pub fn of(path: &Path, png: bool, reads: &Reads<'_>) -> Result<Self> {
        let format = match (is_of(path, "npy"), is_of(path, "png") && png) {
            (true, _) => Format::Npy,
            (_, true) => Format::Png,
            _ => {
                let or = if png { " or .png" } else { "" };
                let detail = format!("{} must end in .npy{or}", path.display());
                return Err(Error::setting("out", detail));
            }
        };
        check_place("out", path, reads)?;
        Ok(format)
    }
}
