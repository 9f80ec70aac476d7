//! The options of every command that reads data.

use std::path::Path;

use clap::Args;

use crate::data::Reading;
use crate::error::{Error, Result};
use crate::jobs::{ARRAY_HELP, Choice, LABELS_HELP, Memory, SCALE_HELP};

/// How data are read that do not say it themselves.
#[derive(Args)]
pub struct ReadingOptions {
    #[arg(long, value_name = "COLUMN|FILE", help = LABELS_HELP)]
    pub labels: Option<String>,
    #[arg(long, value_name = "NAME", help = ARRAY_HELP)]
    pub array: Option<String>,
    #[arg(long, value_name = "MAX", help = SCALE_HELP)]
    pub scale: Option<f32>,
    /// Read the cases in pieces even where they fit in --memory: .npy, idx, .csv, .gz of these, and folders of part-*.npy
    #[arg(long)]
    pub stream: bool,
    /// Memory for cases: larger data are read in pieces [default: 2GiB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Memory>,
}

impl ReadingOptions {
    /// As the library takes it.
    pub fn reading(&self) -> Reading {
        Reading::of(self.labels.clone(), self.array.clone(), self.scale)
    }

    /// The files that are read for cases of `data`, as [`targets`](super::targets) takes them.
    pub fn reads<'a>(&'a self, data: Option<&'a str>) -> [(&'static str, Option<&'a Path>); 2] {
        [("--data", data.map(Path::new)), ("--labels", self.labels.as_deref().map(Path::new))]
    }

    /// Some cases of some data, whose labels are not needed, read so; `reading` is [`ReadingOptions::reading`].
    pub fn choice<'a>(&self, data: Option<&'a str>, reading: &'a Reading) -> Choice<'a> {
        let memory = self.memory.unwrap_or_default();
        let stream = self.stream;
        let choice = Choice { data, reading: Some(reading), stream, memory, ..Choice::default() };
        Choice { labels_optional: true, ..choice }
    }

    /// Refuses what says nothing of sequences, whose files have names of their own for everything.
    pub fn refuse_of_sequences(&self) -> Result<()> {
        let given = [
            ("labels", self.labels.is_some()),
            ("array", self.array.is_some()),
            ("scale", self.scale.is_some()),
            ("stream", self.stream),
            ("memory", self.memory.is_some()),
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
