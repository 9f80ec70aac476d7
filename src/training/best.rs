//! The best model of a training, by its scores on held out cases.

use super::learner::Learner;
use crate::error::Result;
use crate::models::{Model, Visit};
use crate::tensor::Tensor;

/// The arrays of the best model so far, and what was measured with it; nothing before the first
/// [`Best::consider`].
#[derive(Debug, Default)]
pub struct Best {
    /// Epoch and scores as f32, so that a checkpoint holds them to the bit.
    told: Option<Tensor>,
    values: Vec<(String, Option<Tensor>)>,
}

impl Best {
    /// Keeps the learner's present model where it is the best so far: its scores, lower ones being better, are
    /// compared one after another (an error, and at equal errors the loss). Says whether it is.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), other device errors.
    pub fn consider(&mut self, learner: &mut dyn Learner, scores: &[f64]) -> Result<bool> {
        let epoch = learner.clock().epochs;
        let now: Vec<f32> = scores.iter().map(|&x| x as f32).collect();
        if let Some(told) = &self.told {
            let before = told.to_vec()?;
            let differ = now.iter().zip(&before[1..]).find(|(now, before)| now != before);
            if differ.is_none_or(|(now, before)| now > before || now.is_nan()) {
                return Ok(false);
            }
        }
        let mut values = Vec::new();
        let mut copy = |name: &str, tensor: &mut Tensor| {
            values.push((name.to_string(), Some(tensor.try_clone()?)));
            Ok(())
        };
        learner.model().visit(&mut Visit::each(&mut copy))?;
        if let Some((_, Some(any))) = values.first() {
            let told: Vec<f32> = std::iter::once(epoch as f32).chain(now).collect();
            self.told = Some(Tensor::from_f32(any.device(), &[told.len()], &told)?);
        }
        self.values = values;
        Ok(true)
    }

    /// The epoch of the best model; `None` where nothing was considered.
    ///
    /// # Errors
    /// Device errors.
    pub fn epoch(&self) -> Result<Option<u64>> {
        match &self.told {
            Some(told) => Ok(told.to_vec()?.first().map(|&epoch| epoch as u64)),
            None => Ok(None),
        }
    }

    /// Exchanges a model's arrays with the best ones; a second call brings the last ones back. Nothing happens
    /// where nothing was considered.
    ///
    /// # Errors
    /// None but those of the visit.
    pub fn exchange(&mut self, model: &mut dyn Model) -> Result<()> {
        let mut values = self.values.iter_mut();
        let mut swap = |_: &str, tensor: &mut Tensor| {
            if let Some((_, Some(best))) = values.next() {
                std::mem::swap(tensor, best);
            }
            Ok(())
        };
        model.visit(&mut Visit::each(&mut swap))
    }

    /// Shows `best` and `best.…`, where there are any.
    ///
    /// # Errors
    /// Those of the visit.
    pub fn visit(&mut self, model: &mut dyn Model, visit: &mut Visit<'_>) -> Result<()> {
        let (mut device, mut names) = (None, Vec::new());
        let mut look = |name: &str, tensor: &mut Tensor| {
            device = Some(tensor.device().clone());
            names.push(name.to_string());
            Ok(())
        };
        model.visit(&mut Visit::each(&mut look))?;
        let Some(device) = device else { return Ok(()) };
        if self.values.is_empty() {
            self.values = names.into_iter().map(|name| (name, None)).collect();
        }
        visit.optional("best", &device, &mut self.told)?;
        for (name, value) in &mut self.values {
            visit.optional(&format!("best.{name}"), &device, value)?;
        }
        Ok(())
    }
}
