//! The levels of a stack as far as they are trained, and what the next one reads.

use web_time::Instant;

use super::figures::{LEVEL_ERROR, VALIDATION_LEVEL_ERROR};
use super::training::Greedy;
use super::transposed::begin_transposed;
use crate::data::Cases;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::loading::Source;
use crate::jobs::rows::SquaredError;
use crate::kernels::activation::Activation;
use crate::models::autoencoder::Level;
use crate::models::{Autoencoder, DeepBeliefNet, Rbm, UnitKind, Units};
use crate::tensor::Tensor;
use crate::training::{BatchSource, CdTrainer, Figures, LevelSource, LowerLevel, means_above};

/// Cases that a level's scores look at.
pub const SCORED: usize = 500;

/// Cases sent through a level at once to be scored.
const AT_ONCE: usize = 100;
/// Batches on which passes through lower levels are measured.
const MEASURED: usize = 20;

/// A level that is trained: its weights and biases.
pub struct Trained {
    pub weights: Tensor,
    pub visible_bias: Tensor,
    pub hidden_bias: Tensor,
    /// What leads back down, `[N, M]` too, if not `weights`: an autoencoder's decoder, an untied net's generative weights.
    pub back: Option<Tensor>,
}

impl Trained {
    /// Those of a machine.
    ///
    /// # Errors
    /// Device errors.
    pub fn of(rbm: &Rbm) -> Result<Self> {
        Ok(Trained {
            weights: rbm.weights().try_clone()?,
            visible_bias: rbm.visible_bias().try_clone()?,
            hidden_bias: rbm.hidden_bias().try_clone()?,
            back: None,
        })
    }

    /// Those of an autoencoder: its encoder's layers, each with the weights and the bias of the decoder's layer that
    /// undoes it.
    ///
    /// # Errors
    /// Device errors.
    pub fn of_layers(model: &Autoencoder) -> Result<Vec<Self>> {
        let parameters: Vec<&Tensor> = model.layers().parameters().map(|p| &p.value).collect();
        let layers: Vec<&[&Tensor]> = parameters.chunks_exact(2).collect();
        let (n, tied) = (model.spec().layers.len(), model.spec().tied);
        let level = |(encoder, decoder): (&&[&Tensor], &&[&Tensor])| {
            Ok(Trained {
                weights: encoder[0].try_clone()?,
                visible_bias: decoder[1].try_clone()?,
                hidden_bias: encoder[1].try_clone()?,
                back: (!tied).then(|| decoder[0].try_clone()).transpose()?,
            })
        };
        layers.iter().zip(layers.iter().rev()).take(n).map(level).collect()
    }

    /// Those of a deep belief net, from the data upwards.
    ///
    /// # Errors
    /// Device errors.
    pub fn of_net(net: &DeepBeliefNet) -> Result<Vec<Self>> {
        let level = |(number, rbm)| {
            let back = net.generative_weights(number).map(Tensor::try_clone).transpose()?;
            Ok(Trained { back, ..Trained::of(rbm)? })
        };
        (1..).zip(net.levels()).map(level).collect()
    }

    /// Its inputs and units.
    pub fn sizes(&self) -> [usize; 2] {
        [self.visible_bias.shape().len(), self.hidden_bias.shape().len()]
    }

    /// A copy.
    ///
    /// # Errors
    /// Device errors.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Trained {
            weights: self.weights.try_clone()?,
            visible_bias: self.visible_bias.try_clone()?,
            hidden_bias: self.hidden_bias.try_clone()?,
            back: self.back.as_ref().map(Tensor::try_clone).transpose()?,
        })
    }

    /// As unrolling takes it.
    pub fn level(&self) -> Level<'_> {
        let Trained { weights, visible_bias, hidden_bias, .. } = self;
        Level { weights, visible_bias, hidden_bias }
    }

    /// As a machine of these units.
    ///
    /// # Errors
    /// As [`Rbm::from_parts`].
    pub fn machine(self, [visible, hidden]: [UnitKind; 2]) -> Result<Rbm> {
        let Trained { weights, visible_bias, hidden_bias, .. } = self;
        Rbm::from_parts(visible, hidden, weights, visible_bias, hidden_bias)
    }
}

/// Cases as a level reads them, on the host: on the device is what training needs.
struct Seen {
    device: Device,
    values: Vec<f32>,
    width: usize,
    /// How much each counts, if they differ.
    weights: Option<Vec<f32>>,
}

impl Seen {
    fn of(device: &Device, cases: &Cases) -> Self {
        let (width, weights) = (cases.width(), cases.weights());
        Seen { device: device.clone(), values: cases.to_f32(), width, weights }
    }

    fn weight(&self, case: usize) -> f64 {
        let own = self.weights.as_ref().map(|weights| weights.get(case).copied());
        own.map_or(1.0, |weight| weight.map_or(0.0, f64::from))
    }

    /// What `f` makes of them, some at a time.
    fn map(&self, f: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let (mut values, mut width) = (Vec::new(), self.width);
        for part in self.values.chunks(AT_ONCE * self.width.max(1)) {
            let rows = part.len() / self.width.max(1);
            let made = f(&Tensor::from_f32(&self.device, &[rows, self.width], part)?)?;
            width = made.shape().matrix("a level", "the cases")?[1];
            values.extend(made.to_vec()?);
        }
        Ok(Seen { device: self.device.clone(), values, width, weights: self.weights.clone() })
    }
}

/// Levels that are trained, and the cases as the next one reads them.
pub struct Levels {
    /// What learners read.
    pub source: LevelSource<Source>,
    /// The first training cases and those held out, as the level under way reads them.
    seen: [Option<Seen>; 2],
    /// Of each level that is trained; the source has the rest of it.
    visible_biases: Vec<Tensor>,
}

impl Levels {
    /// None is trained yet. `seen` are some training cases and some held out; `sampled` is the seed of the states
    /// that levels give, else they give means.
    pub fn new(
        device: &Device,
        cases: Source,
        seen: [Option<Cases>; 2],
        sampled: Option<u64>,
    ) -> Self {
        let source = LevelSource::new(cases, sampled);
        let seen = seen.map(|cases| cases.map(|cases| Seen::of(device, &cases)));
        Levels { source, seen, visible_biases: Vec::new() }
    }

    /// How many levels are trained.
    pub fn count(&self) -> usize {
        self.visible_biases.len()
    }

    /// The levels that are trained.
    pub fn trained(&self) -> Vec<Level<'_>> {
        let pairs = self.source.levels().iter().zip(&self.visible_biases);
        pairs
            .map(|(level, visible_bias)| Level {
                weights: level.weights(),
                visible_bias,
                hidden_bias: level.bias(),
            })
            .collect()
    }

    /// Takes the levels out: the cases themselves come again.
    pub fn take(&mut self) -> Vec<Trained> {
        let levels = self.source.clear().into_iter().zip(self.visible_biases.drain(..));
        let trained = levels.map(|(level, visible_bias)| {
            let (weights, hidden_bias) = level.into_parts();
            Trained { weights, visible_bias, hidden_bias, back: None }
        });
        trained.collect()
    }

    /// Puts a level that is trained on top, whose units compute f.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where it does not fit what is below; device errors.
    pub fn push(&mut self, trained: Trained, f: Activation) -> Result<()> {
        let Trained { weights, visible_bias, hidden_bias, .. } = trained;
        let below = LowerLevel::new(weights, hidden_bias, f)?;
        for seen in self.seen.iter_mut().flatten() {
            *seen = seen.map(&|v| means_above(std::slice::from_ref(&below), v))?;
        }
        self.source.push(below)?;
        self.visible_biases.push(visible_bias);
        Ok(())
    }

    /// The levels on other cases.
    ///
    /// # Errors
    /// As [`Levels::push`].
    pub fn on(mut self, mut other: Levels, f: Activation) -> Result<Levels> {
        for level in self.take() {
            other.push(level, f)?;
        }
        Ok(other)
    }

    /// Joins the cases' labels to what the next level reads; `labels` are those of the cases that are scored.
    pub fn join(&mut self, labels: [Option<&[u32]>; 2], classes: usize) {
        self.source.join(classes);
        for (seen, labels) in self.seen.iter_mut().zip(labels) {
            if let (Some(seen), Some(labels)) = (seen.as_mut(), labels) {
                let (width, mut joined) = (seen.width.max(1), Vec::new());
                for (row, &label) in seen.values.chunks(width).zip(labels) {
                    joined.extend_from_slice(row);
                    joined.extend((0..classes).map(|k| f32::from(u8::from(k == label as usize))));
                }
                (seen.values, seen.width) = (joined, seen.width + classes);
            }
        }
    }

    /// The means of what the level under way reads, over the training cases that are seen.
    pub fn means(&self) -> Vec<f32> {
        let Some(seen) = &self.seen[0] else { return Vec::new() };
        let width = seen.width.max(1);
        let rows = seen.values.len() / width;
        let whole = (0..rows).map(|case| seen.weight(case)).sum::<f64>().max(f64::MIN_POSITIVE);
        let column = |j: usize| {
            let own = seen.values.iter().skip(j).step_by(width).enumerate();
            own.map(|(case, &x)| seen.weight(case) * f64::from(x)).sum::<f64>()
        };
        (0..seen.width).map(|j| (column(j) / whole) as f32).collect()
    }

    /// Seconds that an epoch of the level under way spends below it: in passes of its cases through the lower levels,
    /// which a machine alone has not. Measured on some batches of this many cases.
    ///
    /// # Errors
    /// Device errors.
    pub fn pass_seconds(&mut self, batch: usize, device: &Device) -> Result<f64> {
        if self.count() == 0 {
            return Ok(0.0);
        }
        self.source.start_epoch(0, 0)?;
        // The first one makes buffers and pipelines.
        self.source.next_batch(batch)?;
        device.synchronize()?;
        let (start, mut cases) = (Instant::now(), 0);
        while cases < MEASURED * batch
            && let Some(batch) = self.source.next_batch(batch)?
        {
            cases += batch.rows();
        }
        device.synchronize()?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(if cases == 0 { 0.0 } else { seconds * self.source.cases() as f64 / cases as f64 })
    }

    /// The trainer of the level under way: of a machine that was trained elsewhere, or of a new one.
    ///
    /// # Errors
    /// What machine and trainer give.
    pub fn trainer(
        &self,
        device: &Device,
        given: Option<&Trained>,
        (kinds, hidden): ([UnitKind; 2], usize),
        greedy: &Greedy<'_>,
    ) -> Result<CdTrainer> {
        let (means, level) = (self.means(), self.count() as u8);
        let rbm = match given {
            Some(given) => given.try_clone()?.machine(kinds)?,
            None => {
                let units = [Units::new(kinds[0], means.len())?, Units::new(kinds[1], hidden)?];
                let mut rbm = Rbm::new_at_level(device, units[0], units[1], greedy.seed, level)?;
                rbm.set_visible_bias_from_means(&means)?;
                if let Some(below) = self.trained().last().filter(|_| greedy.transposed) {
                    begin_transposed(&mut rbm, below)?;
                }
                rbm
            }
        };
        CdTrainer::new(rbm.with_gain(greedy.gain), greedy.machine(kinds, level), &means)
    }

    /// How well the level under way gives back what it reads.
    ///
    /// # Errors
    /// Device errors.
    pub fn scores(&self, again: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Figures> {
        let error = |seen: &Seen| -> Result<f64> {
            let (rows, mut error) =
                (seen.values.len() / seen.width.max(1), SquaredError::default());
            let back = seen.map(again)?.values;
            error.add_weighted([&seen.values, &back], rows, |case| seen.weight(case));
            Ok(error.mean())
        };
        let [of, held_out] = [0, 1].map(|part| self.seen[part].as_ref().map(error).transpose());
        Ok(Figures::new().with(&LEVEL_ERROR, of?).with(&VALIDATION_LEVEL_ERROR, held_out?))
    }
}
