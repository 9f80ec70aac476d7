//! How levels, and stacks as wholes, are trained.

use super::kinds::TunerName;
use crate::data::{Cases, ImageShape, Preprocessing};
use crate::error::{Error, Result};
use crate::jobs::rows::some_that_count;
use crate::models::UnitKind;
use crate::run::{Event, Observer};
use crate::training::{
    Augmentation, BackpropagationConfig, CdConfig, Distortion, Method, MinimizerConfig, Optimizer,
    Schedule,
};

/// Steps that L-BFGS remembers.
const PAIRS: usize = 10;

/// How levels are trained as machines.
pub struct Greedy<'a> {
    pub data: &'a str,
    pub epochs: u64,
    pub batch: usize,
    pub learning_rate: Option<&'a Schedule>,
    /// Else none.
    pub momentum: Option<&'a Schedule>,
    pub weight_decay: f32,
    pub cd: Option<u64>,
    pub pcd: Option<u64>,
    pub centered: bool,
    /// Whether a level begins with the weights of the one below, turned round.
    pub transposed: bool,
    /// What stands for the layers that a level lacks: how many times it counts what it gives downwards.
    pub gain: f32,
    pub seed: u64,
}

impl<'a> Greedy<'a> {
    /// By plain gradients at the usual rate, without decay.
    pub fn new(data: &'a str, epochs: u64, batch: usize, seed: u64) -> Self {
        Greedy {
            data,
            epochs,
            batch,
            learning_rate: None,
            momentum: None,
            weight_decay: 0.0,
            cd: None,
            pcd: None,
            centered: false,
            transposed: false,
            gain: 1.0,
            seed,
        }
    }
}

impl Greedy<'_> {
    /// Of a level of these units, counted from 0.
    pub fn machine(&self, units: [UnitKind; 2], level: u8) -> CdConfig {
        let [visible, hidden] = units;
        let plain = CdConfig::new(visible, hidden);
        let rate = match (self.learning_rate, self.data) {
            (Some(rate), _) => rate.clone(),
            // The bundled set is small: at 0.001 its few updates would leave Gaussian units where they began.
            (None, "digits") if units.contains(&UnitKind::Gaussian) => Schedule::constant(0.03),
            // Persistent chains follow a machine only where it moves slowly in the end.
            (None, _) if self.pcd.is_some() && !units.contains(&UnitKind::Gaussian) => {
                Schedule::Linear(0.05, 0.002)
            }
            (None, _) => plain.learning_rate.clone(),
        };
        plain
            .learning_rate(rate)
            .momentum(self.momentum.cloned().unwrap_or(Schedule::constant(0.0)))
            .weight_decay(self.weight_decay)
            .batch(self.batch)
            .epochs(self.epochs)
            .steps(self.cd.or(self.pcd).unwrap_or(1))
            .persistent(self.pcd.is_some())
            .centered(self.centered)
            .seed(self.seed)
            .level(level)
    }
}

/// How the whole is trained.
#[derive(Clone, Copy)]
pub struct FineTuning<'a> {
    pub optimizer: TunerName,
    pub epochs: u64,
    pub batch: usize,
    pub learning_rate: Option<&'a Schedule>,
    pub momentum: Option<&'a Schedule>,
    pub weight_decay: f32,
    pub line_searches: Option<usize>,
    /// Distortions of the pictures that it learns from; line searches take none.
    pub augment: Option<Augmentation>,
    pub seed: u64,
}

/// How the training pictures are distorted, which `observer` is told.
///
/// # Errors
/// [`Error::Setting`] for data that are no pictures, or of which each pixel is standardised by itself.
pub fn augmentation(
    distortion: Option<Distortion>,
    (cases, image): (&Cases, Option<ImageShape>),
    preprocessing: &Preprocessing,
    observer: &mut dyn Observer,
) -> Result<Option<Augmentation>> {
    let Some(distortion) = distortion.filter(|d| *d != Distortion::default()) else {
        return Ok(None);
    };
    let Some(ImageShape { height, width }) = image else {
        let detail = "distorts pictures, and the data are none; leave it out";
        return Err(Error::setting("augment", detail));
    };
    if preprocessing.mean.is_some() {
        let detail = "each pixel is standardised by itself, so that there is no value of what lies outside a picture; \
                      leave it out, or use --visible bernoulli";
        return Err(Error::setting("augment", detail));
    }
    let background = frame(cases, [height, width])?;
    observer.see(Event::Note(&format!(
        "training pictures of {height}×{width} are distorted by {distortion}; what lies outside of them is {background}"
    )));
    Ok(Some(Augmentation { distortion, background, picture: Some([1, height, width]) }))
}

/// Pictures whose frames are looked at.
const FRAMED: usize = 200;

/// What most of the pictures' frames is: the median of their outermost pixels.
fn frame(cases: &Cases, [height, width]: [usize; 2]) -> Result<f32> {
    let on_frame = |at: usize| {
        let (row, column) = (at / width, at % width);
        row == 0 || column == 0 || row + 1 == height || column + 1 == width
    };
    let some = some_that_count(cases, FRAMED)?;
    let values = some.to_f32().into_iter().enumerate();
    let frame = values.filter(|(at, _)| on_frame(at % (height * width).max(1)));
    let mut frame: Vec<f32> = frame.map(|(_, value)| value).collect();
    frame.sort_by(f32::total_cmp);
    Ok(frame.get(frame.len() / 2).copied().unwrap_or(0.0))
}

impl FineTuning<'_> {
    /// That no units are dropped where lines are searched.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check_dropped(&self, rates: [f32; 2]) -> Result<()> {
        match self.optimizer.searches() && rates.iter().any(|rate| *rate > 0.0) {
            false => Ok(()),
            true => {
                let detail = "drops other units in every pass, and a line search compares the losses of many passes; \
                              leave it out, or use --optimizer sgd or adam";
                Err(Error::setting("dropout", detail))
            }
        }
    }

    /// That what is said belongs to the optimiser, and lies in its range.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<()> {
        let name = self.optimizer.name();
        let belongs = |setting: &str, to: &str| {
            let detail = format!("belongs to {to}, and the optimizer is {name}; leave it out");
            Err(Error::setting(setting, detail))
        };
        if self.momentum.is_some() && self.optimizer != TunerName::Sgd {
            return belongs("momentum", "--optimizer sgd");
        }
        match (self.optimizer.searches(), self.learning_rate, self.line_searches) {
            (true, Some(_), _) => belongs("learning-rate", "--optimizer sgd and adam"),
            (false, _, Some(_)) => belongs("line-searches", "--optimizer cg and lbfgs"),
            (true, ..) => self.searching().check(),
            (false, ..) => self.stepping().check(),
        }
    }

    /// The learning rate, where the optimiser has one.
    pub fn rate(&self) -> Option<Schedule> {
        (!self.optimizer.searches()).then(|| self.stepping().learning_rate)
    }

    /// By steps along the gradient.
    pub fn stepping(&self) -> BackpropagationConfig {
        let plain = BackpropagationConfig::default();
        let optimizer = match self.optimizer {
            TunerName::Sgd => {
                let momentum = self.momentum.cloned().unwrap_or(Schedule::constant(0.9));
                Optimizer::Sgd { momentum, nesterov: false }
            }
            _ => Optimizer::adam(),
        };
        BackpropagationConfig {
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate.cloned().unwrap_or(plain.learning_rate.clone()),
            optimizer,
            weight_decay: self.weight_decay,
            augment: self.augment,
            seed: self.seed,
            ..plain
        }
    }

    /// By line searches.
    pub fn searching(&self) -> MinimizerConfig {
        let plain = MinimizerConfig::default();
        let method = match self.optimizer {
            TunerName::Lbfgs => Method::Lbfgs { pairs: PAIRS },
            _ => Method::ConjugateGradient,
        };
        MinimizerConfig {
            method,
            batch: self.batch,
            line_searches: self.line_searches.unwrap_or(plain.line_searches),
            weight_decay: self.weight_decay,
            seed: self.seed,
            ..plain
        }
    }
}
