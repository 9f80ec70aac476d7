//! Principal components: what a linear code of the same size can do.

use nalgebra::{DMatrix, SymmetricEigen};

use crate::data::Cases;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::rows::{ROWS, Reconstruction, upload_rows};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::tensor::Tensor;

/// Values of a case at most: the eigenvectors of a matrix of this side take a minute.
const MOST_VALUES: usize = 2000;
/// Rounds of the iteration at most: some two for each value are usual.
const MOST_ROUNDS: usize = 100 * MOST_VALUES;

/// The largest principal components of some cases, and their mean.
#[derive(Debug)]
pub struct Pca {
    /// `[I]`.
    mean: Tensor,
    /// `[I, components]`, orthonormal columns.
    components: Tensor,
}

impl Pca {
    /// Fits as many components as are asked for, or as there are values; `None` for cases of more than 2,000 values, and
    /// where their squares leave the range of f32.
    ///
    /// # Errors
    /// Device errors.
    pub fn fit(device: &Device, cases: &Cases, components: usize) -> Result<Option<Self>> {
        let width = cases.width();
        let kept = components.min(width);
        if width > MOST_VALUES || cases.is_empty() {
            return Ok(None);
        }
        let means = cases.means();
        let mean = Tensor::from_f32(device, &[width], &means)?;
        let mut sums = vec![0.0f64; width * width];
        let mut product = Tensor::for_output(device, &[width, width])?;
        let weights = cases.weights();
        for first in (0..cases.len()).step_by(ROWS) {
            let mut x = upload_rows(device, cases, first, ROWS)?;
            elementwise_in_place(Elementwise::SUBTRACT, &mut x, Some(&mean))?;
            let mut counted = None;
            if let Some(weights) = &weights {
                let rows = x.shape().dims()[0];
                let own = Tensor::from_f32(device, &[rows, 1], &weights[first..first + rows])?;
                elementwise_in_place(
                    Elementwise::Multiply,
                    counted.insert(x.try_clone()?),
                    Some(&own),
                )?;
            }
            let counted = counted.as_ref().unwrap_or(&x);
            matmul(counted, &x, Transpose::TN, &Epilogue::default(), &mut product)?;
            sums.iter_mut().zip(product.to_vec()?).for_each(|(sum, x)| *sum += f64::from(x));
        }
        // Of what is not finite the iteration would never end.
        if sums.iter().any(|x| !x.is_finite()) {
            return Ok(None);
        }
        let matrix = DMatrix::from_row_slice(width, width, &sums);
        let Some(eigen) = SymmetricEigen::try_new(matrix, f64::EPSILON, MOST_ROUNDS) else {
            return Ok(None);
        };
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let column = |row: usize| order[..kept].iter().map(move |&k| (row, k));
        let values: Vec<f32> =
            (0..width).flat_map(column).map(|at| eigen.eigenvectors[at] as f32).collect();
        let components = Tensor::from_f32(device, &[width, kept], &values)?;
        Ok(Some(Pca { mean, components }))
    }

    /// A batch `[B, I]` by its components alone, `[B, I]`.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, x: &Tensor) -> Result<Tensor> {
        let device = x.device();
        let rows = x.shape().dims()[0];
        let mut centred = x.try_clone()?;
        elementwise_in_place(Elementwise::SUBTRACT, &mut centred, Some(&self.mean))?;
        let kept = self.components.shape().dims()[1];
        let mut codes = Tensor::for_output(device, &[rows, kept])?;
        let plain = Epilogue::default();
        matmul(&centred, &self.components, Transpose::NN, &plain, &mut codes)?;
        matmul(&codes, &self.components, Transpose::NT, &plain, &mut centred)?;
        elementwise_in_place(Elementwise::ADD, &mut centred, Some(&self.mean))?;
        Ok(centred)
    }

    /// The squared error of cases, summed over values, the mean over cases.
    ///
    /// # Errors
    /// Device errors.
    pub fn error(&self, cases: &Cases) -> Result<f64> {
        Ok(Reconstruction::of(self.mean.device(), cases, |x| self.reconstruct(x))?.error)
    }
}
