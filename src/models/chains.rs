//! Block Gibbs sampling, and chains that run on their own.

use super::Rbm;
use super::clamp::Clamp;
use super::units::UnitKind;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::kernels::gibbs_steps::{Machine, gibbs_steps};
use crate::random::{ChainDraw, ChainStreams, Draw};
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

    /// `steps` steps of block Gibbs sampling: h ~ p(h | v), v ~ p(v | h), … in place, with no host round
    /// trip. Step s draws at `draw`'s step + s; row r is chain r from `draw`'s first on. With 0 steps nothing
    /// changes.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`]; [`Error::Limit`] beyond step [`Draw::STEPS`], where numbers would come again.
    pub fn gibbs(
        &self,
        v: &mut Tensor,
        h: &mut Tensor,
        steps: u64,
        draw: &ChainDraw,
    ) -> Result<()> {
        self.gibbs_held(v, h, steps, (draw, None))
    }

    /// As [`Rbm::gibbs`], with some visible units held where they are.
    pub(super) fn gibbs_held(
        &self,
        v: &mut Tensor,
        h: &mut Tensor,
        steps: u64,
        (draw, clamp): (&ChainDraw, Option<&Clamp>),
    ) -> Result<()> {
        check_steps("gibbs", self.device(), draw.step().saturating_add(steps))?;
        let Some(clamp) = clamp else { return self.alternate(v, h, steps, [draw; 2]) };
        for s in 0..steps {
            let at = draw.at(draw.step() + s);
            self.alternate(v, h, 1, [&at; 2])?;
            clamp.hold(v)?;
        }
        Ok(())
    }

    /// h ~ p(h | v), v ~ p(v | h), `steps` times: the hidden units draw at the first draw's steps, the visible ones at the
    /// second's.
    pub(crate) fn alternate(
        &self,
        v: &mut Tensor,
        h: &mut Tensor,
        steps: u64,
        [first, second]: [&ChainDraw; 2],
    ) -> Result<()> {
        let bernoulli = [self.visible(), self.hidden()].map(|u| u.kind() == UnitKind::Bernoulli);
        if bernoulli == [true; 2] && self.gain() == 1.0 {
            let machine = Machine { w: &self.w, b: &self.b, a: &self.a };
            return gibbs_steps(machine, [v, h], steps, &[first.hidden(), second.visible()]);
        }
        for s in 0..steps {
            let [first, second] = [first, second].map(|draw| draw.at(draw.step() + s));
            self.h_from_v(v).sample_into(&first.hidden(), h)?;
            self.v_from_h(h).sample_into(&second.visible(), v)?;
        }
        Ok(())
    }
}

/// Refuses chains whose last step is beyond [`Draw::STEPS`], where numbers would come again.
pub(crate) fn check_steps(op: &'static str, device: &Device, last: u64) -> Result<()> {
    if last <= Draw::STEPS {
        return Ok(());
    }
    let (what, adapter) = ("steps of chains".into(), device.info().to_string());
    Err(Error::Limit { op, what, asked: last, limit: Draw::STEPS, bytes: false, adapter })
}

/// Independent Gibbs chains of a machine, all moved at once: v → h → v → …
#[derive(Debug)]
pub struct Chains<'a> {
    rbm: &'a Rbm,
    v: Tensor,
    h: Tensor,
    draw: ChainDraw,
    clamp: Option<Clamp>,
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
        Ok(Chains { rbm, v, h, draw, clamp: None })
    }

    /// Holds some visible units at given values from now on: the chains then draw from the others' distribution given
    /// those.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where the clamp is of other chains; as [`Rbm::mean_h_from_v`].
    pub fn clamped(mut self, clamp: Clamp) -> Result<Self> {
        clamp.hold(&mut self.v)?;
        self.clamp = Some(clamp);
        Ok(self)
    }

    /// Moves every chain by `steps` steps of block Gibbs sampling. Two calls do what one of as many steps does.
    ///
    /// # Errors
    /// As [`Rbm::gibbs`].
    pub fn step(&mut self, steps: u64) -> Result<()> {
        let how = (&self.draw, self.clamp.as_ref());
        self.rbm.gibbs_held(&mut self.v, &mut self.h, steps, how)?;
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
        let mut means = self.rbm.mean_v_from_h(&self.h)?;
        if let Some(clamp) = &self.clamp {
            clamp.hold(&mut means)?;
        }
        Ok(means)
    }

    /// Moves every chain by `steps` steps and averages over them the means that its visible states were drawn from,
    /// `[count, I]`: an estimate of each unit's mean (of those that are not clamped, given those that are) with less
    /// noise than that of the states. Zeros for 0 steps.
    ///
    /// # Errors
    /// As [`Rbm::gibbs`].
    pub fn average(&mut self, steps: u64) -> Result<Tensor> {
        check_steps("gibbs", self.rbm.device(), self.draw.step().saturating_add(steps))?;
        let sum = Tensor::zeros(self.rbm.device(), self.v.shape().dims())?;
        averaged(sum, steps, || {
            self.step(1)?;
            self.means()
        })
    }

    /// The visible states, the chains ended.
    pub fn into_visible(self) -> Tensor {
        self.v
    }
}

/// The mean of what `next` gives `steps` times, summed in `sum`, which is zeros.
pub(super) fn averaged(
    mut sum: Tensor,
    steps: u64,
    mut next: impl FnMut() -> Result<Tensor>,
) -> Result<Tensor> {
    for _ in 0..steps {
        elementwise_in_place(Elementwise::ADD, &mut sum, Some(&next()?))?;
    }
    let share = Elementwise::Affine(1.0 / steps.max(1) as f32, 0.0);
    elementwise_in_place(share, &mut sum, None)?;
    Ok(sum)
}
