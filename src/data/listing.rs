//! What a folder holds.

use std::fs;
use std::path::{Path, PathBuf};

/// The entries of a folder but for hidden ones, sorted.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let hidden = |path: &PathBuf| {
        path.file_name().is_none_or(|name| name.to_string_lossy().starts_with(['.', '_']))
    };
    let all = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = all.filter(|path| !hidden(path)).collect();
    paths.sort();
    paths
}

/// The folders in a folder.
pub(super) fn folders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.is_dir()).collect()
}
