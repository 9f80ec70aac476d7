//! The classes of an autoencoder's cases, and what lies below a classifier of them.

use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::jobs::loading::Source;
use crate::jobs::network::check_classes;
use crate::models::Autoencoder;
use crate::tensor::Tensor;
use crate::training::ResidentData;

/// The classes of the cases, where they are known.
pub struct Classes {
    pub names: Vec<String>,
    /// Of the training cases, those held out and the test cases.
    pub labels: [Option<Vec<u32>>; 3],
}

impl Classes {
    /// Those of the parts of the data.
    pub fn of(parts: [Option<&DataSet>; 3]) -> Self {
        let names = parts[0].map_or(Vec::new(), |train| train.classes.clone());
        Classes { names, labels: parts.map(|part| part.and_then(|set| set.labels.clone())) }
    }

    /// That a classifier can be trained.
    ///
    /// # Errors
    /// [`Error::Data`].
    pub fn check(&self, data: &str) -> Result<()> {
        if self.labels[0].is_none() {
            let detail = "has no labels, and a classifier needs them: --labels names a csv's column, or a file of labels";
            return Err(Error::data(data, detail));
        }
        check_classes(data, &self.names)
    }
}

/// The classifier's data on the device, and the autoencoder below it.
pub struct Below {
    pub autoencoder: Autoencoder,
    pub train: Source,
    pub held_out: Option<ResidentData>,
}

/// A tensor's first rows' labels; none where they are not known.
pub fn labels_of(labels: Option<&Vec<u32>>, rows: &Tensor) -> Vec<u32> {
    let count = rows.shape().dims().first().copied().unwrap_or(0);
    labels.map_or(Vec::new(), |labels| labels.iter().take(count).copied().collect())
}

/// The error that a job has no autoencoder yet.
pub fn too_early() -> Error {
    Error::run("autoencoder", "its levels are not trained yet")
}
