//! The class of features in a machine whose visible layer is labelled: an exact posterior by free energies, and its
//! gradient.

use super::{Rbm, UnitKind, labels};
use crate::error::{Error, Result};
use crate::kernels::activation::{Activation, activate_in_place};
use crate::kernels::columns::{Span, columns};
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::kernels::gather::{Selection, Transform, gather};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
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
        let (field, classes) = self.field_without_class(features, "class_free_energies")?;
        let rows = field.shape().dims()[0];
        let mut energies = Tensor::for_output(self.device(), &[rows, classes])?;
        let mut inputs = Tensor::for_output(self.device(), field.shape().dims())?;
        for class in 0..classes {
            self.field_of_class(&field, class, &mut inputs)?;
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

    /// −Σ_b Σ_k c_bk ∂F([x_b, label k])/∂θ for θ = W, b and a, of features x `[B, I]` and coefficients c `[B, K]`:
    /// exactly, without a sample. With c = onehot(y) − p(·|x) it is the gradient of Σ ln p(y|x); with c = onehot(y) the
    /// data's term of the gradient of Σ ln p(x, y), and with c = p(·|x) that of Σ ln p(x).
    ///
    /// With s_bkj = σ(a_j + x_b·W·ⱼ + U_kj): for W Σ x_bi c_bk s_bkj, for U Σ_b c_bk s_bkj, for a Σ c_bk s_bkj, for the
    /// features' bias Σ c_bk x_bi, and for the label's Σ_b c_bk.
    ///
    /// # Errors
    /// As [`Rbm::class_free_energies`]; [`Error::Shape`] where the coefficients are not one for each case and class.
    pub fn class_gradient(&self, features: &Tensor, coefficients: &Tensor) -> Result<[Tensor; 3]> {
        let op = "class_gradient";
        let (field, classes) = self.field_without_class(features, op)?;
        let (device, hidden) = (self.device(), self.hidden_count());
        let (rows, first) = (field.shape().dims()[0], self.visible().features().count());
        expect(op, "the coefficients", coefficients, device, &[rows, classes])?;
        let mut of_labels = Vec::with_capacity(classes);
        let states = self.weighted_states(&field, coefficients, |of_class| {
            let sums = reduce(Reduction::Sum, Axis::Columns, 1.0, of_class)?;
            of_labels.push(sums.reshape(&[1, hidden])?);
            Ok(())
        })?;
        // The label's rows of the product are written over.
        let mut w = Tensor::for_output(device, &[first + classes, hidden])?;
        let joined = labels::join(features, coefficients)?;
        matmul(&joined, &states, Transpose::TN, &Epilogue::default(), &mut w)?;
        let only = Tensor::from_u32(device, &[1], &[0])?;
        for (class, sums) in of_labels.iter().enumerate() {
            let row = first + class;
            let pick = Selection { indices: &only, first_index: 0, rows: 1, first_row: row };
            gather(sums, pick, &Transform::default(), &mut w)?;
        }
        let whole = reduce(Reduction::Sum, Axis::Rows, 1.0, coefficients)?.reshape(&[rows, 1])?;
        let mut weighted = features.try_clone()?.reshape(&[rows, first])?;
        elementwise_in_place(Elementwise::Multiply, &mut weighted, Some(&whole))?;
        let weighted = labels::join(&weighted, coefficients)?;
        let b = reduce(Reduction::Sum, Axis::Columns, 1.0, &weighted)?;
        let a = reduce(Reduction::Sum, Axis::Columns, 1.0, &states)?;
        Ok([w, b, a])
    }

    /// Σ_k c_bk σ(a + x_bᵀW + U_k) `[B, J]`, of features `[B, I]` and coefficients `[B, K]`.
    pub(super) fn class_states(&self, features: &Tensor, coefficients: &Tensor) -> Result<Tensor> {
        let (field, classes) = self.field_without_class(features, "class_states")?;
        let rows = field.shape().dims()[0];
        expect("class_states", "the coefficients", coefficients, self.device(), &[rows, classes])?;
        self.weighted_states(&field, coefficients, |_| Ok(()))
    }

    /// The same of inputs without a class; `seen` gets what each class adds.
    fn weighted_states(
        &self,
        field: &Tensor,
        coefficients: &Tensor,
        mut seen: impl FnMut(&Tensor) -> Result<()>,
    ) -> Result<Tensor> {
        let [rows, classes] = coefficients.shape().matrix("classes", "the coefficients")?;
        let mut states = Tensor::zeros(self.device(), field.shape().dims())?;
        let mut of_class = Tensor::for_output(self.device(), field.shape().dims())?;
        let mut own = Tensor::for_output(self.device(), &[rows, 1])?;
        for class in 0..classes {
            self.field_of_class(field, class, &mut of_class)?;
            activate_in_place(Activation::Sigmoid, &mut of_class)?;
            columns(coefficients, Span { from: class, to: 0, count: 1 }, &mut own)?;
            elementwise_in_place(Elementwise::Multiply, &mut of_class, Some(&own))?;
            seen(&of_class)?;
            elementwise_in_place(Elementwise::ADD, &mut states, Some(&of_class))?;
        }
        Ok(states)
    }

    /// The hidden units' inputs from features alone, a + x·W `[B, J]`, and how many classes there are.
    fn field_without_class(&self, features: &Tensor, op: &'static str) -> Result<(Tensor, usize)> {
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
        let none = Tensor::zeros(self.device(), &[rows, classes])?;
        let field = self.h_from_v(&labels::join(features, &none)?).field()?;
        Ok((field, classes))
    }

    /// Those inputs with a class: the label's weights are added.
    fn field_of_class(&self, field: &Tensor, class: usize, inputs: &mut Tensor) -> Result<()> {
        let device = self.device();
        let row = (self.visible().features().count() + class) as u32;
        let number = Tensor::from_u32(device, &[1], &[row])?;
        let mut weights = Tensor::for_output(device, &[1, self.hidden_count()])?;
        let pick = Selection { indices: &number, first_index: 0, rows: 1, first_row: 0 };
        gather(self.weights(), pick, &Transform::default(), &mut weights)?;
        elementwise(Elementwise::ADD, field, Some(&weights), inputs)
    }
}
