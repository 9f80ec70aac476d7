//! The ways of states through a deep belief net: up by recognition, down by generation.
//!
//! A level's states are drawn at the level of its number: equally seeded levels share no numbers.

use super::dbn::DeepBeliefNet;
use super::labels;
use crate::error::Result;
use crate::kernels::categorical;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::random::Draw;
use crate::tensor::Tensor;

/// How states pass down the net.
#[derive(Debug, Clone, Copy)]
pub enum Pass<'a> {
    /// Of each layer the means, given those of the layer above.
    Means,
    /// Of each layer samples.
    Samples(&'a Draw),
    /// Of each layer samples, but of the data's the means that they would be drawn from: smoother pictures.
    MeansAtTheEnd(&'a Draw),
}

/// The numbers of level `level`.
pub(crate) fn at(draw: &Draw, level: usize) -> Draw {
    draw.at_level(level as u8)
}

impl DeepBeliefNet {
    /// A sample of q(h¹, … | v) at level `level`: v `[B, N₀]` → `[B, N_l]`, level l drawn at the level l of `draw`.
    /// Level 0 is v itself. A label that the top wants is drawn from its posterior, which is exact.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a level that there is not; as [`Rbm::mean_h_from_v`](super::Rbm::mean_h_from_v).
    pub fn up(&self, v: &Tensor, level: usize, draw: &Draw) -> Result<Tensor> {
        self.upwards(v, level, Some(draw))
    }

    /// The means of each layer given those of the layer below, up to level `level`: `[B, N₀]` → `[B, N_l]`. A label
    /// that the top wants is its probabilities.
    ///
    /// # Errors
    /// As [`DeepBeliefNet::up`].
    pub fn up_means(&self, v: &Tensor, level: usize) -> Result<Tensor> {
        self.upwards(v, level, None)
    }

    fn upwards(&self, v: &Tensor, level: usize, draw: Option<&Draw>) -> Result<Tensor> {
        let mut state: Option<Tensor> = None;
        for l in 1..=level {
            let below = state.as_ref().unwrap_or(v);
            let draw = draw.map(|draw| at(draw, l));
            let joined = match self.classes() {
                Some(_) if l == self.levels().len() => Some(self.with_own_label(below, draw)?),
                _ => None,
            };
            let recognition = self.recognition(l, joined.as_ref().unwrap_or(below))?;
            let above = match draw {
                Some(draw) => recognition.sample(&draw)?,
                None => recognition.mean()?,
            };
            state = Some(above);
        }
        state.map_or_else(|| v.try_clone(), Ok)
    }

    /// hᴸ⁻¹ with the label that the top makes of it: a sample, or the probabilities.
    fn with_own_label(&self, below: &Tensor, draw: Option<Draw>) -> Result<Tensor> {
        let label = match draw {
            None => self.top().class_probabilities(below)?,
            Some(draw) => {
                let mut inputs = self.top().class_free_energies(below)?;
                elementwise_in_place(Elementwise::Affine(-1.0, 0.0), &mut inputs, None)?;
                let [rows, classes] = inputs.shape().matrix("up", "the classes")?;
                let mut label = Tensor::for_output(self.device(), &[rows, classes])?;
                categorical::sample(&inputs, classes, &draw.of_label(), &mut label)?;
                label
            }
        };
        labels::join(below, &label)
    }

    /// Down from h of level `level`, `[B, N_l]` → `[B, N₀]`, level l's visible states drawn at the level l of the draw.
    /// From the top's h the first step is one of its chain, whose label is dropped. Level 0 is h itself.
    ///
    /// # Errors
    /// As [`DeepBeliefNet::up`].
    pub fn down(&self, h: &Tensor, level: usize, pass: Pass<'_>) -> Result<Tensor> {
        let mut state: Option<Tensor> = None;
        for l in (1..=level).rev() {
            let generation = self.generation(l, state.as_ref().unwrap_or(h))?;
            let below = match pass {
                Pass::Samples(draw) => generation.sample(&at(draw, l))?,
                Pass::MeansAtTheEnd(draw) if l > 1 => generation.sample(&at(draw, l))?,
                Pass::Means | Pass::MeansAtTheEnd(_) => generation.mean()?,
            };
            state = Some(match self.level(l)?.visible().classes() {
                Some(_) => labels::features(self.level(l)?.visible(), &below)?,
                None => below,
            });
        }
        state.map_or_else(|| h.try_clone(), Ok)
    }

    /// v → the means of every layer upwards → the means of every layer downwards, `[B, N₀]` → `[B, N₀]`.
    ///
    /// # Errors
    /// As [`DeepBeliefNet::up`].
    pub fn reconstruct(&self, v: &Tensor) -> Result<Tensor> {
        let levels = self.levels().len();
        self.down(&self.up_means(v, levels)?, levels, Pass::Means)
    }

    /// p(class | v) `[B, K]` for v `[B, N₀]`: the top's exact posterior given the means of hᴸ⁻¹, by the free energy with
    /// each class in turn ([`Rbm::class_probabilities`](super::Rbm::class_probabilities)).
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) where no labels are joined; as [`Rbm::mean_h_from_v`](super::Rbm::mean_h_from_v).
    pub fn class_probabilities(&self, v: &Tensor) -> Result<Tensor> {
        self.top().class_probabilities(&self.up_means(v, self.levels().len() - 1)?)
    }
}
