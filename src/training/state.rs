//! The state of a trainer on the host: all that the rest of its training depends on.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::tensor::Tensor;

use super::contrastive_divergence::CdTrainer;

/// An array of f32 on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostArray {
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Where training stands. With the data, the settings and the same device it decides every later bit:
/// random numbers and the order of an epoch's cases are functions of the seed and of these counters.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainerState {
    /// Epochs done.
    pub epochs_done: u64,
    /// Updates done since the first epoch began.
    pub updates_done: u64,
    /// Updates done in the epoch under way.
    pub epoch_updates: u64,
    /// Cases used in the epoch under way.
    pub epoch_cases: u64,
    /// `W`, `b`, `a` and their last changes `dW`, `db`, `da`; where they are in use, the centring's
    /// offsets `mu` and `lambda`, the sparsity target's `activity`, and the persistent `chains`.
    pub arrays: BTreeMap<String, HostArray>,
}

impl CdTrainer {
    /// The present state, read from the device; waits for all recorded updates.
    ///
    /// # Errors
    /// [`Error::Diverged`] where anything in it is not finite: such a state is worth nothing. Device
    /// errors.
    pub fn state(&self) -> Result<TrainerState> {
        let (epoch, first_update) = (self.epochs_done + 1, self.updates_done - self.epoch_updates);
        self.check_divergence(epoch, first_update)?;
        let mut arrays = BTreeMap::new();
        for (name, tensor) in self.named() {
            let values = tensor.to_vec()?;
            if !values.iter().all(|x| x.is_finite()) {
                return Err(Error::Diverged {
                    epoch,
                    step: self.epoch_updates,
                    what: format!("a value of {name}"),
                    advice: String::new(),
                });
            }
            arrays.insert(name.into(), HostArray { shape: tensor.shape().dims().into(), values });
        }
        Ok(TrainerState {
            epochs_done: self.epochs_done,
            updates_done: self.updates_done,
            epoch_updates: self.epoch_updates,
            epoch_cases: self.epoch_cases,
            arrays,
        })
    }

    /// Takes up a state that [`CdTrainer::state`] gave, of a trainer with the same settings. On the same
    /// device training then goes on bit for bit as it would have.
    ///
    /// # Errors
    /// [`Error::Run`] where the state is of another machine or of other settings: an array is missing,
    /// is one too many, or has another shape. The trainer is then not to be used further.
    pub fn restore(&mut self, state: &TrainerState) -> Result<()> {
        let unfit = |detail: String| Err(Error::run("training state", detail));
        if self.config.persistent && state.arrays.contains_key("chains") {
            let dims = [self.config.batch, self.rbm.visible_count()];
            self.chains = Some(Tensor::zeros(self.rbm.device(), &dims)?);
        } else {
            self.chains = None;
        }
        let mut used = 0;
        for (name, tensor) in self.named_mut() {
            let Some(array) = state.arrays.get(name) else {
                return unfit(format!("it has no array {name}, which these settings need"));
            };
            if array.shape != tensor.shape().dims() {
                let (found, expected) = (&array.shape, tensor.shape());
                return unfit(format!("{name} has the shape {found:?}, expected {expected}"));
            }
            tensor.upload(&array.values)?;
            used += 1;
        }
        if used != state.arrays.len() {
            let names: Vec<&str> = state.arrays.keys().map(String::as_str).collect();
            return unfit(format!("it holds {}, more than these settings use", names.join(", ")));
        }
        self.epochs_done = state.epochs_done;
        self.updates_done = state.updates_done;
        self.epoch_updates = state.epoch_updates;
        self.epoch_cases = state.epoch_cases;
        Ok(())
    }

    fn named(&self) -> Vec<(&'static str, &Tensor)> {
        let [dw, db, da] = &self.velocity;
        let mut named = vec![("W", &self.rbm.w), ("b", &self.rbm.b), ("a", &self.rbm.a)];
        named.extend([("dW", dw), ("db", db), ("da", da)]);
        if let Some(centring) = &self.centring {
            named.extend([("mu", &centring.mu), ("lambda", &centring.lambda)]);
        }
        named.extend(self.activity.as_ref().map(|q| ("activity", q)));
        named.extend(self.chains.as_ref().map(|v| ("chains", v)));
        named
    }

    fn named_mut(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        let [dw, db, da] = &mut self.velocity;
        let rbm = &mut self.rbm;
        let mut named = vec![("W", &mut rbm.w), ("b", &mut rbm.b), ("a", &mut rbm.a)];
        named.extend([("dW", dw), ("db", db), ("da", da)]);
        if let Some(centring) = &mut self.centring {
            named.extend([("mu", &mut centring.mu), ("lambda", &mut centring.lambda)]);
        }
        named.extend(self.activity.as_mut().map(|q| ("activity", q)));
        named.extend(self.chains.as_mut().map(|v| ("chains", v)));
        named
    }
}
