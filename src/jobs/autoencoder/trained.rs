//! Autoencoders between files and devices: what they make of cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::data::{Cases, DataSet, ImageShape, Part, Reading};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::choice::TrainedOn;
use crate::jobs::file::{Training, put_image, take_image, take_json};
use crate::jobs::rows::{ROWS, Reconstruction, map_rows, upload_rows};
use crate::jobs::{CaseScores, Choice, Chosen, Pieces};
use crate::layers::Workspace;
use crate::models::autoencoder::{AutoencoderSpec, ReconstructionLoss};
use crate::models::network::Tally;
use crate::models::{Autoencoder, Model};
use crate::ranks::Ranks;
use crate::run::{ModelFile, ModelKind, robust_range};
use crate::tensor::Tensor;

const SPEC_KEY: &str = "harmonium.autoencoder";

/// What an autoencoder was trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// How a case is shown as a picture.
    pub image: Option<ImageShape>,
    /// Of the training.
    pub seed: u64,
    /// What the data are called, where that is known.
    pub data: Option<String>,
    /// How they were read.
    pub reading: Reading,
    /// Further keys of its file, kept as they are.
    pub metadata: BTreeMap<String, String>,
}

impl Default for Origin {
    /// Of nothing that is known, with the seed 1, which is that of a file without one.
    fn default() -> Self {
        Origin {
            image: None,
            seed: 1,
            data: None,
            reading: Reading::default(),
            metadata: BTreeMap::new(),
        }
    }
}

impl Origin {
    /// An autoencoder of this origin as a file.
    ///
    /// # Errors
    /// Device errors.
    pub fn file(&self, model: &mut dyn Model) -> Result<ModelFile> {
        let mut file = ModelFile::of(model)?;
        file.metadata.extend(self.metadata.clone());
        Training::put(self.seed, self.data.as_deref(), &self.reading, &mut file);
        put_image(self.image, &mut file);
        Ok(file)
    }
}

/// Mean loss and squared error of some cases, by their weights.
#[derive(Debug, Clone, Copy)]
pub struct Scores {
    pub loss: f64,
    pub squared: f64,
}

/// Losses and squared errors of cases that come piece by piece.
#[derive(Debug, Default)]
struct Scored {
    losses: Vec<f64>,
    squared: Vec<f64>,
    /// 1 where cases have none.
    weights: Vec<f64>,
}

impl Scored {
    /// Adds what [`Scored::of`] found.
    fn add(&mut self, found: &[f64]) {
        let lists = found.chunks((found.len() / 3).max(1));
        let all = [&mut self.losses, &mut self.squared, &mut self.weights];
        all.into_iter().zip(lists).for_each(|(all, own)| all.extend(own));
    }

    /// Of each case its loss, then of each its squared error, then the weights.
    fn of(model: &Autoencoder, cases: &Cases) -> Result<Vec<f64>> {
        let device = model.device();
        let n = cases.len();
        let [mut loss, mut error] = [Tensor::zeros(device, &[n])?, Tensor::zeros(device, &[n])?];
        let mut space = Workspace::new();
        for row in (0..n).step_by(ROWS) {
            let x = upload_rows(device, cases, row, ROWS)?;
            let mut tally = Tally { loss: &mut loss, error: &mut error, row };
            model.score(&x, &mut tally, &mut space)?;
        }
        let scores = [loss.to_vec()?, error.to_vec()?].concat();
        let weights = (0..n).map(|case| cases.weight(case));
        Ok(scores.into_iter().map(f64::from).chain(weights).collect())
    }

    fn means(&self) -> Result<Scores> {
        let whole = self.weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let mean = |each: &[f64]| {
            each.iter().zip(&self.weights).map(|(x, weight)| weight * x).sum::<f64>() / whole
        };
        let scores = Scores { loss: mean(&self.losses), squared: mean(&self.squared) };
        match scores.loss.is_finite() && scores.squared.is_finite() {
            true => Ok(scores),
            false => Err(Error::data(
                "scores",
                "a case's error is not finite; the model's parameters are too large",
            )),
        }
    }
}

/// Scores every case.
pub fn evaluate(model: &Autoencoder, cases: &Cases) -> Result<Scores> {
    let mut scored = Scored::default();
    scored.add(&Scored::of(model, cases)?);
    scored.means()
}

/// How good an autoencoder is.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// What the data are called.
    pub data: String,
    /// Which part.
    pub split: &'static str,
    /// How many cases.
    pub cases: usize,
    /// Summed over values, the mean over cases.
    pub squared_error: f64,
    /// In nats, summed over values, the mean over cases; where that is the loss.
    pub cross_entropy: Option<f64>,
    /// What was found of each case: `squared_error`, and `cross_entropy` where that is the loss.
    #[serde(skip)]
    pub each_case: CaseScores,
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

/// An autoencoder on a device, and where it comes from.
#[derive(Debug)]
pub struct TrainedAutoencoder {
    /// The model.
    pub model: Autoencoder,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedAutoencoder {
    /// The autoencoder of a file.
    ///
    /// # Errors
    /// [`Error::File`], naming the tensor or the metadata key; [`Error::Setting`] where the description makes no
    /// autoencoder. Device errors.
    pub fn from_file(mut file: ModelFile, device: &Device) -> Result<Self> {
        file.check_kind(ModelKind::Autoencoder)?;
        let spec: AutoencoderSpec = take_json(&mut file, SPEC_KEY)?;
        let mut model = Autoencoder::new(device, &spec, 1)?;
        file.restore(&mut model)?;
        let Training { seed, data, reading } = Training::take(&mut file);
        let image = take_image(&mut file, spec.inputs);
        let metadata = std::mem::take(&mut file.metadata);
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        let origin = Origin { image, seed, data, reading, metadata };
        Ok(TrainedAutoencoder { model, origin, notices, path })
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cases as the autoencoder takes them.
    ///
    /// # Errors
    /// Those of [`data::load`](crate::data::load); [`Error::Setting`] where there is no such part; [`Error::Data`]
    /// where the cases have another width, or values that the loss does not take.
    pub fn cases(&self, choice: &Choice<'_>) -> Result<Chosen> {
        self.pieces(choice)?.whole()
    }

    /// The same, piece by piece where they are read in pieces.
    ///
    /// # Errors
    /// As [`TrainedAutoencoder::cases`].
    pub fn pieces(&self, choice: &Choice<'_>) -> Result<Pieces<'_>> {
        let Origin { data, reading, image, .. } = &self.origin;
        let trained_on = TrainedOn { data: data.as_deref(), reading, image: *image };
        let treat = |set, name: &str, part| self.treat(set, name, part);
        choice.pieces(trained_on, self.is_bounded(), treat)
    }

    /// Whether its data lie in [0, 1].
    fn is_bounded(&self) -> bool {
        self.model.spec().loss == ReconstructionLoss::CrossEntropy
    }

    /// The cases of one part of the data `name` as it takes them.
    fn treat(&self, set: DataSet, name: &str, part: Part) -> Result<Chosen> {
        let inputs = self.model.spec().inputs;
        if set.cases.width() != inputs {
            let detail =
                format!("{} values a case, and the autoencoder takes {inputs}", set.cases.width());
            return Err(Error::data(name, detail));
        }
        if self.is_bounded() {
            set.cases.check_unit_interval(name)?;
        }
        let DataSet { cases, labels, files, ground_chosen, notices, .. } = set;
        Ok(Chosen { cases, labels, data: name.into(), part, files, ground_chosen, notices })
    }

    /// What the encoder's layer `level` (counted from 1; the code where it is not given) gives for each case,
    /// `[cases, units]`, and how many units it has.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// [`Error::Setting`] for a level that there is not; device errors.
    pub fn transform(&self, cases: &Cases, level: Option<usize>) -> Result<(Vec<f32>, usize)> {
        let layers = &self.model.spec().layers;
        let level = level.unwrap_or(layers.len());
        let units = level.checked_sub(1).and_then(|at| layers.get(at)).copied();
        let units = units.ok_or_else(|| self.model.no_level(level))?;
        let values = map_rows(self.model.device(), cases, |x| self.model.encode_to(x, level))?;
        Ok((values, units))
    }

    /// There and back.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, cases: &Cases) -> Result<Reconstruction> {
        Reconstruction::of(self.model.device(), cases, |x| self.model.reconstruct(x))
    }

    /// What the decoder makes of codes, `[rows, I]` of `[rows, code units]`.
    ///
    /// # Errors
    /// [`Error::Data`] for codes of another width; device errors.
    pub fn decode(&self, codes: &[f32], units: usize) -> Result<Vec<f32>> {
        let expected = self.model.spec().layers.last().copied().unwrap_or(0);
        if units != expected {
            let detail = format!("{units} values a row, and the code has {expected} units");
            return Err(Error::data("codes", detail));
        }
        let mut out = Vec::new();
        for rows in codes.chunks(ROWS * units) {
            let codes = Tensor::from_f32(self.model.device(), &[rows.len() / units, units], rows)?;
            out.extend(self.model.decode(&codes)?.to_vec()?);
        }
        Ok(out)
    }

    /// How good it is on some cases.
    ///
    /// # Errors
    /// As [`TrainedAutoencoder::cases`]; device errors.
    pub fn evaluate(&self, choice: &Choice<'_>) -> Result<Evaluation> {
        self.evaluate_on(&Ranks::alone(), choice)
    }

    /// The same by ranks, which take pieces of the cases by turns; all of them have the result.
    ///
    /// # Errors
    /// As [`TrainedAutoencoder::evaluate`].
    pub fn evaluate_on(&self, ranks: &Ranks, choice: &Choice<'_>) -> Result<Evaluation> {
        let pieces = self.pieces(choice)?;
        let mut scored = Scored::default();
        let mut of = |piece: &Chosen, _| {
            Ok(bytemuck::cast_slice(&Scored::of(&self.model, &piece.cases)?).to_vec())
        };
        pieces.by_turns(ranks, &mut of, &mut |found| {
            scored.add(&bytemuck::pod_collect_to_vec::<u8, f64>(&found.bytes));
            Ok(())
        })?;
        let scores = scored.means()?;
        let each_case = CaseScores::new(pieces.files())
            .with("squared_error", Some(scored.squared))
            .with("cross_entropy", self.is_bounded().then_some(scored.losses));
        Ok(Evaluation {
            split: pieces.part_name(),
            cases: pieces.cases(),
            squared_error: scores.squared,
            cross_entropy: self.is_bounded().then_some(scores.loss),
            data: pieces.data().into(),
            each_case,
            notices: pieces.notices().to_vec(),
        })
    }

    /// What black and white are in a picture of such values.
    pub fn range(&self, values: &[f32]) -> (f32, f32) {
        match values.iter().all(|x| (0.0..=1.0).contains(x)) {
            true => (0.0, 1.0),
            false => robust_range(values),
        }
    }

    /// The (height, width) of a case.
    pub fn image_shape(&self) -> Option<(usize, usize)> {
        self.origin.image.map(|i| (i.height, i.width))
    }
}
