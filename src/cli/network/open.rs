//! Trained classifiers, and data made ready for them.

use std::path::Path;

use crate::cli::args::Split;
use crate::cli::model::no_test_part;
use crate::cli::print::tell;
use crate::data::{self, Cases, DataSet, Part};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::check_labels;
use crate::models::Network;
use crate::run::{NetworkFile, resolve_model};

/// A classifier on a device, with its file.
pub struct Opened {
    pub network: Network,
    pub file: NetworkFile,
}

/// Cases as the network sees them.
pub struct Chosen {
    pub cases: Cases,
    /// Their classes, where the data have them.
    pub labels: Option<Vec<u32>>,
    /// What the data are called, and which part this is.
    pub data: String,
    pub part: Part,
}

impl Opened {
    pub fn open(model: &Path, device: &Device) -> Result<Self> {
        let path = resolve_model(model)?;
        let kind = crate::run::model_kind(&path)?;
        if kind == "rbm" {
            let detail =
                "a restricted Boltzmann machine, which has no classes; a network is expected";
            return Err(Error::file(path, "metadata harmonium.model", detail));
        }
        let file = NetworkFile::load(&path)?;
        let network = file.network(device).map_err(|e| match e {
            Error::Run { detail, .. } => Error::file(&path, "tensors", detail),
            e => e,
        })?;
        Ok(Opened { network, file })
    }

    /// Some cases of `data`, or of what the network was trained on; the test part, where there is one and no
    /// other is asked for.
    pub fn choose(
        &self,
        data: Option<&str>,
        split: Option<Split>,
        limit: Option<usize>,
    ) -> Result<Chosen> {
        if limit == Some(0) {
            return Err(Error::setting("limit", "0 is too few; use at least 1"));
        }
        let trained_on = self.file.metadata.get("harmonium.data");
        let Some(data) = data.or(trained_on.map(String::as_str)) else {
            let detail = "the model does not say what it was trained on; name the data";
            return Err(Error::setting("data", detail));
        };
        let splits = data::load(data)?;
        let (set, part) = match (split, splits.test) {
            (Some(Split::Train), _) => (splits.train, Part::Train),
            (Some(Split::Test), None) => return Err(no_test_part(data)),
            (_, Some(test)) => (test, Part::Test),
            // A file has one part, and that is what is asked for.
            (None, None) => (splits.train, Part::Train),
        };
        self.treat(limit.into_iter().fold(set, DataSet::limit), data, part)
    }

    fn treat(&self, set: DataSet, data: &str, part: Part) -> Result<Chosen> {
        set.notices.iter().for_each(|n| tell(format!("note: {n}")));
        if let Some(labels) = &set.labels {
            check_labels(&set.name, labels, self.file.classes.len())?;
        }
        let cases = self.file.input.prepare(&set)?;
        Ok(Chosen { cases, labels: set.labels, data: data.into(), part })
    }
}

impl Chosen {
    /// `test`, `training`, as a word.
    pub fn part_name(&self) -> &'static str {
        match self.part {
            Part::Train => "train",
            Part::Test => "test",
            Part::Validation => "validation",
        }
    }
}
