//! The cases of a score, batch by batch.

use crate::error::{Error, Result};
use crate::kernels::gather::{Selection, Transform, gather};
use crate::models::Rbm;
use crate::tensor::Tensor;

/// The largest temporary of a score, in bytes, unless a single case needs more.
pub const BATCH_BYTES: usize = 1 << 24;

/// As [`in_batches`], of what a machine sees.
pub(super) fn of_machine(
    op: &'static str,
    rbm: &Rbm,
    v: &Tensor,
    f: impl FnMut(&Tensor, usize) -> Result<()>,
) -> Result<usize> {
    let widest = rbm.visible_count().max(rbm.hidden_count());
    in_batches(op, v, [rbm.visible_count(), widest], f)
}

/// Calls `f(batch, number of its first case)` for all cases of `v` `[N, I]` and tells how many there are; a model has
/// I visible units, and at most `widest` of a layer.
pub(super) fn in_batches(
    op: &'static str,
    v: &Tensor,
    [visible, widest]: [usize; 2],
    mut f: impl FnMut(&Tensor, usize) -> Result<()>,
) -> Result<usize> {
    let [cases, width] = v.shape().matrix(op, "v")?;
    if width != visible {
        let detail = format!("v is {}, and the machine has {visible} visible units", v.shape());
        return Err(Error::shape(op, detail));
    }
    if cases == 0 {
        return Err(Error::data(op, "there is no case; pass at least one"));
    }
    let rows = (BATCH_BYTES / (4 * widest.max(1))).max(1);
    if cases <= rows {
        f(v, 0)?;
        return Ok(cases);
    }
    for first in (0..cases).step_by(rows) {
        let rows = rows.min(cases - first);
        let numbers: Vec<u32> = (first..first + rows).map(|case| case as u32).collect();
        let indices = Tensor::from_u32(v.device(), &[rows], &numbers)?;
        let mut batch = Tensor::for_output(v.device(), &[rows, width])?;
        let pick = Selection { indices: &indices, first_index: 0, rows, first_row: 0 };
        gather(v, pick, &Transform::default(), &mut batch)?;
        f(&batch, first)?;
    }
    Ok(cases)
}
