//! What is compiled before the clock starts.

use super::BatchSource;
use super::learner::{Learner, begin, next, visit};
use super::state::Clock;
use crate::device::DeviceKind;
use crate::error::Result;
use crate::models::{Visit, state};
use crate::ranks::Ranks;
use crate::tensor::Tensor;

/// Compiles the kernels of an epoch, so that the first one does not wait for it: with copies of all arrays kept
/// aside, one update and the end of an epoch are really done, and then undone. Nothing on the CPU.
///
/// # Errors
/// [`Error::Device`](crate::Error::Device) where the driver refuses a shader,
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory), those of the source.
pub fn warm_up(learner: &mut dyn Learner, source: &mut dyn BatchSource) -> Result<()> {
    warm_up_on(&Ranks::alone(), learner, source)
}

/// As [`warm_up`], together with other ranks; nothing where their devices are of different kinds, of which some need none.
///
/// # Errors
/// As [`warm_up`] and [`epoch_on`](super::epoch_on).
pub fn warm_up_on(
    ranks: &Ranks,
    learner: &mut dyn Learner,
    source: &mut dyn BatchSource,
) -> Result<()> {
    let mut device = None;
    let mut look = |_: &str, tensor: &mut Tensor| {
        device.get_or_insert_with(|| tensor.device().clone());
        Ok(())
    };
    learner.model().visit(&mut Visit::each(&mut look))?;
    let Some(device) = device.filter(|device| device.info().kind != DeviceKind::Cpu) else {
        return Ok(());
    };
    if source.cases() == 0 || ranks.are_mixed() {
        return Ok(());
    }
    let before = learner.clock();
    learner.begin_epoch(source)?;
    let kept = state::copies(|v| visit(learner, v))?;
    if ranks.cuts() {
        *learner.clock_mut() = Clock { epoch_updates: 0, epoch_cases: 0, ..before };
    }
    begin(ranks, learner, source, before)?;
    next(ranks, learner, source, &mut None)?;
    let ended = learner.end_epoch();
    *learner.clock_mut() = before;
    state::put_back(kept, |v| visit(learner, v))?;
    ended?;
    device.synchronize()
}
