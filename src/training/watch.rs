//! The end of an epoch: whether anything left the finite numbers.

use super::state::Clock;
use crate::error::{Error, Result};
use crate::kernels::bias_update::NEVER;
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::tensor::Tensor;

/// What the updates of a whole training are called in the watch over biases.
pub(super) fn number(clock: Clock) -> u32 {
    clock.updates.min(u64::from(NEVER) - 1) as u32
}

/// Reads the watch that the updates kept over the biases, and looks at the weights: those that the epoch's last
/// update broke have not reached a bias, and infinite ones of one sign never need to.
pub(super) fn check<'a>(
    clock: Clock,
    status: &Tensor,
    weights: impl IntoIterator<Item = &'a Tensor>,
    advice: &str,
) -> Result<()> {
    let first_update = clock.updates - clock.epoch_updates;
    let counts = weights.into_iter().map(|w| reduce(Reduction::NonFinite, Axis::All, 1.0, w));
    let counts = counts.collect::<Result<Vec<_>>>()?;
    let found = status.to_words()?.first().copied().unwrap_or(NEVER);
    let mut broken = false;
    for count in counts {
        broken |= count.to_vec()?.first().is_some_and(|&count| count != 0.0);
    }
    let (step, what) = match broken {
        _ if found != NEVER => (u64::from(found).saturating_sub(first_update) + 1, "a bias"),
        true => (clock.updates - first_update, "a weight"),
        false => return Ok(()),
    };
    let (epoch, advice) = (clock.epoch(), advice.into());
    Err(Error::Diverged { epoch, step, what: what.into(), advice })
}
