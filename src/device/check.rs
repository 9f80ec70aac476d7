//! What wgpu would refuse only after the fact.

use super::command::{Bind, Command};
use super::driver::Driver;
use super::grid::GRID_WIDTH;
use super::pipeline::Pipeline;
use crate::error::{Error, Result};

/// Bytes of one parameter block; devices want dynamic offsets to be multiples of it.
pub(super) const PARAMETERS: usize = 256;

const MISFIT: &str = "the call does not fit its shader";

/// The most iterations of an invocation's loops. Mesa's software adapters end them after 65,535 in all without
/// a word (`LP_MAX_TGSI_LOOP_ITERATIONS` in gallivm/lp_bld_limits.h); the rest is for loops of a fixed length.
pub(crate) const SOFTWARE_LOOPS: u64 = 64_000;

/// What wgpu would refuse of any call of this kernel on this memory.
pub(super) fn check(driver: &Driver, command: &Command<'_>, pipeline: &Pipeline) -> Result<()> {
    let op = command.op;
    let declared = &pipeline.writes;
    let fits = command.binds.len() == declared.len()
        && command.binds.iter().zip(declared).all(|(bind, &writes)| writes || !bind.writes());
    if !fits {
        return Err(driver.fault(op, MISFIT));
    }
    for (i, bind) in command.binds.iter().enumerate() {
        let Some(span) = bind.span() else { continue };
        let alias = command.binds.iter().enumerate().any(|(j, other)| {
            i != j
                && other.span().is_some_and(|o| o.overlaps(&span))
                // The binding's declared kind counts, not what this variant does with it.
                && (declared[i] || declared[j])
        });
        if alias {
            return Err(Error::shape(op, "a tensor is both output and another argument"));
        }
    }
    Ok(())
}

/// What is to be seen of each call anew: whether what it reads is sound, and what does not lie in its bindings.
pub(super) fn check_anew(driver: &Driver, command: &Command<'_>, grid_height: u64) -> Result<()> {
    let op = command.op;
    if command.params.len() > PARAMETERS {
        return Err(driver.fault(op, MISFIT));
    }
    for bind in command.binds.iter().filter(|bind| !matches!(bind, Bind::Write(_))) {
        bind.buffers().iter().try_for_each(|buffer| buffer.state.check())?;
    }
    if driver.is_software() && command.loops > SOFTWARE_LOOPS {
        return Err(Error::Limit {
            op,
            what: "a loop in one invocation of its kernel (use smaller sizes or --device cpu)"
                .into(),
            asked: command.loops,
            limit: SOFTWARE_LOOPS,
            bytes: false,
            adapter: driver.info.to_string(),
        });
    }
    let height = command.groups.div_ceil(GRID_WIDTH);
    if height > grid_height {
        return Err(Error::Limit {
            op,
            what: "the grid of workgroups".into(),
            asked: command.groups,
            limit: grid_height * GRID_WIDTH,
            bytes: false,
            adapter: driver.info.to_string(),
        });
    }
    Ok(())
}
