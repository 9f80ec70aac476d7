//! Where persistent chains begin.

use crate::error::Result;
use crate::kernels::gather::{Selection, Transform, gather};
use crate::tensor::Tensor;

/// `count` chains that begin at a batch's cases, repeated where the batch is short.
pub(super) fn repeated(v0: &Tensor, count: usize) -> Result<Tensor> {
    let [rows, width] = v0.shape().matrix("train", "the batch")?;
    let order: Vec<u32> = (0..count).map(|c| (c % rows.max(1)) as u32).collect();
    let indices = Tensor::from_u32(v0.device(), &[count], &order)?;
    let mut chains = Tensor::for_output(v0.device(), &[count, width])?;
    let pick = Selection { indices: &indices, first_index: 0, rows: count, first_row: 0 };
    gather(v0, pick, &Transform::default(), &mut chains)?;
    Ok(chains)
}
