//! A model's parameters as one flat tensor.

use super::arena::Arena;
use super::trainable::Trainable;
use crate::error::Result;
use crate::layers::{Parameter, Workspace};
use crate::tensor::Tensor;

/// Which parameters of a model are trained as one flat tensor: those that are not frozen; of two that are tied the first,
/// which the other one follows.
pub(super) struct Flattened {
    arena: Arena,
    /// For each parameter whether it has a place.
    chosen: Vec<bool>,
    tied: Vec<[usize; 2]>,
}

impl Flattened {
    pub fn of(model: &impl Trainable) -> Self {
        let parameters = model.parameters();
        let mut chosen: Vec<bool> = parameters.iter().map(|p| !p.frozen).collect();
        // Where one of two is frozen both are.
        let both = |pair: &[usize; 2]| pair.iter().all(|&at| chosen.get(at) == Some(&true));
        let tied: Vec<[usize; 2]> = model.tied();
        let (follow, stay): (Vec<_>, Vec<_>) = tied.into_iter().partition(both);
        for &at in stay.iter().flatten().chain(follow.iter().map(|[_, later]| later)) {
            if let Some(chosen) = chosen.get_mut(at) {
                *chosen = false;
            }
        }
        let arena = Arena::of(of(&chosen, parameters.into_iter()).map(|p| &p.value));
        Flattened { arena, chosen, tied: follow }
    }

    /// Where each parameter lies.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// For each number of the flat tensor `rate` if it decays, else 0.
    pub fn decays(&self, model: &impl Trainable, rate: f32) -> Vec<f32> {
        let parameters = of(&self.chosen, model.parameters().into_iter()).zip(self.arena.parts());
        let rates = |(p, part): (&Parameter, &std::ops::Range<usize>)| {
            vec![if p.decays { rate } else { 0.0 }; part.len()]
        };
        parameters.flat_map(rates).collect()
    }

    pub fn pack(&self, model: &impl Trainable, flat: &mut Tensor) -> Result<()> {
        self.arena.pack(of(&self.chosen, model.parameters().into_iter()).map(|p| &p.value), flat)
    }

    pub fn pack_gradients(&self, space: &Workspace, flat: &mut Tensor) -> Result<()> {
        self.arena.pack(of(&self.chosen, space.gradients()), flat)
    }

    pub fn unpack(&self, flat: &Tensor, model: &mut impl Trainable) -> Result<()> {
        let parameters = model.parameters_mut().into_iter();
        let mut values: Vec<&mut Tensor> = parameters.map(|p| &mut p.value).collect();
        self.arena.unpack(flat, of(&self.chosen, values.iter_mut().map(|value| &mut **value)))?;
        for &[first, later] in &self.tied {
            let (before, rest) = values.split_at_mut(later);
            if let (Some(first), Some(later)) = (before.get(first), rest.first_mut()) {
                later.copy_from(first)?;
            }
        }
        Ok(())
    }
}

/// Those that are chosen.
fn of<T>(chosen: &[bool], all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    all.zip(chosen).filter(|(_, chosen)| **chosen).map(|(one, _)| one)
}
