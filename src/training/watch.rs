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
    let counts = counts(weights)?;
    let status = status.to_words()?;
    let mut broken = false;
    for count in counts {
        broken |= some(&count.to_vec()?);
    }
    judge(clock, &status, broken, advice)
}

/// As [`check`], for asynchronous callers.
pub(super) async fn check_async<'a>(
    clock: Clock,
    status: &Tensor,
    weights: impl IntoIterator<Item = &'a Tensor>,
    advice: &str,
) -> Result<()> {
    let counts = counts(weights)?;
    let status = status.to_words_async().await?;
    let mut broken = false;
    for count in counts {
        broken |= some(&count.to_vec_async().await?);
    }
    judge(clock, &status, broken, advice)
}

/// How many values of each are not finite.
fn counts<'a>(weights: impl IntoIterator<Item = &'a Tensor>) -> Result<Vec<Tensor>> {
    weights.into_iter().map(|w| reduce(Reduction::NonFinite, Axis::All, 1.0, w)).collect()
}

fn some(count: &[f32]) -> bool {
    count.first().is_some_and(|&count| count != 0.0)
}

/// What the watch and the weights tell.
fn judge(clock: Clock, status: &[u32], broken: bool, advice: &str) -> Result<()> {
    let first_update = clock.updates - clock.epoch_updates;
    let found = status.first().copied().unwrap_or(NEVER);
    let (step, what) = match broken {
        _ if found != NEVER => (u64::from(found).saturating_sub(first_update) + 1, "a bias"),
        true => (clock.updates - first_update, "a weight"),
        false => return Ok(()),
    };
    let (epoch, advice) = (clock.epoch(), advice.into());
    Err(Error::Diverged { epoch, step, what: what.into(), advice })
}
