//! Scores of a restricted Boltzmann machine on data that lie on its device.
//!
//! The cases are taken in batches whose temporaries stay below [`BATCH_BYTES`] each, every case's own number is read back,
//! and the means are taken in f64 on the host; a score does not depend on how the cases were batched (but for the
//! rounding of a matrix product of another height).

use super::averages::check_weights;
use super::cases::of_machine;
use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::Rbm;
use crate::tensor::Tensor;

pub(crate) use super::averages::weighted_mean_with_error;
pub use super::averages::{mean, weighted_mean};
pub use super::cases::BATCH_BYTES;
pub use super::pseudo::{
    PseudoLikelihood, affordable_turns, exact_pseudo_log_likelihood, exact_pseudo_log_likelihoods,
    pseudo_log_likelihood, pseudo_log_likelihood_of,
};

/// The squared error of v → p(h | v) → mean of v, without noise: summed over the visible units, the mean over
/// the cases of `v` `[N, I]`. It is no likelihood: a machine that copies its input has a small one too
/// (Hinton 2010, section 5).
///
/// ```
/// use harmonium::evaluation::scores::reconstruction_error;
/// use harmonium::models::{Rbm, Units};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let rbm = Rbm::new(&device, Units::bernoulli(4), Units::bernoulli(2), 1)?;
/// let v = Tensor::from_f32(&device, &[1, 4], &[1., 0., 1., 0.])?;
/// // Weights are near 0 and biases 0: every unit's mean is near ½.
/// assert!((reconstruction_error(&rbm, &v)? - 4.0 * 0.25).abs() < 0.05);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) where there is no case, [`Error::Shape`](crate::Error::Shape),
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::OutOfMemory`](crate::Error::OutOfMemory),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn reconstruction_error(rbm: &Rbm, v: &Tensor) -> Result<f64> {
    Ok(mean(&reconstruction_errors(rbm, v)?))
}

/// As [`reconstruction_error`], for asynchronous callers.
///
/// # Errors
/// As there.
pub async fn reconstruction_error_async(rbm: &Rbm, v: &Tensor) -> Result<f64> {
    let mut errors = Vec::new();
    for batch in squared_errors(rbm, v)? {
        errors.extend(batch.to_vec_async().await?.into_iter().map(f64::from));
    }
    Ok(mean(&errors))
}

/// The same of each case.
///
/// # Errors
/// As [`reconstruction_error`].
pub fn reconstruction_errors(rbm: &Rbm, v: &Tensor) -> Result<Vec<f64>> {
    let mut errors = Vec::new();
    for batch in squared_errors(rbm, v)? {
        errors.extend(each(&batch)?);
    }
    Ok(errors)
}

/// Each case's squared error, batch by batch.
fn squared_errors(rbm: &Rbm, v: &Tensor) -> Result<Vec<Tensor>> {
    let mut errors = Vec::new();
    of_machine("reconstruction_error", rbm, v, |v, _| {
        let mut difference = rbm.reconstruct(v)?;
        elementwise_in_place(Elementwise::SquaredDifference, &mut difference, Some(v))?;
        errors.push(reduce(Reduction::Sum, Axis::Rows, 1.0, &difference)?);
        Ok(())
    })?;
    Ok(errors)
}

/// The mean of F(v) over the cases of `v` `[N, I]`. Its level means nothing without log Z; the gap between
/// training and validation data shows overfitting (Hinton 2010, section 6).
///
/// # Errors
/// As [`reconstruction_error`].
pub fn mean_free_energy(rbm: &Rbm, v: &Tensor) -> Result<f64> {
    Ok(mean(&free_energies(rbm, v)?))
}

/// F(v) of each case.
///
/// # Errors
/// As [`reconstruction_error`].
pub fn free_energies(rbm: &Rbm, v: &Tensor) -> Result<Vec<f64>> {
    let mut energies = Vec::new();
    of_machine("mean_free_energy", rbm, v, |v, _| {
        energies.extend(each(&rbm.free_energy(v)?)?);
        Ok(())
    })?;
    Ok(energies)
}

/// The mean of p(h | v) over the cases of `v` `[N, I]`, for each hidden unit.
///
/// # Errors
/// As [`reconstruction_error`].
pub fn hidden_activity(rbm: &Rbm, v: &Tensor) -> Result<Vec<f64>> {
    hidden_activity_of(rbm, v, None)
}

/// The same where each case counts as much as its weight says.
///
/// # Errors
/// As [`reconstruction_error`]; [`Error::Data`](crate::Error::Data) where there are not as many weights as cases.
pub fn hidden_activity_of(rbm: &Rbm, v: &Tensor, weights: Option<&[f32]>) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; rbm.hidden_count()];
    let (op, all) = ("hidden_activity", v.shape().matrix("hidden_activity", "v")?[0]);
    check_weights(weights, all)?;
    let cases = of_machine(op, rbm, v, |v, first| {
        let mut means = rbm.mean_h_from_v(v)?;
        if let Some(weights) = weights {
            let rows = v.shape().matrix(op, "v")?[0];
            let own = Tensor::from_f32(v.device(), &[rows, 1], &weights[first..first + rows])?;
            elementwise_in_place(Elementwise::Multiply, &mut means, Some(&own))?;
        }
        let batch = reduce(Reduction::Sum, Axis::Columns, 1.0, &means)?.to_vec()?;
        sums.iter_mut().zip(batch).for_each(|(sum, x)| *sum += f64::from(x));
        Ok(())
    })?;
    let whole = weights.map_or(cases as f64, |w| w.iter().map(|&w| f64::from(w)).sum());
    sums.iter_mut().for_each(|sum| *sum /= whole);
    Ok(sums)
}

/// The length of a hidden unit's weights, ‖W·j‖, the mean over the hidden units: how far the machine is from
/// its small random start, and whether its weights still grow.
///
/// # Errors
/// Those of the kernels, and of reading back.
///
/// ```
/// use harmonium::evaluation::scores::weight_norm;
/// use harmonium::models::{Rbm, UnitKind};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let w = Tensor::from_f32(&device, &[2, 2], &[3., 0., 4., 0.])?;
/// let zeros = || Tensor::zeros(&device, &[2]);
/// let rbm = Rbm::from_parts(UnitKind::Bernoulli, UnitKind::Bernoulli, w, zeros()?, zeros()?)?;
/// assert_eq!(weight_norm(&rbm)?, 2.5); // of 5 and 0
/// # Ok::<(), harmonium::Error>(())
/// ```
pub fn weight_norm(rbm: &Rbm) -> Result<f64> {
    let mut squares = Tensor::for_output(rbm.device(), rbm.w.shape().dims())?;
    elementwise(Elementwise::Multiply, &rbm.w, Some(&rbm.w), &mut squares)?;
    let sums = reduce(Reduction::Sum, Axis::Columns, 1.0, &squares)?.to_vec()?;
    Ok(mean(&sums.iter().map(|&x| f64::from(x).sqrt()).collect::<Vec<_>>()))
}

fn each(values: &Tensor) -> Result<Vec<f64>> {
    Ok(values.to_vec()?.into_iter().map(f64::from).collect())
}
