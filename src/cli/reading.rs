//! The options of every command that reads data.

use clap::Args;

use crate::data::Reading;
use crate::error::{Error, Result};
use crate::jobs::{ARRAY_HELP, LABELS_HELP, SCALE_HELP};

/// How data are read that do not say it themselves.
#[derive(Args)]
pub struct ReadingOptions {
    #[arg(long, value_name = "COLUMN|FILE", help = LABELS_HELP)]
    pub labels: Option<String>,
    #[arg(long, value_name = "NAME", help = ARRAY_HELP)]
    pub array: Option<String>,
    #[arg(long, value_name = "MAX", help = SCALE_HELP)]
    pub scale: Option<f32>,
}

impl ReadingOptions {
    /// As the library takes it.
    pub fn reading(&self) -> Reading {
        Reading::of(self.labels.clone(), self.array.clone(), self.scale)
    }

    /// Refuses what says nothing of sequences, whose files have names of their own for everything.
    pub fn refuse_of_sequences(&self) -> Result<()> {
        let given = [
            ("labels", self.labels.is_some()),
            ("array", self.array.is_some()),
            ("scale", self.scale.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => {
                let detail = "is about cases; sequences are read from letter.data, CRFsuite's items or a .npz of x, y and starts: leave it out";
                Err(Error::setting(*name, detail))
            }
            None => Ok(()),
        }
    }
}
