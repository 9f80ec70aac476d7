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

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;
    use crate::kernels::{Tiles, with_tiles};

    /// AᵀB and the sums of an operand over k.
    pub fn sums_case(
        device: &Device,
        tiles: Tiles,
        of: Sums,
        [m, n, k]: [usize; 3],
    ) -> Result<Outcome> {
        let mut inputs = Inputs::new((m * 1009 + n) as u64);
        let (a, b) =
            (inputs.values(Values::Ordinary, k * m), inputs.values(Values::Ordinary, k * n));
        let (summed, length) = if of == Sums::OfA { (&a, m) } else { (&b, n) };
        let run = |device: &Device| {
            let a = Tensor::from_f32(device, &[k, m], &a)?;
            let b = Tensor::from_f32(device, &[k, n], &b)?;
            let mut out = Tensor::for_output(device, &[m, n])?;
            let mut sums = Tensor::for_output(device, &[length])?;
            matmul_sums([&a, &b], of, &mut out, &mut sums)?;
            Ok([out.to_vec()?, sums.to_vec()?])
        };
        let (expected, found) = both(device, |device| with_tiles(tiles, || run(device)))?;
        let size = |at: usize| {
            let (row, column) = (at / n.max(1), at % n.max(1));
            let products = (0..k).map(|k| f64::from(a[k * m + row]) * f64::from(b[k * n + column]));
            products.map(f64::abs).sum::<f64>()
        };
        let sizes: Vec<f64> = (0..length)
            .map(|at| (0..k).map(|k| f64::from(summed[k * length + at]).abs()).sum())
            .collect();
        let steps = 1.5 * EPSILON * (k + 4) as f64;
        let mut check = Check::default();
        check.compare("product", &expected[0], &found[0], |at| steps * size(at) + FLUSH * k as f64);
        check.compare("sums", &expected[1], &found[1], |at| steps * sizes[at] + FLUSH);
        Ok(check.outcome("matmul", format!("{tiles:?}, {of:?}, {m}x{n}, k {k}")))
    }
}
