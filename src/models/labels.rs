//! The class of a labelled layer: joined to the features, and parted from them again.
//!
//! A labelled layer ([`UnitKind::Labelled`](super::UnitKind::Labelled)) of J features and K classes is `[B, J + K]`,
//! the label behind the features as a one and zeros.

use super::units::Units;
use crate::data::reserved;
use crate::error::{Error, Result};
use crate::kernels::columns::{Span, columns};
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::tensor::Tensor;

/// Classes `[B]`, whole numbers as f32, as labels `[B, classes]`: a one and zeros. What is no class gives zeros alone.
///
/// ```
/// use harmonium::models::labels::one_hot;
/// use harmonium::{Device, Tensor};
/// let classes = Tensor::from_f32(&Device::cpu(), &[2], &[1., 0.])?;
/// assert_eq!(one_hot(&classes, 3)?.to_vec()?, [0., 1., 0., 1., 0., 0.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`], [`Error::DeviceLost`].
pub fn one_hot(classes: &Tensor, count: usize) -> Result<Tensor> {
    let (device, rows) = (classes.device(), classes.shape().len());
    // Refused before any large array is made on the host.
    let mut ones = Tensor::for_output(device, &[1, count])?;
    let mut distance = Tensor::for_output(device, &[rows, count])?;
    let mut host = reserved("labels", &[count])?;
    host.resize(count, 1.0);
    ones.upload(&host)?;
    host.iter_mut().enumerate().for_each(|(k, number)| *number = -(k as f32));
    let numbers = Tensor::from_f32(device, &[count], &host)?;
    // 1 − (class − k)², limited to [0, 1]: whole numbers stay exact.
    let less = Epilogue { bias1: Some(&numbers), ..Epilogue::default() };
    let classes = classes.try_clone()?.reshape(&[rows, 1])?;
    matmul(&classes, &ones, Transpose::NN, &less, &mut distance)?;
    let mut label = Tensor::for_output(device, &[rows, count])?;
    elementwise(Elementwise::Multiply, &distance, Some(&distance), &mut label)?;
    elementwise_in_place(Elementwise::Affine(-1.0, 1.0), &mut label, None)?;
    elementwise_in_place(Elementwise::Clamp(0.0, 1.0), &mut label, None)?;
    Ok(label)
}

/// Features `[B, J]` and labels `[B, K]` as one layer `[B, J + K]`.
///
/// ```
/// use harmonium::models::labels::{join, one_hot};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let h = Tensor::from_f32(&device, &[1, 2], &[0.25, 1.])?;
/// let classes = Tensor::from_f32(&device, &[1], &[2.])?;
/// assert_eq!(join(&h, &one_hot(&classes, 3)?)?.to_vec()?, [0.25, 1., 0., 0., 1.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`one_hot`].
pub fn join(features: &Tensor, label: &Tensor) -> Result<Tensor> {
    let [rows, j] = features.shape().matrix("labels", "the features")?;
    let [labels, k] = label.shape().matrix("labels", "the labels")?;
    if labels != rows {
        let detail = format!("{labels} labels for {rows} cases");
        return Err(Error::shape("labels", detail));
    }
    let mut joined = Tensor::for_output(features.device(), &[rows, j + k])?;
    columns(features, Span { from: 0, to: 0, count: j }, &mut joined)?;
    columns(label, Span { from: 0, to: j, count: k }, &mut joined)?;
    Ok(joined)
}

/// The features `[B, J]` of states `x` `[B, J + K]` of a labelled layer; of another layer all of x.
///
/// # Errors
/// As [`one_hot`].
pub fn features(units: Units, x: &Tensor) -> Result<Tensor> {
    some(x, 0, units.features().count())
}

/// The label `[B, K]` of states `x` `[B, J + K]` of a labelled layer; of another layer nothing, `[B, 0]`.
///
/// # Errors
/// As [`one_hot`].
pub fn label(units: Units, x: &Tensor) -> Result<Tensor> {
    let first = units.features().count();
    some(x, first, units.count().saturating_sub(first))
}

/// Puts `label` `[B, K]` in the place of the label of `x` `[B, J + K]`.
///
/// # Errors
/// As [`one_hot`].
pub fn set_label(units: Units, label: &Tensor, x: &mut Tensor) -> Result<()> {
    let first = units.features().count();
    columns(label, Span { from: 0, to: first, count: units.count().saturating_sub(first) }, x)
}

fn some(x: &Tensor, from: usize, count: usize) -> Result<Tensor> {
    let rows = x.shape().matrix("labels", "the states")?[0];
    let mut part = Tensor::for_output(x.device(), &[rows, count])?;
    columns(x, Span { from, to: 0, count }, &mut part)?;
    Ok(part)
}
