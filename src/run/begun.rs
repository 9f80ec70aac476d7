//! When a run's folder is a new run's own: once it has learnt something.

use std::fs;

use super::folder::{LOCK, RunFolder};
use super::replaced;
use crate::error::Result;

impl RunFolder {
    /// The run has begun: what it replaced is let go.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begun(&mut self) -> Result<()> {
        match self.new.take() {
            Some(_) => replaced::let_go(&self.path),
            None => Ok(()),
        }
    }

    /// Of a run that has not begun: takes its files out of the folder again, and puts those back that they were to replace.
    /// What the folder is then, in words; `None` where the run has begun.
    pub fn undo(&mut self) -> Option<String> {
        let made = self.new.take()?;
        let path = self.path.display().to_string();
        self.metrics = None;
        let older = replaced::stands_aside(&self.path);
        let undone = match older {
            true => replaced::put_back(&self.path),
            false => replaced::remove_new(&self.path),
        };
        if let Err(error) = undone {
            return Some(format!(
                "nothing was learnt, and {path} could not be left as it was: {error}"
            ));
        }
        if made {
            // Where something else came to lie there it stays.
            let _ = fs::remove_file(self.path.join(LOCK)).and_then(|()| fs::remove_dir(&self.path));
        }
        Some(match older {
            true => format!("nothing was learnt; the older run in {path} is as it was"),
            false => format!("nothing was learnt, and nothing was left in {path}"),
        })
    }
}
