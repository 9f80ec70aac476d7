//! The exact gradient of the log-likelihood, for machines that can be enumerated: the yardstick of contrastive
//! divergence, in teaching and in tests.

use crate::error::{Error, Result};
use crate::kernels::bias_update::{BiasPhases, bias_gradient};
use crate::kernels::cd_update::{Phases, cd_gradient};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::exact::{Expectations, expectations};
use crate::tensor::Tensor;

use super::ascent::ascend;
use super::centring::press;
use super::contrastive_divergence::CdTrainer;
use super::weighing::Weighing;

impl CdTrainer {
    /// One update whose model term is the expectation itself. The order of operations is that of a sampled
    /// update: the gradient (centred where training is), momentum and decay, then the offsets.
    pub(super) fn exact_update(
        &mut self,
        v0: &Tensor,
        weights: Option<&Tensor>,
        epoch: u64,
    ) -> Result<()> {
        let device = self.rbm.device().clone();
        let rows = v0.shape().matrix("exact gradient", "the batch")?[0];
        let (i, j) = (self.rbm.visible_count(), self.rbm.hidden_count());
        let scale = 1.0 / rows as f32;
        let mut p0 = self.rbm.mean_h_from_v(v0)?;
        let weighing = weights.map(|w| Weighing::new(w, rows, None)).transpose()?;
        let offsets = self.centring.as_ref().map(|c| (&c.mu, &c.lambda));
        let [mu, lambda] = [offsets.map(|o| o.0), offsets.map(|o| o.1)];
        let weighed = |x: &Tensor, offset| match &weighing {
            Some(weighing) => weighing.of_cases(x, offset),
            None => x.try_clone(),
        };
        let mut counted = weighed(&p0, lambda)?;
        let mean_h = reduce(Reduction::Sum, Axis::Columns, scale, &counted)?;
        if let (Some(sparsity), Some(activity)) = (self.config.sparsity, &mut self.activity) {
            press(sparsity, activity, &mean_h, &mut p0)?;
            counted = weighed(&p0, lambda)?;
        }
        let (p0, x0) = (counted, weighed(v0, mu)?);
        let model = expectations(&self.rbm)?;
        if !model.log_partition.is_finite() {
            return Err(Error::Diverged {
                epoch,
                step: self.clock.epoch_updates + 1,
                what: "ln Z".into(),
                advice: String::new(),
            });
        }

        // The data's term on the device, with no chain; the model's from the host.
        let none = [Tensor::zeros(&device, &[0, i])?, Tensor::zeros(&device, &[0, j])?];
        let scales = [scale, 0.0];
        let phases = Phases { v0, p0: &p0, vk: &none[0], pk: &none[1], scales, offsets };
        let mut dw = Tensor::for_output(&device, &[i, j])?;
        cd_gradient(&phases, &mut dw)?;
        let mut db = Tensor::for_output(&device, &[i])?;
        bias_gradient(&BiasPhases { x0: &x0, xk: &none[0], scales }, &mut db)?;
        let mut da = Tensor::for_output(&device, &[j])?;
        bias_gradient(&BiasPhases { x0: &p0, xk: &none[1], scales }, &mut da)?;
        let whole = match weights {
            Some(weights) => {
                weights.to_vec()?.into_iter().map(f64::from).sum::<f64>() / rows as f64
            }
            None => 1.0,
        };
        let [w, b, a] = self.model_term(&model, whole)?;
        let gradients = [(dw, w), (db, b), (da, a)];

        let step = self.step(epoch);
        let parameters = [&mut self.rbm.w, &mut self.rbm.b, &mut self.rbm.a];
        let own = self.velocity.iter_mut().zip(parameters).zip(gradients).enumerate();
        for (k, ((velocity, parameter), (mut gradient, model))) in own {
            elementwise_in_place(Elementwise::SUBTRACT, &mut gradient, Some(&model))?;
            ascend(step, &gradient, k == 0, velocity, parameter)?;
        }
        self.move_offsets(&x0, Some(mean_h), scale)
    }

    /// ⟨(v − μ)(h − λ)ᵀ⟩, ⟨v⟩ and ⟨h⟩ on the device, `whole` times, the means around their offsets.
    fn model_term(&self, model: &Expectations, whole: f64) -> Result<[Tensor; 3]> {
        let device = self.rbm.device();
        let (i, j) = (model.v.len(), model.h.len());
        let mut vh = model.vh.clone();
        if let Some(centring) = &self.centring {
            let (mu, lambda) = (centring.mu.to_vec()?, centring.lambda.to_vec()?);
            for (row, (v, mu)) in vh.chunks_mut(j).zip(model.v.iter().zip(&mu)) {
                for (x, (h, lambda)) in row.iter_mut().zip(model.h.iter().zip(&lambda)) {
                    let (mu, lambda) = (f64::from(*mu), f64::from(*lambda));
                    *x += mu * lambda - mu * h - v * lambda;
                }
            }
        }
        let (mut v, mut h) = (model.v.clone(), model.h.clone());
        if whole != 1.0 {
            vh.iter_mut().for_each(|x| *x *= whole);
            let [mu, lambda] = match &self.centring {
                Some(centring) => [centring.mu.to_vec()?, centring.lambda.to_vec()?],
                None => [vec![0.0; i], vec![0.0; j]],
            };
            for (means, offsets) in [(&mut v, mu), (&mut h, lambda)] {
                for (mean, offset) in means.iter_mut().zip(offsets) {
                    *mean = f64::from(offset) + whole * (*mean - f64::from(offset));
                }
            }
        }
        let upload = |dims: &[usize], x: &[f64]| {
            Tensor::from_f32(device, dims, &x.iter().map(|&x| x as f32).collect::<Vec<_>>())
        };
        Ok([upload(&[i, j], &vh)?, upload(&[i], &v)?, upload(&[j], &h)?])
    }
}
