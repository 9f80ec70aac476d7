//! What is done with a machine: chains, uploads, values as pictures show them.

use std::collections::BTreeMap;

use crate::data::{Cases, ImageShape, Preprocessing, Values};
use crate::device::Device;
use crate::error::Result;
use crate::models::{Chains, Rbm, UnitKind};
use crate::random::{ChainDraw, ChainStreams};
use crate::run::{RbmFile, resolve_model};
use crate::tensor::Tensor;

/// Cases or chains on the device at once.
const ROWS: usize = 4096;

/// The means of the visible units of `count` chains after `steps` Gibbs steps, from the biases' marginal.
pub fn chain_means(rbm: &Rbm, count: usize, steps: u64, seed: u64) -> Result<Vec<f32>> {
    let mut kept = Vec::new();
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        let draw = ChainDraw::new(seed, ChainStreams::FREE).from_chain(first as u32);
        let mut chains = Chains::start(rbm, rows, draw)?;
        chains.step(steps)?;
        kept.extend(chains.means()?.to_vec()?);
    }
    Ok(kept)
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
const BINARIZE_KEY: &str = "harmonium.binarize";
const IMAGE_KEY: &str = "harmonium.image";
const SEED_KEY: &str = "harmonium.seed";
const DATA_KEY: &str = "harmonium.data";
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

/// A machine of a run, and what was fitted to its training data.
pub struct Loaded {
    pub rbm: Rbm,
    pub preprocessing: Preprocessing,
    pub image: Option<ImageShape>,
    pub seed: u64,
}

/// The machine of a run folder.
pub fn load(folder: &std::path::Path, device: &Device) -> Result<Loaded> {
    let path = resolve_model(folder)?;
    let file = RbmFile::load(&path, None)?;
    let (i, j) = (file.visible_count, file.hidden_count);
    let rbm = Rbm::from_parts(
        file.visible,
        UnitKind::Bernoulli,
        Tensor::from_f32(device, &[i, j], &file.w)?,
        Tensor::from_f32(device, &[i], &file.b)?,
        Tensor::from_f32(device, &[j], &file.a)?,
    )?;
    let metadata = |key: &str| file.metadata.get(key);
    let binarize = metadata(BINARIZE_KEY).map(|text| text.parse()).transpose()?;
    let image = metadata(IMAGE_KEY).and_then(|text| {
        let (height, width) = text.split_once('x')?;
        let (height, width): (usize, usize) = (height.parse().ok()?, width.parse().ok()?);
        (height.checked_mul(width)? == i).then_some(ImageShape { height, width })
    });
    Ok(Loaded {
        rbm,
        image: image.or_else(|| ImageShape::guess(i)),
        seed: metadata(SEED_KEY).and_then(|s| s.parse().ok()).unwrap_or(1),
        preprocessing: Preprocessing { binarize, mean: file.data_mean, std: file.data_std },
    })
}
