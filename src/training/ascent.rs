//! A step along a gradient that is there as a tensor.

use crate::error::Result;
use crate::kernels::cd_update::Step;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::tensor::Tensor;

/// Δ ← m·Δ + η·gradient (and − η·d·parameter, where `decays`), then parameter ← parameter + Δ.
pub(super) fn ascend(
    step: Step,
    gradient: &Tensor,
    decays: bool,
    velocity: &mut Tensor,
    parameter: &mut Tensor,
) -> Result<()> {
    let follow = Elementwise::Combine(step.momentum, step.rate);
    elementwise_in_place(follow, velocity, Some(gradient))?;
    if decays {
        let shrink = Elementwise::Combine(1.0, -step.rate * step.decay);
        elementwise_in_place(shrink, velocity, Some(parameter))?;
    }
    elementwise_in_place(Elementwise::ADD, parameter, Some(velocity))
}
