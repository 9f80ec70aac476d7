//! The class of features in a machine whose visible layer is labelled: an exact posterior by free energies.

use super::{Rbm, UnitKind, labels};
use crate::error::{Error, Result};
use crate::kernels::activation::{Activation, activate_in_place};
use crate::kernels::columns::{Span, columns};
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::gather::{Selection, Transform, gather};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::softmax::softmax;
use crate::tensor::Tensor;

impl Rbm {
    /// F([x, label k]) of features x `[B, J]` with each class in turn, `[B, K]`, but for the features' own −bᵀx, which
    /// no class changes: −d_k − Σⱼ softplus(aⱼ + x·W·ⱼ + U_kj) with U and d the label's weights and bias (Hinton,
    /// Osindero and Teh 2006; Larochelle and Bengio 2008). One product with W serves all classes.
    ///
    /// # Errors
    /// [`Error::Setting`] where the visible layer is not labelled or a hidden unit is not Bernoulli; as
    /// [`Rbm::mean_h_from_v`].
    pub fn class_free_energies(&self, features: &Tensor) -> Result<Tensor> {
        let op = "class_free_energies";
        let Some(classes) = self.visible().classes() else {
            let kind = self.visible().kind();
            let detail = format!("{kind} visible units have no label; join one to them");
            return Err(Error::setting("classes", detail));
        };
        if self.hidden().kind() != UnitKind::Bernoulli {
            let detail =
                format!("{} hidden units; bernoulli ones are needed", self.hidden().kind());
            return Err(Error::setting("classes", detail));
        }
        let rows = features.shape().matrix(op, "the features")?[0];
        let (device, first) = (self.device(), self.visible().features().count());
        let none = Tensor::zeros(device, &[rows, classes])?;
        let field = self.h_from_v(&labels::join(features, &none)?).field()?;
        let mut energies = Tensor::for_output(device, &[rows, classes])?;
        let mut inputs = Tensor::for_output(device, field.shape().dims())?;
        for class in 0..classes {
            let number = Tensor::from_u32(device, &[1], &[(first + class) as u32])?;
            let mut weights = Tensor::for_output(device, &[1, self.hidden_count()])?;
            let pick = Selection { indices: &number, first_index: 0, rows: 1, first_row: 0 };
            gather(self.weights(), pick, &Transform::default(), &mut weights)?;
            elementwise(Elementwise::ADD, &field, Some(&weights), &mut inputs)?;
            activate_in_place(Activation::Softplus, &mut inputs)?;
            let sums = reduce(Reduction::Sum, Axis::Rows, -1.0, &inputs)?.reshape(&[rows, 1])?;
            columns(&sums, Span { from: 0, to: class, count: 1 }, &mut energies)?;
        }
        let bias = self.visible_bias().try_clone()?.reshape(&[1, self.visible_count()])?;
        let own = labels::label(self.visible(), &bias)?;
        elementwise_in_place(Elementwise::SUBTRACT, &mut energies, Some(&own))?;
        Ok(energies)
    }

    /// p(class | features) `[B, K]` for features `[B, J]`: exactly, the softmax of −F.
    ///
    /// ```
    /// use harmonium::models::{Rbm, Units};
    /// use harmonium::{Device, Tensor};
    /// let device = Device::cpu();
    /// let rbm = Rbm::new(&device, Units::labelled(6, 3), Units::bernoulli(4), 42)?;
    /// let p = rbm.class_probabilities(&Tensor::zeros(&device, &[1, 6])?)?.to_vec()?;
    /// assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (p[0] - 1.0 / 3.0).abs() < 0.05);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Rbm::class_free_energies`].
    pub fn class_probabilities(&self, features: &Tensor) -> Result<Tensor> {
        let mut energies = self.class_free_energies(features)?;
        elementwise_in_place(Elementwise::Affine(-1.0, 0.0), &mut energies, None)?;
        let mut probabilities = Tensor::for_output(self.device(), energies.shape().dims())?;
        softmax(&energies, &mut probabilities)?;
        Ok(probabilities)
    }
}
