//! p(a layer | the other layer) of a batch: one view for either direction and every kind of units.

use super::labels;
use super::units::{UnitKind, Units};
use crate::error::{Error, Result};
use crate::kernels::activation::{Activation, activate, activate_in_place};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Sampled, Transpose, matmul, matmul_sample};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::{categorical, rectified, sample};
use crate::random::Draw;
use crate::tensor::Tensor;

use super::sums::gaussian_constant;

/// A layer given the other: [`Rbm::h_from_v`](super::Rbm::h_from_v) or [`Rbm::v_from_h`](super::Rbm::v_from_h). It
/// reads the machine and the given states, and holds nothing of its own. Samples are one dispatch (of softmax
/// groups two).
///
/// ```
/// use harmonium::models::{Rbm, Units};
/// use harmonium::random::Draw;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let rbm = Rbm::new(&device, Units::bernoulli(6), Units::bernoulli(3), 42)?;
/// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// let [mut mean, mut h] = [Tensor::for_output(&device, &[1, 3])?, Tensor::for_output(&device, &[1, 3])?];
/// rbm.h_from_v(&v).sample_and_mean_into(&Draw::new(1, 300), &mut mean, &mut h)?;
/// assert!(h.to_vec()?.iter().all(|&h| h == 0.0 || h == 1.0));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Conditional<'a> {
    pub(super) units: Units,
    pub(super) given: &'a Tensor,
    pub(super) weights: &'a Tensor,
    pub(super) transpose: Transpose,
    /// Of the product `given`·`weights`, the activation apart.
    pub(super) input: Epilogue<'a>,
}

impl<'a> Conditional<'a> {
    /// The same at the inverse temperature β: the product, and the way from the bias `base` to the own one.
    pub(crate) fn at(mut self, beta: f32, base: &'a Tensor) -> Self {
        self.input = Epilogue { alpha: beta, beta, bias0: Some(base), ..self.input };
        self
    }

    /// The means: probabilities, or the inputs of Gaussian units.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn mean(&self) -> Result<Tensor> {
        let mut mean = self.output()?;
        self.mean_into(&mut mean)?;
        Ok(mean)
    }

    /// As [`Conditional::mean`], into a tensor that there is.
    ///
    /// # Errors
    /// As [`Conditional::mean`].
    pub fn mean_into(&self, mean: &mut Tensor) -> Result<()> {
        match (self.units.kind(), self.units.kind().by_unit()) {
            (UnitKind::Softmax(states), _) => {
                categorical::probabilities(&self.field()?, states, mean)
            }
            (UnitKind::Labelled(_), _) => self.labelled_mean(&self.field()?, mean),
            (UnitKind::Spin, _) => self.product(Activation::Tanh, mean),
            (UnitKind::Rectified, _) => rectified::mean(&self.field()?, mean),
            (_, by_unit) => self.product(by_unit.map_or(Activation::Identity, |f| f.0), mean),
        }
    }

    /// A sample.
    ///
    /// # Errors
    /// As [`Conditional::mean`].
    pub fn sample(&self, draw: &Draw) -> Result<Tensor> {
        let mut sample = self.output()?;
        self.sample_into(draw, &mut sample)?;
        Ok(sample)
    }

    /// As [`Conditional::sample`], into a tensor that there is.
    ///
    /// # Errors
    /// As [`Conditional::mean`].
    pub fn sample_into(&self, draw: &Draw, sample: &mut Tensor) -> Result<()> {
        self.draw(draw, None, sample)
    }

    /// A sample and the means that it was drawn from.
    ///
    /// # Errors
    /// As [`Conditional::mean`].
    pub fn sample_and_mean_into(
        &self,
        draw: &Draw,
        mean: &mut Tensor,
        sample: &mut Tensor,
    ) -> Result<()> {
        self.draw(draw, Some(mean), sample)
    }

    fn draw(&self, draw: &Draw, mean: Option<&mut Tensor>, sample: &mut Tensor) -> Result<()> {
        self.rows()?;
        match (self.units.kind(), self.units.kind().by_unit()) {
            (_, Some((activation, noise))) => {
                let epilogue = Epilogue { activation, ..self.input };
                let sampled = Sampled { mean, ..Sampled::new(noise, draw, sample) };
                matmul_sample(self.given, self.weights, self.transpose, &epilogue, sampled)
            }
            (UnitKind::Labelled(_), None) => match mean {
                Some(mean) => self.labelled_sample(draw, mean, sample),
                None => self.labelled_sample(draw, &mut self.output()?, sample),
            },
            (UnitKind::Spin, None) => self.spin_sample(draw, mean, sample),
            (UnitKind::Rectified, None) => {
                let field = self.field()?;
                mean.map_or(Ok(()), |mean| rectified::mean(&field, mean))?;
                rectified::sample(draw, &field, sample)
            }
            (kind, None) => {
                let field = self.field()?;
                if let Some(mean) = mean {
                    categorical::probabilities(&field, kind.states(), mean)?;
                }
                categorical::sample(&field, kind.states(), draw, sample)
            }
        }
    }

    /// With p = σ(2x) a spin is 1, with the draws of a Bernoulli unit.
    fn spin_sample(
        &self,
        draw: &Draw,
        mean: Option<&mut Tensor>,
        sample: &mut Tensor,
    ) -> Result<()> {
        let mut p = self.field()?;
        if let Some(mean) = mean {
            activate(Activation::Tanh, &p, mean)?;
        }
        elementwise_in_place(Elementwise::Affine(2.0, 0.0), &mut p, None)?;
        activate_in_place(Activation::Sigmoid, &mut p)?;
        sample::bernoulli(draw, &p, sample)?;
        elementwise_in_place(Elementwise::Affine(2.0, -1.0), sample, None)
    }

    fn labelled_mean(&self, field: &Tensor, mean: &mut Tensor) -> Result<()> {
        activate(Activation::Sigmoid, field, mean)?;
        let label = self.of_label(field, |inputs, states, label| {
            categorical::probabilities(inputs, states, label)
        })?;
        labels::set_label(self.units, &label, mean)
    }

    fn labelled_sample(&self, draw: &Draw, mean: &mut Tensor, sample: &mut Tensor) -> Result<()> {
        let field = self.field()?;
        self.labelled_mean(&field, mean)?;
        sample::bernoulli(draw, mean, sample)?;
        let label = self.of_label(&field, |inputs, states, label| {
            categorical::sample(inputs, states, &draw.of_label(), label)
        })?;
        labels::set_label(self.units, &label, sample)
    }

    /// What `f(the label's inputs, their number, the output)` makes of it.
    fn of_label(
        &self,
        field: &Tensor,
        f: impl FnOnce(&Tensor, usize, &mut Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let inputs = labels::label(self.units, field)?;
        let mut label = Tensor::for_output(field.device(), inputs.shape().dims())?;
        f(&inputs, self.units.kind().states(), &mut label)?;
        Ok(label)
    }

    /// −ln Σ or ∫ over the layer's states of exp(−E), but for the given layer's own part: `[B]`.
    pub(crate) fn free_energy(&self) -> Result<Tensor> {
        match self.units.kind() {
            UnitKind::Bernoulli => {
                let mut softplus = self.output()?;
                self.product(Activation::Softplus, &mut softplus)?;
                reduce(Reduction::Sum, Axis::Rows, -1.0, &softplus)
            }
            UnitKind::Gaussian => {
                let mut energy = reduce(Reduction::SumOfSquares, Axis::Rows, -0.5, &self.field()?)?;
                let constant = -gaussian_constant(self.units.count()) as f32;
                elementwise_in_place(Elementwise::Affine(1.0, constant), &mut energy, None)?;
                Ok(energy)
            }
            UnitKind::Softmax(states) => {
                let dims = [self.rows()?, self.units.choices()];
                let mut sums = Tensor::for_output(self.weights.device(), &dims)?;
                categorical::log_sum_exp(&self.field()?, states, &mut sums)?;
                reduce(Reduction::Sum, Axis::Rows, -1.0, &sums)
            }
            UnitKind::Labelled(_) => Err(self.units.kind().hidden_label()),
            kind @ UnitKind::Rectified => {
                Err(kind.check_energy().err().unwrap_or_else(|| kind.hidden_label()))
            }
            // Of visible spins alone, whose sum nobody takes on a device.
            UnitKind::Spin => Err(Error::setting("hidden", "spins are visible units")),
        }
    }

    /// The inputs x.
    pub(crate) fn field(&self) -> Result<Tensor> {
        let mut field = self.output()?;
        self.field_into(&mut field)?;
        Ok(field)
    }

    /// As [`Conditional::field`], into a tensor that there is.
    pub(crate) fn field_into(&self, field: &mut Tensor) -> Result<()> {
        self.product(Activation::Identity, field)
    }

    fn product(&self, activation: Activation, out: &mut Tensor) -> Result<()> {
        self.rows()?;
        let epilogue = Epilogue { activation, ..self.input };
        matmul(self.given, self.weights, self.transpose, &epilogue, out)
    }

    /// How many cases are given, in as many values as their layer has units.
    fn rows(&self) -> Result<usize> {
        let [rows, values] = self.given.shape().matrix("rbm", "the states")?;
        let [below, above] = self.weights.shape().matrix("rbm", "the weights")?;
        let units = if self.transpose == Transpose::NT { above } else { below };
        match values == units {
            true => Ok(rows),
            false => {
                let detail = format!("{values} values a row are given of a layer of {units} units");
                Err(Error::shape("states", detail))
            }
        }
    }

    fn output(&self) -> Result<Tensor> {
        Tensor::for_output(self.weights.device(), &[self.rows()?, self.units.count()])
    }
}
