//! An older run that a new one is to replace: its files stand aside until the new one is known to begin.
//!
//! A new run takes its memory up to its first update; until then it may turn out that it is too large for the
//! device. Its files lie in the folder by then, and those of the older run in `.replaced` there, `config.toml` the last to
//! go and the first to come back: whoever finds both knows that the new run never began. `.dropped` is what was replaced,
//! on its way out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{CONFIG, FILES};
use crate::error::{Error, Result};

const ASIDE: &str = ".replaced";
const DROPPED: &str = ".dropped";

/// Whether a name in a run's folder is of an older run that stands aside.
pub(super) fn is_aside(name: &str) -> bool {
    name == ASIDE || name == DROPPED
}

fn removed(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

fn moved(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("move", from, e)),
        _ => Ok(()),
    }
}

/// The names of a run's files, `config.toml` at the beginning.
fn names() -> impl DoubleEndedIterator<Item = &'static str> {
    [CONFIG].into_iter().chain(FILES.iter().copied().filter(|name| *name != CONFIG))
}

/// Puts the older run of a folder aside.
pub(super) fn put_aside(folder: &Path) -> Result<()> {
    let aside = folder.join(ASIDE);
    fs::create_dir_all(&aside).map_err(|e| Error::io("create", &aside, e))?;
    names().rev().try_for_each(|name| moved(&folder.join(name), &aside.join(name)))
}

/// Whether an older run stands aside.
pub(super) fn stands_aside(folder: &Path) -> bool {
    folder.join(ASIDE).is_dir()
}

/// Puts the older run back in the place of what a new one has written so far.
pub(super) fn put_back(folder: &Path) -> Result<()> {
    drop_rest(folder)?;
    let aside = folder.join(ASIDE);
    if !aside.is_dir() {
        return Ok(());
    }
    if aside.join(CONFIG).is_file() {
        remove_new(folder)?;
    }
    names().try_for_each(|name| moved(&aside.join(name), &folder.join(name)))?;
    fs::remove_dir(&aside).map_err(|e| Error::io("remove", aside, e))
}

/// Removes what a run has written into a folder.
pub(super) fn remove_new(folder: &Path) -> Result<()> {
    names().try_for_each(|name| removed(&folder.join(name)))
}

/// Lets the older run go: the new one has begun.
pub(super) fn let_go(folder: &Path) -> Result<()> {
    moved(&folder.join(ASIDE), &folder.join(DROPPED))?;
    drop_rest(folder)
}

fn drop_rest(folder: &Path) -> Result<()> {
    let dropped: PathBuf = folder.join(DROPPED);
    if !dropped.is_dir() {
        return Ok(());
    }
    names().try_for_each(|name| removed(&dropped.join(name)))?;
    fs::remove_dir(&dropped).map_err(|e| Error::io("remove", dropped, e))
}
