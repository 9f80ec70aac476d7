//! When a run's folder is a new run's own: once it has learnt something.
//!
//! A new run takes its memory up to its first update; until then it may turn out that it is too large for the device. So an
//! older run in the same folder stays as it is until then, and what a new folder holds is taken out again.

use std::fs;

use super::files::FILES;
use super::folder::{LOCK, New, RunFolder};
use crate::error::Result;

impl RunFolder {
    /// Removes a file that no longer tells of this run, where there is one.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn forget(&self, name: &str) -> Result<()> {
        match self.path.join(name).exists() {
            true => self.remove(name),
            false => Ok(()),
        }
    }

    /// Whether an older run lies there until this one has begun.
    pub fn replaces(&self) -> bool {
        self.new.is_some_and(|new| new.replaces)
    }

    /// The run has begun: the files of an older one that it replaces are removed. Whether there was one.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn begun(&mut self) -> Result<bool> {
        let replaces = self.new.take().is_some_and(|new| new.replaces);
        if replaces {
            FILES.iter().try_for_each(|name| self.forget(name))?;
        }
        Ok(replaces)
    }

    /// Of a run that has not begun: takes its files out of a folder again that was its own. What the folder is then, in
    /// words; `None` where the run has begun.
    pub fn undo(&mut self) -> Option<String> {
        let New { made, replaces } = self.new.take()?;
        let path = self.path.display().to_string();
        if replaces {
            return Some(format!("nothing was learnt; the older run in {path} is as it was"));
        }
        self.metrics = None;
        if let Err(error) = FILES.iter().try_for_each(|name| self.forget(name)) {
            return Some(format!(
                "nothing was learnt, and {path} could not be left as it was: {error}"
            ));
        }
        if made {
            // Where something else came to lie there it stays.
            let _ = fs::remove_file(self.path.join(LOCK)).and_then(|()| fs::remove_dir(&self.path));
        }
        Some(format!("nothing was learnt, and nothing was left in {path}"))
    }
}
