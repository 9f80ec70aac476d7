//! The classification machine (Larochelle and Bengio 2008): a restricted Boltzmann machine of cases and their classes.
//!
//! Its visible layer is [x, y], the features and behind them the class as one softmax group:
//!
//! | | |
//! |---|---|
//! | energy | E(x, y, h) = −xᵀWh − bᵀx − aᵀh − U_y·h − d_y |
//! | class | p(y \| x) ∝ exp(d_y + Σⱼ softplus(aⱼ + U_yj + x·W·ⱼ)), exactly |
//! | free energy of x alone | F(x) = −bᵀx − ln Σ_y exp(d_y + Σⱼ softplus(aⱼ + U_yj + x·W·ⱼ)) |
//! | Gibbs chain | h ~ p(h \| x, y), then x ~ σ(b + Wh) and y ~ softmax(d + Uh) |
//!
//! How it is trained: [`ClassTrainer`](crate::training::ClassTrainer).

use std::collections::BTreeMap;

use super::rbm::Rbm;
use super::state::{Model, Visit};
use super::units::{UnitKind, Units};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::categorical::log_sum_exp;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::models::labels;
use crate::tensor::Tensor;

/// A classification machine on a device.
///
/// ```
/// use harmonium::models::ClassRbm;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// // Six features, three classes, four hidden units.
/// let machine = ClassRbm::new(&device, [6, 3], 4, 42)?;
/// let x = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// let p = machine.joint().class_probabilities(&x)?.to_vec()?;
/// assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct ClassRbm {
    pub(crate) joint: Rbm,
}

impl ClassRbm {
    /// A machine of `[features, classes]` and so many hidden units, with the weights of [`Rbm::new`].
    ///
    /// # Errors
    /// [`Error::Setting`] without features, classes or hidden units; [`Error::Limit`], [`Error::OutOfMemory`].
    pub fn new(
        device: &Device,
        [features, classes]: [usize; 2],
        hidden: usize,
        seed: u64,
    ) -> Result<Self> {
        let visible = Units::labelled(features, classes);
        Self::from_joint(Rbm::new(device, visible, Units::bernoulli(hidden), seed)?)
    }

    /// The machine whose visible layer is that of `joint`: features, and behind them a label.
    ///
    /// # Errors
    /// [`Error::Setting`] where the visible units have no label, or the hidden ones are not Bernoulli.
    pub fn from_joint(joint: Rbm) -> Result<Self> {
        let (visible, hidden) = (joint.visible(), joint.hidden().kind());
        if visible.classes().is_none() || hidden != UnitKind::Bernoulli {
            let detail = format!(
                "{} visible and {hidden} hidden units; a classification machine has a label behind bernoulli features, \
                 and bernoulli hidden units",
                visible.kind()
            );
            return Err(Error::setting("units", detail));
        }
        Ok(ClassRbm { joint })
    }

    /// The machine of [x, y]: W is `[I + K, J]`, b `[I + K]`, with the K rows of the classes last.
    pub fn joint(&self) -> &Rbm {
        &self.joint
    }

    /// The same, and the end of this one.
    pub fn into_joint(self) -> Rbm {
        self.joint
    }

    /// I: values of a case.
    pub fn features(&self) -> usize {
        self.joint.visible().features().count()
    }

    /// K.
    pub fn classes(&self) -> usize {
        self.joint.visible().classes().unwrap_or(0)
    }

    /// Sets the features' bias from the data's means, as [`Units::bias_of_means`] says; the classes' is 0.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of means is not the number of features.
    pub fn set_bias_from_means(&mut self, means: &[f32]) -> Result<()> {
        let mut bias = self.joint.visible().features().bias_of_means(means);
        bias.extend(vec![0.0; self.classes()]);
        self.joint.b.upload(&bias)
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.joint.device()
    }

    /// F(x) of each case, with the class summed out: `[B, I]` → `[B]`, so that p(x) = exp(−F(x))/Z.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn free_energy(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.shape().matrix("class rbm", "the cases")?[0];
        let (device, classes) = (self.device(), self.classes());
        let mut scores = self.joint.class_free_energies(x)?;
        elementwise_in_place(Elementwise::Affine(-1.0, 0.0), &mut scores, None)?;
        let mut sums = Tensor::for_output(device, &[rows, 1])?;
        log_sum_exp(&scores, classes, &mut sums)?;
        let mut energies = Tensor::for_output(device, &[rows, 1])?;
        // −[x, 0]ᵀ[b, d]: the classes' own part is in the scores.
        let none = Tensor::zeros(device, &[rows, classes])?;
        let negative = Epilogue { alpha: -1.0, ..Epilogue::default() };
        let joined = labels::join(x, &none)?;
        matmul(&joined, self.joint.visible_bias(), Transpose::NT, &negative, &mut energies)?;
        elementwise_in_place(Elementwise::SUBTRACT, &mut energies, Some(&sums))?;
        energies.reshape(&[rows])
    }

    /// x with p(class | x) behind it → the mean of h → the mean of x, without noise: `[B, I]` → `[B, I]`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn reconstruct(&self, x: &Tensor) -> Result<Tensor> {
        let again = self.joint.mean_v_from_h(&self.mean_h_from_x(x)?)?;
        labels::features(self.joint.visible(), &again)
    }

    /// The mean of p(h | x), the class summed out: Σ_y p(y|x) σ(a + U_y + xᵀW), `[B, I]` → `[B, J]`.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn mean_h_from_x(&self, x: &Tensor) -> Result<Tensor> {
        let p = self.joint.class_probabilities(x)?;
        self.joint.class_states(x, &p)
    }
}

impl Model for ClassRbm {
    fn kind(&self) -> &'static str {
        "class-rbm"
    }

    fn description(&self) -> BTreeMap<String, String> {
        [("harmonium.visible".to_string(), self.joint.visible().kind().to_string())].into()
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        self.joint.visit(visit)
    }
}
