//! The mean field: q(h | v) = Πₗ Πⱼ Bernoulli(μˡⱼ) nearest to p(h | v) in KL(q ‖ p), found by coordinate ascent.
//!
//! One round is μ¹ ← σ(vᵀW¹ + W²μ² + a¹), μ² ← σ(μ¹ᵀW² + W³μ³ + a²), … upwards; each step raises the lower bound of
//! ln p(v). It begins where a pass upwards leads whose inputs count twice, but for the top's, in place of what is still
//! missing from above. A case stops once its largest change in a round is below the tolerance; rounds are counted on the
//! device ([`settle`]), and nothing is read back.

use super::DeepBoltzmannMachine;
use crate::error::Result;
use crate::interval::Interval;
use crate::kernels::activation::{Activation, activate_in_place};
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::settle::{Part, Progress, settle};
use crate::models::conditional::Conditional;
use crate::tensor::Tensor;

/// How far the mean field goes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MeanField {
    /// Rounds at most: 30. With none, the start alone.
    pub rounds: u64,
    /// A case whose means all changed by less in a round has settled: 1e-4. With 0 none ever has.
    pub tolerance: f32,
}

impl Default for MeanField {
    fn default() -> Self {
        MeanField { rounds: 30, tolerance: 1e-4 }
    }
}

impl MeanField {
    /// How many rounds are made, where any are.
    pub const ROUNDS: Interval = Interval::COUNT.up_to(10_000.0);

    /// Checks both ranges.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for more rounds than [`MeanField::ROUNDS`] has, and for a tolerance that is
    /// negative or not finite.
    pub fn check(&self) -> Result<()> {
        MeanField::ROUNDS.check_count("mean-field", self.rounds.max(1))?;
        Interval::from(0.0).check("mean-field tolerance", self.tolerance)
    }

    /// Rounds at most.
    pub fn rounds(self, rounds: u64) -> Self {
        MeanField { rounds, ..self }
    }

    /// The change below which a case has settled.
    pub fn tolerance(self, tolerance: f32) -> Self {
        MeanField { tolerance, ..self }
    }
}

/// The means of every hidden layer given data, and the memory to find them in.
#[derive(Debug)]
pub struct Posterior {
    /// vᵀW¹.
    fed: Tensor,
    /// μ¹ … μᴸ.
    means: Vec<Tensor>,
    next: Vec<Tensor>,
    progress: Progress,
}

impl DeepBoltzmannMachine {
    /// The mean field of data `v` `[B, I]`.
    ///
    /// # Errors
    /// As [`MeanField::check`]; [`Error::Shape`](crate::Error::Shape),
    /// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn posterior(&self, v: &Tensor, how: MeanField) -> Result<Posterior> {
        let mut posterior = Posterior::new(self, v.shape().matrix("mean field", "v")?[0])?;
        posterior.find(self, v, how)?;
        Ok(posterior)
    }

    /// p(hˡ | hˡ⁻¹) without what is above, in whose place the input from below counts twice.
    pub(super) fn upwards<'a>(&'a self, layer: usize, below: &'a Tensor) -> Conditional<'a> {
        let alpha = if layer < self.hidden_layers() { 2.0 } else { 1.0 };
        Conditional {
            units: self.units[layer],
            given: below,
            weights: &self.weights[layer - 1],
            transpose: Transpose::NN,
            input: Epilogue { alpha, bias1: Some(&self.biases[layer]), ..Epilogue::default() },
        }
    }
}

impl Posterior {
    /// Memory for `cases` at once.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::Limit`](crate::Error::Limit).
    pub fn new(dbm: &DeepBoltzmannMachine, cases: usize) -> Result<Self> {
        let layer = |l: usize| Tensor::for_output(dbm.device(), &[cases, dbm.units[l].count()]);
        let layers = || (1..=dbm.hidden_layers()).map(layer).collect::<Result<Vec<_>>>();
        Ok(Posterior {
            fed: layer(1)?,
            means: layers()?,
            next: layers()?,
            progress: Progress::new(dbm.device(), cases)?,
        })
    }

    /// Finds the means for `v` `[B, I]`.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::posterior`].
    pub fn find(&mut self, dbm: &DeepBoltzmannMachine, v: &Tensor, how: MeanField) -> Result<()> {
        how.check()?;
        let top = dbm.hidden_layers();
        let plain = Epilogue::default();
        matmul(v, &dbm.weights[0], Transpose::NN, &plain, &mut self.fed)?;
        let twice = Elementwise::Combine(2.0, 1.0);
        elementwise(twice, &self.fed, Some(&dbm.biases[1]), &mut self.means[0])?;
        activate_in_place(Activation::Sigmoid, &mut self.means[0])?;
        for layer in 2..=top {
            let (below, own) = self.means.split_at_mut(layer - 1);
            dbm.upwards(layer, &below[layer - 2]).mean_into(&mut own[0])?;
        }
        for round in 0..how.rounds {
            let mut settled = false;
            for layer in 1..=top {
                self.next(dbm, layer)?;
                let part = Part { round, first: layer == 1, tolerance: how.tolerance };
                let (next, means) = (&self.next[layer - 1], &mut self.means[layer - 1]);
                settled = settle(next, means, &mut self.progress, part)?;
            }
            if settled {
                break;
            }
        }
        Ok(())
    }

    /// σ of a layer's inputs, from the means above it as they are and those below as they have just become.
    fn next(&mut self, dbm: &DeepBoltzmannMachine, layer: usize) -> Result<()> {
        let (below, own) = self.next.split_at_mut(layer - 1);
        let (next, below) = (&mut own[0], below.last());
        let input = Epilogue {
            bias1: Some(&dbm.biases[layer]),
            activation: Activation::Sigmoid,
            ..Epilogue::default()
        };
        let (above, w) = (self.means.get(layer), &dbm.weights);
        match (below, above) {
            (Some(below), None) => matmul(below, &w[layer - 1], Transpose::NN, &input, next),
            (None, Some(above)) => {
                let input = Epilogue { c: Some(&self.fed), ..input };
                matmul(above, &w[layer], Transpose::NT, &input, next)
            }
            (Some(below), Some(above)) => {
                let fed = dbm.fed_from_above(layer, above)?;
                let input = Epilogue { c: Some(&fed), ..input };
                matmul(below, &w[layer - 1], Transpose::NN, &input, next)
            }
            // One hidden layer, of which there is no such machine.
            (None, None) => Ok(()),
        }
    }

    /// μˡ `[B, N_l]`, l from 1 to L. Of a layer that there is not that of the nearest.
    pub fn means(&self, layer: usize) -> &Tensor {
        &self.means[layer.clamp(1, self.means.len()) - 1]
    }

    /// How many rounds each case took, `[B]`; of no use before a round was made.
    pub fn rounds(&self) -> &Tensor {
        self.progress.rounds()
    }
}
