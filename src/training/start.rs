//! Where persistent chains begin.

use crate::error::Result;
use crate::kernels::gather::{Selection, Transform, gather};
use crate::tensor::Tensor;

/// `count` chains that begin at a batch's cases, repeated where the batch is short. Of cases that count differently, `[B, 1]`,
/// at those that count at all, if there are any.
pub(super) fn repeated(v0: &Tensor, weights: Option<&Tensor>, count: usize) -> Result<Tensor> {
    let [rows, width] = v0.shape().matrix("train", "the batch")?;
    let weights = weights.map(Tensor::to_vec).transpose()?.unwrap_or_default();
    let counts = |row: &u32| weights.get(*row as usize).is_none_or(|&weight| weight > 0.0);
    let mut starts: Vec<u32> = (0..rows as u32).filter(counts).collect();
    if starts.is_empty() {
        starts = (0..rows.max(1) as u32).collect();
    }
    let order: Vec<u32> = (0..count).map(|c| starts[c % starts.len()]).collect();
    let indices = Tensor::from_u32(v0.device(), &[count], &order)?;
    let mut chains = Tensor::for_output(v0.device(), &[count, width])?;
    let pick = Selection { indices: &indices, first_index: 0, rows: count, first_row: 0 };
    gather(v0, pick, &Transform::default(), &mut chains)?;
    Ok(chains)
}
