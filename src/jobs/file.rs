//! What model files say beside a model's description: of its training, its data, and what is done to them first.

use serde::de::DeserializeOwned;

use crate::data::{Binarize, ImageShape, Preprocessing, Reading};
use crate::error::{Error, Result};
use crate::models::HostArray;
use crate::run::ModelFile;

/// What a model file says of the training.
pub(super) struct Training {
    pub seed: u64,
    /// What the data are called.
    pub data: Option<String>,
    pub reading: Reading,
}

const SEED_KEY: &str = "harmonium.seed";
const DATA_KEY: &str = "harmonium.data";
const READING_KEY: &str = "harmonium.reading";

impl Training {
    /// Takes its keys out of a file's metadata; the seed is 1 where there is none.
    pub fn take(file: &mut ModelFile) -> Self {
        let mut key = |key: &str| file.metadata.remove(key);
        let seed = key(SEED_KEY).and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let reading = key(READING_KEY).and_then(|json| serde_json::from_str(&json).ok());
        Training { seed, data: key(DATA_KEY), reading: reading.unwrap_or_default() }
    }

    pub fn put(seed: u64, data: Option<&str>, reading: &Reading, file: &mut ModelFile) {
        file.metadata.insert(SEED_KEY.into(), seed.to_string());
        file.metadata.extend(data.map(|data| (DATA_KEY.into(), data.into())));
        let said = (*reading != Reading::default()).then(|| serde_json::to_string(reading).ok());
        file.metadata.extend(said.flatten().map(|json| (READING_KEY.into(), json)));
    }
}

const IMAGE_KEY: &str = "harmonium.image";

/// Says in a file how a case is shown as a picture.
pub(super) fn put_image(image: Option<ImageShape>, file: &mut ModelFile) {
    let size = |ImageShape { height, width }| (IMAGE_KEY.into(), format!("{height}x{width}"));
    file.metadata.extend(image.map(size));
}

/// Takes out what a file says of that; `None` where it is no size of a case of so many values.
pub(super) fn take_image(file: &mut ModelFile, values: usize) -> Option<ImageShape> {
    let text = file.metadata.remove(IMAGE_KEY)?;
    let (height, width) = text.split_once('x')?;
    let (height, width): (usize, usize) = (height.parse().ok()?, width.parse().ok()?);
    (height.checked_mul(width)? == values).then_some(ImageShape { height, width })
}

/// Takes a key out of the metadata, and reads it as JSON.
pub(super) fn take_json<T: DeserializeOwned>(file: &mut ModelFile, key: &str) -> Result<T> {
    let place = format!("metadata {key}");
    let Some(text) = file.metadata.remove(key) else {
        return Err(file.wrong(place, "missing"));
    };
    serde_json::from_str(&text).map_err(|e| file.wrong(place, e.to_string()))
}

const BINARIZE_KEY: &str = "harmonium.binarize";
/// What was subtracted from each column of the data, and what it was then divided by.
const MEAN: &str = "data_mean";
const STD: &str = "data_std";

/// Says in a file what is done to data first.
pub(super) fn put_preprocessing(preprocessing: &Preprocessing, file: &mut ModelFile) {
    let Preprocessing { binarize, mean, std } = preprocessing;
    file.metadata.extend(binarize.map(|how| (BINARIZE_KEY.into(), how.to_string())));
    for (name, values) in [(MEAN, mean), (STD, std)] {
        file.tensors.extend(values.clone().map(|values| {
            let shape = vec![values.len()];
            (name.to_string(), HostArray { shape, values })
        }));
    }
}

/// Takes out what a file says of that.
pub(super) fn take_preprocessing(file: &mut ModelFile) -> Result<Preprocessing> {
    let mut values = |name: &str| file.tensors.remove(name).map(|array| array.values);
    let (mean, std) = (values(MEAN), values(STD));
    let binarize: Option<Binarize> = match file.metadata.remove(BINARIZE_KEY) {
        Some(text) => {
            let wrong = |e: Error| file.wrong(format!("metadata {BINARIZE_KEY}"), e.to_string());
            Some(text.parse().map_err(wrong)?)
        }
        None => None,
    };
    Ok(Preprocessing { binarize, mean, std })
}
