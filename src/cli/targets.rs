//! Where results go.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// That the folder of a result is there.
pub fn check_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => {
            let detail = format!("the folder {} does not exist", folder.display());
            Err(Error::io("write", path, io::Error::new(io::ErrorKind::NotFound, detail)))
        }
    }
}

/// That a result can be written there is looked at before any work is done.
pub fn check_out(path: &Path, extension: &str) -> Result<()> {
    if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension)) {
        let detail = format!("{} does not end in .{extension}", path.display());
        return Err(Error::setting("out", detail));
    }
    check_folder(path)
}
