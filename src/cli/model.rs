//! Models between files and devices, and data made ready for them.

use std::collections::BTreeMap;

use super::args::{ModelOption, Split};
use super::print::tell;
use crate::data::{self, Binarize, Cases, DataSet, ImageShape, Part, Preprocessing, Values};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::{Rbm, UnitKind};
use crate::run::{RbmFile, resolve_model};
use crate::tensor::Tensor;

/// A model on a device, and what was fitted to its training data.
pub struct LoadedModel {
    pub rbm: Rbm,
    pub preprocessing: Preprocessing,
    pub image: Option<ImageShape>,
    pub seed: u64,
    /// What it was trained on, where the file says.
    pub data: Option<String>,
    name: String,
}

const BINARIZE_KEY: &str = "harmonium.binarize";
const IMAGE_KEY: &str = "harmonium.image";
const SEED_KEY: &str = "harmonium.seed";
const DATA_KEY: &str = "harmonium.data";

impl LoadedModel {
    pub fn open(option: &ModelOption, device: &Device) -> Result<Self> {
        let path = resolve_model(&option.model)?;
        let file = RbmFile::load(&path, option.visible)?;
        file.notices.iter().for_each(|n| tell(format!("note: {n}")));
        if let UnitKind::Softmax(_) = file.visible {
            let detail = format!("{}; the commands take bernoulli and gaussian ones", file.visible);
            return Err(Error::setting("visible units", detail));
        }
        let (i, j) = (file.visible_count, file.hidden_count);
        let rbm = Rbm::from_parts(
            file.visible,
            UnitKind::Bernoulli,
            Tensor::from_f32(device, &[i, j], &file.w)?,
            Tensor::from_f32(device, &[i], &file.b)?,
            Tensor::from_f32(device, &[j], &file.a)?,
        )?;
        let metadata = |key: &str| file.metadata.get(key);
        let binarize: Option<Binarize> = match metadata(BINARIZE_KEY) {
            Some(text) => Some(text.parse().map_err(|e: Error| {
                Error::file(&path, format!("metadata {BINARIZE_KEY}"), e.to_string())
            })?),
            None => None,
        };
        let image = metadata(IMAGE_KEY).and_then(|text| parse_image(text, i));
        Ok(LoadedModel {
            rbm,
            image: image.or_else(|| ImageShape::guess(i)),
            seed: metadata(SEED_KEY).and_then(|s| s.parse().ok()).unwrap_or(1),
            data: metadata(DATA_KEY).cloned(),
            preprocessing: Preprocessing { binarize, mean: file.data_mean, std: file.data_std },
            name: path.display().to_string(),
        })
    }

    /// The cases of `data` as the model was trained to see them.
    pub fn cases(&self, source: &str, split: Split, limit: Option<usize>) -> Result<Cases> {
        let splits = data::load(source)?;
        match (split, splits.test) {
            (Split::Train, _) => self.treat(source, splits.train, Part::Train, limit),
            (Split::Test, Some(test)) => self.treat(source, test, Part::Test, limit),
            (Split::Test, None) => Err(no_test_part(source)),
        }
    }

    /// The cases of one part of `source` as the model was trained to see them.
    pub fn treat(
        &self,
        source: &str,
        set: DataSet,
        part: Part,
        limit: Option<usize>,
    ) -> Result<Cases> {
        set.notices.iter().for_each(|n| tell(format!("note: {n}")));
        if limit == Some(0) {
            return Err(Error::setting("limit", "0 is too few; use at least 1"));
        }
        let set = limit.into_iter().fold(set, DataSet::limit);
        let (width, visible) = (set.cases.width(), self.rbm.visible_count());
        if width != visible {
            return Err(Error::data(
                source,
                format!("{width} values a case, and {} has {visible} visible units", self.name),
            ));
        }
        let cases = self.preprocessing.apply_for_evaluation(set.cases, self.seed, part)?;
        if self.rbm.visible().kind() == UnitKind::Bernoulli {
            cases.check_unit_interval(source)?;
        }
        Ok(cases)
    }

    /// Values as a person wants to see them: in the data's own scale. And what black and white are.
    pub fn for_picture(&self, values: &mut [f32]) -> Result<(f32, f32)> {
        for_picture(&self.preprocessing, self.rbm.visible().kind(), values)
    }

    pub fn image_shape(&self) -> Option<(usize, usize)> {
        self.image.map(|i| (i.height, i.width))
    }

    /// Says so where numbers are in the standardised space.
    pub fn tell_space(&self) {
        if self.preprocessing.mean.is_some() {
            tell(
                "note: the values are in the standardised space of the training data (mean 0, deviation 1)",
            );
        }
    }
}

/// What is said where the test part is asked for and there is none.
pub fn no_test_part(source: &str) -> Error {
    Error::setting("split", format!("{source} has no test part"))
}

/// Undoes the standardisation, and gives the values of black and white.
pub fn for_picture(
    preprocessing: &Preprocessing,
    visible: UnitKind,
    values: &mut [f32],
) -> Result<(f32, f32)> {
    preprocessing.undo(values)?;
    Ok(match visible {
        UnitKind::Bernoulli | UnitKind::Softmax(_) => (0.0, 1.0),
        UnitKind::Gaussian => crate::run::robust_range(values),
    })
}

fn parse_image(text: &str, visible: usize) -> Option<ImageShape> {
    let (height, width) = text.split_once('x')?;
    let (height, width): (usize, usize) = (height.parse().ok()?, width.parse().ok()?);
    (height.checked_mul(width)? == visible).then_some(ImageShape { height, width })
}

/// A machine as a file, with what was fitted to its data.
pub fn to_file(
    rbm: &Rbm,
    preprocessing: &Preprocessing,
    image: Option<ImageShape>,
    (seed, data): (u64, &str),
) -> Result<RbmFile> {
    let mut metadata = BTreeMap::from([
        (SEED_KEY.to_string(), seed.to_string()),
        (DATA_KEY.to_string(), data.to_string()),
    ]);
    if let Some(binarize) = preprocessing.binarize {
        metadata.insert(BINARIZE_KEY.into(), binarize.to_string());
    }
    if let Some(image) = image {
        metadata.insert(IMAGE_KEY.into(), format!("{}x{}", image.height, image.width));
    }
    Ok(RbmFile {
        visible: rbm.visible().kind(),
        visible_count: rbm.visible_count(),
        hidden_count: rbm.hidden_count(),
        w: rbm.weights().to_vec()?,
        b: rbm.visible_bias().to_vec()?,
        a: rbm.hidden_bias().to_vec()?,
        data_mean: preprocessing.mean.clone(),
        data_std: preprocessing.std.clone(),
        metadata,
        notices: Vec::new(),
    })
}

/// Up to `count` cases from number `first` on, uploaded as f32.
pub fn upload_rows(device: &Device, cases: &Cases, first: usize, count: usize) -> Result<Tensor> {
    let (n, d) = (count.min(cases.len() - first), cases.width());
    let span = first * d..(first + n) * d;
    let values: Vec<f32> = match cases.values() {
        Values::Bits(bits) => bits[span].iter().map(|&b| f32::from(b)).collect(),
        Values::U8 { values, scale } => {
            values[span].iter().map(|&x| f32::from(x) * scale).collect()
        }
        Values::F32(values) => values[span].to_vec(),
    };
    Tensor::from_f32(device, &[n, d], &values)
}
