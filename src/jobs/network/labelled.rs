//! Cases of known classes.

use crate::data::{Cases, DataSet, PictureInput};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::{ClassificationScore, Predictions, check_labels};
use crate::models::NetworkSpec;
use crate::training::{ResidentData, Treatment};

/// Cases in the network's size, with their labels.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// The cases.
    pub cases: Cases,
    /// The class of each.
    pub labels: Vec<u32>,
}

impl Labelled {
    /// How good what is said of them is, each case counting as much as its weight says where they have some.
    ///
    /// # Errors
    /// As [`Predictions::score`].
    pub fn score(&self, found: &Predictions) -> Result<ClassificationScore> {
        found.score_weighted(&self.labels, self.cases.weights().as_deref())
    }
}

/// The cases of a set as a network sees them, with their labels.
///
/// # Errors
/// [`Error::Data`] where there are none, or the cases are no pictures.
pub fn labelled(set: &DataSet, input: &PictureInput) -> Result<Labelled> {
    let Some(labels) = set.labels.clone() else {
        return Err(Error::data(
            &set.name,
            "has no labels, and a classifier needs them: --labels names a csv's column, or a file of labels; a folder in \
             MNIST's naming has train-labels-idx1-ubyte beside the pictures",
        ));
    };
    Ok(Labelled { cases: input.prepare(set)?, labels })
}

/// A part of the data `name` on the device, in batches of the network's pictures.
///
/// # Errors
/// [`Error::Data`] for a class that the network does not know; device errors.
pub fn resident(
    device: &Device,
    part: &Labelled,
    input: &PictureInput,
    spec: &NetworkSpec,
    name: &str,
) -> Result<ResidentData> {
    check_labels(name, &part.labels, spec.classes)?;
    ResidentData::new(device, &part.cases, spread(input, part.cases.width()))?
        .with_labels(&part.labels)?
        .with_case_dims(&spec.input)
}

/// What is done on the device to cases of so many values: they are spread to the network's range.
pub fn spread(input: &PictureInput, width: usize) -> Treatment {
    let (mean, deviation) = input.spread();
    Treatment { standardize: Some((vec![mean; width], vec![deviation; width])), resample: None }
}
