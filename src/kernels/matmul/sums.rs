//! A product of transposed A with B, and the sums of one of them: the gradients of weights and bias at once.

use super::{Epilogue, Outputs, Product, SHADERS, Transpose, matmul};
use crate::device::Backend;
use crate::error::Result;
use crate::kernels::expect;
use crate::kernels::reduce::{Axis, Reduction, reduce_into};
use crate::kernels::slices::slices;
use crate::tensor::Tensor;

/// Which operand's sums over k are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// Of A: `[m]`.
    OfA,
    /// Of B: `[n]`.
    OfB,
}

/// `out = AᵀB` `[m, n]` and `sums`, those of one operand over k; A `[k, m]`, B `[k, n]`. On a GPU they are one
/// dispatch.
///
/// ```
/// use harmonium::kernels::matmul::{Sums, matmul_sums};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let a = Tensor::from_f32(&device, &[2, 1], &[1., 2.])?;
/// let b = Tensor::from_f32(&device, &[2, 2], &[3., 4., 5., 6.])?;
/// let mut out = Tensor::for_output(&device, &[1, 2])?;
/// let mut sums = Tensor::for_output(&device, &[2])?;
/// matmul_sums([&a, &b], Sums::OfB, &mut out, &mut sums)?;
/// assert_eq!(out.to_vec()?, [13., 16.]);
/// assert_eq!(sums.to_vec()?, [8., 10.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`matmul`].
pub fn matmul_sums(
    [a, b]: [&Tensor; 2],
    of: Sums,
    out: &mut Tensor,
    sums: &mut Tensor,
) -> Result<()> {
    let plain = Epilogue::default();
    let mut product = Product::new(a, b, Transpose::TN, &plain, out)?;
    let (summed, length) = match of {
        Sums::OfA => (a, product.m),
        Sums::OfB => (b, product.n),
    };
    expect("matmul", "the sums", sums, a.device(), &[length])?;
    if let Backend::Gpu(gpu) = a.device().backend() {
        product.sums = Some(of);
        let tiling = SHADERS.tiling(gpu, product.sizes(), 1)?;
        // Sums of slices have no place beside those of the product.
        let one = slices(gpu, [product.k], tiling.loops_each()).count() == 1;
        if one && product.m > 0 && product.n > 0 {
            return product.run(Outputs { mean: Some(out), sample: Some(sums), noise: None });
        }
    }
    matmul(a, b, Transpose::TN, &plain, out)?;
    reduce_into(Reduction::Sum, Axis::Columns, 1.0, summed, sums)
}
