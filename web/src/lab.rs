//! A machine that learns.

use harmonium::data::{self, Cases, DataSet, ImageShape, Reading};
use harmonium::evaluation::scores::reconstruction_error_async;
use harmonium::jobs::TrainedRbm;
use harmonium::jobs::rbm::Origin;
use harmonium::models::{Chains, Clamp, Rbm, UnitKind, Units};
use harmonium::random::{ChainDraw, ChainStreams};
use harmonium::run::ModelFile;
use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Schedule, Treatment};
use harmonium::{Device, Error, Result, Tensor};
use wasm_bindgen::prelude::*;

use crate::{Opened, error};

/// Cases that the reconstruction error is taken over, at most.
const SCORED: usize = 500;
/// Epochs that the rates are planned for; the page ends no training.
const EPOCHS: u64 = 1_000_000;
/// Steps before the average of a completion begins.
const BURN_IN: u64 = 100;
/// The most cases that are taken of a dropped file: a page is no place for more.
const MOST_CASES: usize = 20_000;

/// Data, a machine that learns them, and chains that dream.
#[wasm_bindgen]
pub struct Lab {
    device: Device,
    data: DataSet,
    image: ImageShape,
    scored: Tensor,
    batches: ResidentData,
    trainer: CdTrainer,
    config: CdConfig,
    dreams: Option<Dreams>,
    notices: Vec<String>,
}

/// Chains between two pictures of them.
struct Dreams {
    visible: Tensor,
    /// Steps that they have made.
    steps: u64,
}

/// What the page's controls say.
#[wasm_bindgen]
#[derive(Clone, Copy)]
pub struct Wishes {
    /// Hidden units.
    pub hidden: usize,
    /// The learning rate.
    pub rate: f32,
    /// Gibbs steps per update.
    pub steps: u32,
    /// PCD instead of CD.
    pub persistent: bool,
    /// Of weights, order and noise.
    pub seed: u32,
}

#[wasm_bindgen]
impl Wishes {
    /// The defaults.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default, reason = "JavaScript's constructor")]
    pub fn new() -> Wishes {
        Wishes { hidden: 64, rate: 0.1, steps: 1, persistent: false, seed: 1 }
    }
}

#[wasm_bindgen]
impl Lab {
    /// A lab on the bundled digits.
    pub fn digits(device: &Opened, wishes: &Wishes) -> std::result::Result<Lab, JsError> {
        let data = data::digits().map(|splits| splits.train).map_err(error)?;
        Lab::over(device, data, wishes).map_err(error)
    }

    /// A lab on a file's cases: idx, .npy or csv (each plain or .gz), PNG or JPEG.
    pub fn of_file(
        device: &Opened,
        name: &str,
        bytes: Vec<u8>,
        wishes: &Wishes,
    ) -> std::result::Result<Lab, JsError> {
        let splits = data::load_bytes(name, bytes, &Reading::default());
        let splits = splits.and_then(|mut splits| {
            splits.pictures_into_unit_interval()?;
            Ok(splits)
        });
        Lab::over(device, splits.map_err(error)?.train.limit(MOST_CASES), wishes).map_err(error)
    }

    fn over(device: &Opened, data: DataSet, wishes: &Wishes) -> Result<Lab> {
        let device = device.0.clone();
        data.cases.check_unit_interval(&data.name)?;
        let width = data.cases.width();
        let image = data.image.or_else(|| ImageShape::guess(width));
        let image = image.unwrap_or(ImageShape { height: 1, width });
        let scored = data.cases.clone().limit(SCORED);
        let scored = Tensor::from_f32(&device, &[scored.len(), width], &scored.to_f32())?;
        let batches = ResidentData::new(&device, &data.cases, Treatment::default())?;
        let config = config(wishes);
        let trainer = begin(&device, &data.cases, wishes, &config)?;
        let (notices, dreams) = (data.notices.clone(), None);
        Ok(Lab { device, data, image, scored, batches, trainer, config, dreams, notices })
    }

    /// Begins anew with another machine.
    pub fn restart(&mut self, wishes: &Wishes) -> std::result::Result<(), JsError> {
        let config = config(wishes);
        self.trainer = begin(&self.device, &self.data.cases, wishes, &config).map_err(error)?;
        (self.config, self.dreams) = (config, None);
        Ok(())
    }

    /// Up to `updates` updates, and waits for them: whether an epoch ended.
    pub async fn train(&mut self, updates: u32) -> std::result::Result<bool, JsError> {
        let mut left = updates;
        let go_on = |_: &mut dyn Learner, _: usize| {
            left = left.saturating_sub(1);
            Ok(left > 0)
        };
        let ended = self.trainer.epoch_while_async(&mut self.batches, go_on).await;
        let ended = ended.map_err(error)?.is_some();
        self.device.synchronize_async().await.map_err(error)?;
        Ok(ended)
    }

    /// Epochs that are done.
    pub fn epochs(&self) -> f64 {
        self.trainer.clock().epochs as f64
    }

    /// Updates that are done.
    pub fn updates(&self) -> f64 {
        self.trainer.clock().updates as f64
    }

    /// The reconstruction error of the first cases: squared, summed over the pixels, the mean of a case.
    pub async fn error(&self) -> std::result::Result<f64, JsError> {
        reconstruction_error_async(self.trainer.rbm(), &self.scored).await.map_err(error)
    }

    /// The weights, `[visible, hidden]`.
    pub async fn weights(&self) -> std::result::Result<Vec<f32>, JsError> {
        self.trainer.rbm().weights().to_vec_async().await.map_err(error)
    }

    /// Moves `count` free chains by `steps` steps: the means of their visible units. The same chains go on from call
    /// to call, also while the machine learns.
    pub async fn dream(
        &mut self,
        count: usize,
        steps: u32,
    ) -> std::result::Result<Vec<f32>, JsError> {
        let dreamt = self.dreamt(count, steps).map_err(error)?;
        dreamt.to_vec_async().await.map_err(error)
    }

    fn dreamt(&mut self, count: usize, steps: u32) -> Result<Tensor> {
        let rbm = self.trainer.rbm();
        let fits = |dreams: &Dreams| dreams.visible.shape().dims()[0] == count;
        let draw = ChainDraw::new(self.config.seed, ChainStreams::FREE);
        let (mut chains, before) = match self.dreams.take().filter(fits) {
            Some(Dreams { visible, steps }) => {
                (Chains::from_states(rbm, visible, draw.at(steps))?, steps)
            }
            None => (Chains::start(rbm, count, draw)?, 0),
        };
        chains.step(steps.into())?;
        let means = chains.means()?;
        let steps = before + u64::from(steps);
        self.dreams = Some(Dreams { visible: chains.into_visible(), steps });
        Ok(means)
    }

    /// What the machine makes of a picture of which some pixels are known (`mask` not 0): the mean of each pixel,
    /// averaged over `steps` steps of clamped Gibbs sampling.
    pub async fn complete(
        &self,
        values: Vec<f32>,
        mask: Vec<u8>,
        steps: u32,
    ) -> std::result::Result<Vec<f32>, JsError> {
        let completed = self.completed(&values, &mask, steps).map_err(error)?;
        completed.to_vec_async().await.map_err(error)
    }

    fn completed(&self, values: &[f32], mask: &[u8], steps: u32) -> Result<Tensor> {
        let rbm = self.trainer.rbm();
        let mask: Vec<bool> = mask.iter().map(|&known| known != 0).collect();
        let clamp = Clamp::new(rbm, &mask, values)?;
        let draw = ChainDraw::new(self.config.seed, ChainStreams::FREE);
        let mut chains = Chains::start(rbm, 1, draw)?.clamped(clamp)?;
        chains.step(BURN_IN)?;
        chains.average(steps.into())
    }

    /// `model.safetensors`, as the command writes it.
    pub async fn export(&mut self) -> std::result::Result<Vec<u8>, JsError> {
        let origin = Origin {
            image: Some(self.image),
            seed: self.config.seed,
            data: Some(self.data.name.clone()),
            ..Origin::default()
        };
        let file = origin.file_async(self.trainer.model()).await.map_err(error)?;
        file.to_bytes().map_err(error)
    }

    /// Goes on from the machine of a model file, with the settings of now. Its hidden units.
    pub fn import(&mut self, name: &str, bytes: &[u8]) -> std::result::Result<usize, JsError> {
        let rbm = self.imported(name, bytes).map_err(error)?;
        let hidden = rbm.hidden_count();
        let means = self.data.cases.means();
        self.trainer = CdTrainer::new(rbm, self.config.clone(), &means).map_err(error)?;
        self.dreams = None;
        Ok(hidden)
    }

    fn imported(&mut self, name: &str, bytes: &[u8]) -> Result<Rbm> {
        let file = ModelFile::from_bytes(name, bytes)?;
        let TrainedRbm { rbm, origin, notices, .. } =
            TrainedRbm::from_file(file, &self.device, None)?;
        let (found, wanted) = (rbm.visible_count(), self.data.cases.width());
        if found != wanted || rbm.visible().kind() != UnitKind::Bernoulli {
            let kind = rbm.visible().kind();
            let detail = format!(
                "it has {found} {kind} visible units, and the data on the page need {wanted} bernoulli ones; drop the data \
                 that it was trained on first"
            );
            return Err(Error::data(name, detail));
        }
        self.notices = notices;
        if origin.preprocessing.mean.is_some() {
            self.notices.push(format!("{name}: it was trained on standardised data"));
        }
        Ok(rbm)
    }

    /// What is to be said of the data or the file, line by line.
    pub fn notices(&self) -> String {
        self.notices.join("\n")
    }

    /// Rows of a case's picture.
    pub fn height(&self) -> usize {
        self.image.height
    }

    /// Columns of a case's picture.
    pub fn width(&self) -> usize {
        self.image.width
    }

    /// Cases.
    pub fn cases(&self) -> usize {
        self.data.cases.len()
    }

    /// A case.
    pub fn case(&self, number: usize) -> Vec<f32> {
        self.data.cases.row(number)
    }

    /// Hidden units.
    pub fn hidden(&self) -> usize {
        self.trainer.rbm().hidden_count()
    }
}

fn config(wishes: &Wishes) -> CdConfig {
    CdConfig::default()
        .learning_rate(Schedule::constant(wishes.rate))
        .steps(wishes.steps.into())
        .persistent(wishes.persistent)
        .seed(wishes.seed.into())
        .epochs(EPOCHS)
}

fn begin(device: &Device, cases: &Cases, wishes: &Wishes, config: &CdConfig) -> Result<CdTrainer> {
    let (visible, hidden) = (Units::bernoulli(cases.width()), Units::bernoulli(wishes.hidden));
    let mut rbm = Rbm::new(device, visible, hidden, wishes.seed.into())?;
    let means = cases.means();
    rbm.set_visible_bias_from_means(&means)?;
    CdTrainer::new(rbm, config.clone(), &means)
}
