//! Gibbs chains that run on their own.

use super::Rbm;
use crate::error::Result;
use crate::kernels::expect;
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

impl Rbm {
    /// `count` independent chains, started by [`Rbm::sample_start`]; none has moved yet.
    ///
    /// ```
    /// use harmonium::Device;
    /// use harmonium::models::{Rbm, Units};
    /// let rbm = Rbm::new(&Device::cpu(), Units::bernoulli(6), Units::bernoulli(3), 42)?;
    /// let mut chains = rbm.chains(16, 1)?;
    /// chains.step(100)?;
    /// assert_eq!(chains.visible().shape().dims(), [16, 6]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn chains(&self, count: usize, seed: u64) -> Result<Chains<'_>> {
        Chains::start(self, count, ChainDraw::new(seed, ChainStreams::FREE))
    }
}

/// Independent Gibbs chains of a machine, all moved at once: v → h → v → …
#[derive(Debug)]
pub struct Chains<'a> {
    rbm: &'a Rbm,
    v: Tensor,
    h: Tensor,
    draw: ChainDraw,
}

impl<'a> Chains<'a> {
    /// `count` chains that begin at [`Rbm::sample_start`], with the numbers of `draw`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn start(rbm: &'a Rbm, count: usize, draw: ChainDraw) -> Result<Self> {
        Chains::from_states(rbm, rbm.sample_start(count, &draw.start())?, draw)
    }

    /// Chains that begin at the visible states `v` `[count, I]`, with the numbers of `draw`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn from_states(rbm: &'a Rbm, v: Tensor, draw: ChainDraw) -> Result<Self> {
        let count = v.shape().matrix("chains", "v")?[0];
        expect("chains", "v", &v, rbm.device(), &[count, rbm.visible_count()])?;
        let h = Tensor::zeros(rbm.device(), &[count, rbm.hidden_count()])?;
        Ok(Chains { rbm, v, h, draw })
    }

    /// Moves every chain by `steps` steps of block Gibbs sampling. Two calls do what one of as many steps does.
    ///
    /// # Errors
    /// As [`Rbm::gibbs`].
    pub fn step(&mut self, steps: u64) -> Result<()> {
        self.rbm.gibbs(&mut self.v, &mut self.h, steps, &self.draw)?;
        self.draw = self.draw.at(self.draw.step() + steps);
        Ok(())
    }

    /// The visible states `[count, I]`.
    pub fn visible(&self) -> &Tensor {
        &self.v
    }

    /// The hidden states `[count, J]` that the visible ones were drawn from; zeros before the first step.
    pub fn hidden(&self) -> &Tensor {
        &self.h
    }

    /// The means that the visible states were drawn from, `[count, I]`: smoother pictures than the states. Of no
    /// use before the first step.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn means(&self) -> Result<Tensor> {
        self.rbm.mean_v_from_h(&self.h)
    }

    /// The visible states, the chains ended.
    pub fn into_visible(self) -> Tensor {
        self.v
    }
}
