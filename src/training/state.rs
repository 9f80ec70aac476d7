//! The state of a trainer on the host: all that the rest of its training depends on.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::models::HostArray;
use crate::tensor::Tensor;

use super::backpropagation::Backpropagation;
use super::best::Best;
use super::contrastive_divergence::CdTrainer;

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
    /// Of a machine: `W`, `b`, `a` and their last changes `dW`, `db`, `da`; where they are in use, the
    /// centring's offsets `mu` and `lambda`, the sparsity target's `activity`, and the persistent `chains`. Of a
    /// network: each parameter, as `conv1.kernel`, and what the optimiser keeps, as `conv1.kernel.velocity`;
    /// the best parameters so far, as `best.conv1.kernel`, with `best` `[epoch, error, loss]`; within an epoch
    /// the cases' `epoch.loss` and `epoch.wrong`.
    pub arrays: BTreeMap<String, HostArray>,
}

/// Reads arrays from the device; none may hold what is not finite.
fn read(
    named: Vec<(String, &Tensor)>,
    (epoch, step): (u64, u64),
) -> Result<BTreeMap<String, HostArray>> {
    let mut arrays = BTreeMap::new();
    for (name, tensor) in named {
        let values = tensor.to_vec()?;
        if !values.iter().all(|x| x.is_finite()) {
            let what = format!("a value of {name}");
            return Err(Error::Diverged { epoch, step, what, advice: String::new() });
        }
        arrays.insert(name, HostArray { shape: tensor.shape().dims().into(), values });
    }
    Ok(arrays)
}

/// Writes a state's arrays to the device: all of them, and no others.
fn write(named: Vec<(String, &mut Tensor)>, state: &TrainerState) -> Result<()> {
    let unfit = |detail: String| Err(Error::run("training state", detail));
    let used = named.len();
    for (name, tensor) in named {
        let Some(array) = state.arrays.get(&name) else {
            return unfit(format!("it has no array {name}, which these settings need"));
        };
        if array.shape != tensor.shape().dims() {
            let (found, expected) = (&array.shape, tensor.shape());
            return unfit(format!("{name} has the shape {found:?}, expected {expected}"));
        }
        tensor.upload(&array.values)?;
    }
    if used != state.arrays.len() {
        let names: Vec<&str> = state.arrays.keys().map(String::as_str).collect();
        return unfit(format!("it holds {}, more than these settings use", names.join(", ")));
    }
    Ok(())
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
        let named = self.named().into_iter().map(|(name, tensor)| (name.into(), tensor));
        let arrays = read(named.collect(), (epoch, self.epoch_updates))?;
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
        if self.config.persistent && state.arrays.contains_key("chains") {
            let dims = [self.config.batch, self.rbm.visible_count()];
            self.chains = Some(Tensor::zeros(self.rbm.device(), &dims)?);
        } else {
            self.chains = None;
        }
        let named = self.named_mut().into_iter().map(|(name, tensor)| (name.into(), tensor));
        write(named.collect(), state)?;
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

impl Backpropagation {
    /// The present state, read from the device; waits for all recorded updates.
    ///
    /// # Errors
    /// [`Error::Diverged`] where anything in it is not finite: such a state is worth nothing. Device
    /// errors.
    pub fn state(&self) -> Result<TrainerState> {
        let mut named = self.named();
        let within = self.tallies.as_ref().filter(|_| self.epoch_updates > 0);
        if let Some([loss, wrong]) = within {
            named.push(("epoch.loss".into(), loss));
            named.push(("epoch.wrong".into(), wrong));
        }
        if let Some(best) = &self.best {
            let parameters = self.network.layers().parameters();
            for (parameter, value) in parameters.zip(&best.values) {
                named.push((format!("best.{}", parameter.name), value));
            }
        }
        let mut arrays = read(named, (self.epochs_done + 1, self.epoch_updates))?;
        if let Some(best) = &self.best {
            let values = vec![best.epoch as f32, best.error, best.loss];
            arrays.insert("best".into(), HostArray { shape: vec![3], values });
        }
        Ok(TrainerState {
            epochs_done: self.epochs_done,
            updates_done: self.updates_done,
            epoch_updates: self.epoch_updates,
            epoch_cases: self.epoch_cases,
            arrays,
        })
    }

    /// Takes up a state that [`Backpropagation::state`] gave, of a trainer with the same settings. On the
    /// same device training then goes on bit for bit as it would have.
    ///
    /// # Errors
    /// [`Error::Run`] where the state is of another network or of other settings: an array is missing, is one
    /// too many, or has another shape. The trainer is then not to be used further.
    pub fn restore(&mut self, state: &TrainerState) -> Result<()> {
        let mut state = state.clone();
        let device = self.network.device().clone();
        self.best = match state.arrays.remove("best").as_ref().map(|a| a.values.as_slice()) {
            None => None,
            Some(&[epoch, error, loss]) => {
                let values = self.network.layers().parameters();
                let values = values.map(|p| p.value.try_clone()).collect::<Result<_>>()?;
                Some(Best { epoch: epoch as u64, error, loss, values })
            }
            Some(values) => {
                let detail = format!("best has {} values, expected 3", values.len());
                return Err(Error::run("training state", detail));
            }
        };
        self.tallies = match state.arrays.get("epoch.loss") {
            None => None,
            Some(loss) => {
                let zeros = || Tensor::zeros(&device, &loss.shape);
                Some([zeros()?, zeros()?])
            }
        };
        let mut best = self.best.take();
        let mut tallies = self.tallies.take();
        let names: Vec<String> =
            self.network.layers().parameters().map(|p| format!("best.{}", p.name)).collect();
        let mut named = self.named_mut();
        if let Some(best) = &mut best {
            named.extend(names.into_iter().zip(&mut best.values));
        }
        if let Some([loss, wrong]) = &mut tallies {
            named.push(("epoch.loss".into(), loss));
            named.push(("epoch.wrong".into(), wrong));
        }
        write(named, &state)?;
        (self.best, self.tallies) = (best, tallies);
        self.epochs_done = state.epochs_done;
        self.updates_done = state.updates_done;
        self.epoch_updates = state.epoch_updates;
        self.epoch_cases = state.epoch_cases;
        Ok(())
    }
}
