//! Parameters averaged over the updates (Polyak and Juditsky 1992).
//!
//! After update t the averages are θ̄ ← θ̄ + c(θ − θ̄) with c = (η + 1)/(t + η) and η = 3 (Shamir and Zhang 2013): an
//! average of all parameters so far in which late ones count more, as t³ does, so that the start is soon forgotten
//! whatever the length of the training.

use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::models::{Rbm, Visit};
use crate::tensor::Tensor;

/// η.
const LATE: f32 = 3.0;

/// Averages of W, b and a.
pub(super) struct Averaged([Tensor; 3]);

impl Averaged {
    /// Those of a machine that has not been updated.
    pub fn new(rbm: &Rbm) -> Result<Self> {
        Ok(Averaged([rbm.w.try_clone()?, rbm.b.try_clone()?, rbm.a.try_clone()?]))
    }

    /// Takes in the machine after its update number `t`, from 1.
    pub fn take(&mut self, rbm: &Rbm, t: u64) -> Result<()> {
        let share = (LATE + 1.0) / (t as f32 + LATE);
        let follow = Elementwise::Combine(1.0 - share, share);
        for (average, now) in self.0.iter_mut().zip([&rbm.w, &rbm.b, &rbm.a]) {
            elementwise_in_place(follow, average, Some(now))?;
        }
        Ok(())
    }

    /// The machine of these averages.
    pub fn rbm(&self, like: &Rbm) -> Result<Rbm> {
        let [w, b, a] = &self.0;
        let (visible, hidden) = (like.visible().kind(), like.hidden().kind());
        Rbm::from_parts(visible, hidden, w.try_clone()?, b.try_clone()?, a.try_clone()?)
    }

    /// Shows them.
    pub fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        for (name, average) in ["W", "b", "a"].into_iter().zip(&mut self.0) {
            visit.array(&format!("average.{name}"), average)?;
        }
        Ok(())
    }
}
