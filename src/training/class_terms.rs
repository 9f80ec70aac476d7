//! The terms of a classification machine's gradient: of cases with a class, of others, and of the model.

use super::centring::Centring;
use super::class_rbm::ClassTrainer;
use super::class_seen::Seen;
use super::start::repeated;
use super::weighing::Weighing;
use crate::error::Result;
use crate::kernels::argmax::Extreme;
use crate::kernels::cross_entropy::cross_entropy;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::error_count::error_count;
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::{Losses, Place, categorical};
use crate::models::labels::join;
use crate::tensor::Tensor;

impl ClassTrainer {
    /// The means of the data's states, visible and hidden, where gradients are around them; `scale` is a case's share.
    pub(super) fn means(
        &self,
        v0: &Tensor,
        seen: &Seen,
        scale: f32,
    ) -> Result<Option<[Tensor; 2]>> {
        let Some(Centring { mu, lambda }) = &self.centring else { return Ok(None) };
        let rows = v0.shape().dims()[0];
        let hidden = self.machine.joint().mean_h_from_v(v0)?;
        let mean = |states: &Tensor, offset: &Tensor| {
            let weighed = match &seen.weights {
                Some(w) => Some(Weighing::new(w, rows, None)?.of_cases(states, Some(offset))?),
                None => None,
            };
            let states = weighed.as_ref().unwrap_or(states);
            reduce(Reduction::Sum, Axis::Columns, scale, states)
        };
        Ok(Some([mean(v0, mu)?, mean(&hidden, lambda)?]))
    }

    /// Of a batch's labelled cases, by their weights: the sum of −ln p(y|x), how many are wrong, and how many there are.
    pub(super) fn tally(&self, seen: &Seen, classes: &Tensor) -> Result<[Tensor; 3]> {
        let (device, rows) = (classes.device(), classes.shape().len());
        // A case without a class counts nothing, whichever it is compared with.
        let mut some = classes.try_clone()?;
        elementwise_in_place(Elementwise::Clamp(0.0, f32::MAX), &mut some, None)?;
        let [mut loss, mut wrong] =
            [Tensor::for_output(device, &[rows])?, Tensor::for_output(device, &[rows])?];
        cross_entropy(&seen.scores, &some, Losses::at(&mut loss, 0))?;
        error_count(&seen.scores, &some, Extreme::Largest, Place::at(&mut wrong, 0))?;
        let mut labelled = reduce(Reduction::Sum, Axis::Rows, 1.0, &seen.known)?;
        if let Some(weights) = &seen.weights {
            let own = weights.try_clone()?.reshape(labelled.shape().dims())?;
            elementwise_in_place(Elementwise::Multiply, &mut labelled, Some(&own))?;
        }
        for numbers in [&mut loss, &mut wrong] {
            elementwise_in_place(Elementwise::Multiply, numbers, Some(&labelled))?;
        }
        let sum = |numbers: &Tensor| reduce(Reduction::Sum, Axis::All, 1.0, numbers);
        Ok([sum(&loss)?, sum(&wrong)?, sum(&labelled)?])
    }

    /// What classes count in the data's term of labelled cases, `[B, K]`.
    pub(super) fn of_labelled(&self, seen: &Seen) -> Result<Tensor> {
        let [discriminative, generative] = self.config.objective.factors();
        let mut coefficients = seen.p.try_clone()?;
        let both = Elementwise::Combine(-discriminative, discriminative + generative);
        elementwise_in_place(both, &mut coefficients, Some(&seen.known))?;
        elementwise_in_place(Elementwise::Multiply, &mut coefficients, Some(&seen.shares[0]))?;
        Ok(coefficients)
    }

    /// The same of the others, but for the generative factor.
    pub(super) fn of_others(&self, seen: &Seen) -> Result<Tensor> {
        let mut own = seen.p.try_clone()?;
        elementwise_in_place(Elementwise::Multiply, &mut own, Some(&seen.shares[1]))?;
        Ok(own)
    }

    pub(super) fn data_term(&self, x: &Tensor, seen: &Seen) -> Result<[Tensor; 3]> {
        let mut coefficients = self.of_labelled(seen)?;
        if self.config.unlabelled {
            let more = Elementwise::Combine(1.0, self.config.objective.factors()[1]);
            elementwise_in_place(more, &mut coefficients, Some(&self.of_others(seen)?))?;
        }
        self.machine.joint().class_gradient(x, &coefficients)
    }

    /// α ⟨v hᵀ⟩, α ⟨v⟩ and α ⟨h⟩ of the model, as often as there are means in the data's term.
    pub(super) fn model_term(&mut self, v0: &Tensor, seen: &Seen) -> Result<[Tensor; 3]> {
        let unlabelled = self.config.unlabelled;
        let [labelled, others] = &seen.shares;
        if self.config.persistent {
            let chains = self.moved_chains((v0, seen.weights.as_ref()))?;
            let mut weight = self.of_a_chain(chains.shape().dims()[0])?;
            if seen.weights.is_some() {
                let mut all = Tensor::for_output(v0.device(), labelled.shape().dims())?;
                let other = if unlabelled { 1.0 } else { 0.0 };
                elementwise(Elementwise::Combine(1.0, other), labelled, Some(others), &mut all)?;
                let means = if unlabelled { 2.0 } else { 1.0 };
                let whole = reduce(Reduction::Sum, Axis::All, 1.0 / means, &all)?;
                elementwise_in_place(Elementwise::Multiply, &mut weight, Some(&whole))?;
            }
            return self.statistics(chains, &weight);
        }
        let generative = self.config.objective.factors()[1];
        let v = self.reached(v0)?;
        let mut weight = Tensor::for_output(v0.device(), labelled.shape().dims())?;
        let other = if unlabelled { generative } else { 0.0 };
        let both = Elementwise::Combine(generative, other);
        elementwise(both, labelled, Some(others), &mut weight)?;
        self.statistics(v, &weight)
    }

    /// What each of so many persistent chains counts, `[C, 1]`.
    pub(super) fn of_a_chain(&self, chains: usize) -> Result<Tensor> {
        let means = if self.config.unlabelled { 2.0 } else { 1.0 };
        let generative = self.config.objective.factors()[1];
        let weight = vec![generative * means / self.config.batch as f32; chains];
        Tensor::from_f32(self.machine.device(), &[chains, 1], &weight)
    }

    /// The persistent chains after an update's Gibbs steps; the first begin at the cases `v0`.
    pub(super) fn moved_chains(
        &mut self,
        (v0, weights): (&Tensor, Option<&Tensor>),
    ) -> Result<Tensor> {
        let mut v = match self.chains.take() {
            Some(chains) => chains,
            None => repeated(v0, weights, self.config.batch)?,
        };
        let joint = self.machine.joint();
        let mut h = Tensor::for_output(v.device(), &[v.shape().dims()[0], joint.hidden_count()])?;
        joint.gibbs(&mut v, &mut h, self.config.steps, &self.draw(1))?;
        self.chains.insert(v).try_clone()
    }

    /// Where an update's Gibbs steps from the data lead.
    pub(super) fn reached(&self, v0: &Tensor) -> Result<Tensor> {
        let (steps, joint) = (self.config.steps, self.machine.joint());
        let rows = v0.shape().dims()[0];
        let mut h = Tensor::for_output(v0.device(), &[rows, joint.hidden_count()])?;
        joint.h_from_v(v0).sample_into(&self.draw(0).hidden(), &mut h)?;
        let mut v = Tensor::for_output(v0.device(), v0.shape().dims())?;
        for s in 1..=steps {
            joint.v_from_h(&h).sample_into(&self.draw(s).visible(), &mut v)?;
            if s < steps {
                joint.h_from_v(&v).sample_into(&self.draw(s).hidden(), &mut h)?;
            }
        }
        Ok(v)
    }

    /// Σ w v p(h|v)ᵀ, Σ w v and Σ w p(h|v) of states whose weights are `[rows, 1]`.
    pub(super) fn statistics(&self, v: Tensor, weight: &Tensor) -> Result<[Tensor; 3]> {
        let joint = self.machine.joint();
        let mut p = joint.mean_h_from_v(&v)?;
        elementwise_in_place(Elementwise::Multiply, &mut p, Some(weight))?;
        let dims = [joint.visible_count(), joint.hidden_count()];
        let mut w = Tensor::for_output(v.device(), &dims)?;
        matmul(&v, &p, Transpose::TN, &Epilogue::default(), &mut w)?;
        let mut weighted = v;
        elementwise_in_place(Elementwise::Multiply, &mut weighted, Some(weight))?;
        let b = reduce(Reduction::Sum, Axis::Columns, 1.0, &weighted)?;
        Ok([w, b, reduce(Reduction::Sum, Axis::Columns, 1.0, &p)?])
    }

    /// [x, y], with y drawn where it is not known.
    pub(super) fn with_classes(&self, x: &Tensor, seen: &Seen) -> Result<Tensor> {
        if !self.config.unlabelled {
            return join(x, &seen.known);
        }
        let mut y = Tensor::for_output(x.device(), seen.known.shape().dims())?;
        let draw = self.draw(0).visible().of_label();
        categorical::sample(&seen.scores, self.machine.classes(), &draw, &mut y)?;
        elementwise_in_place(Elementwise::Multiply, &mut y, Some(&seen.unknown))?;
        elementwise_in_place(Elementwise::ADD, &mut y, Some(&seen.known))?;
        join(x, &y)
    }
}
