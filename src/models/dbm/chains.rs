//! Gibbs sampling by sweeps: layers of odd number given those of even number, then the other way round.

use super::{DeepBoltzmannMachine, Neighbours};
use crate::error::{Error, Result};
use crate::models::chains::averaged;
use crate::models::clamp::Clamp;
use crate::random::{ChainDraw, ChainStreams, Draw};
use crate::tensor::Tensor;

/// Layers that are drawn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parity {
    /// The data, h², …
    Even,
    /// h¹, h³, …
    Odd,
}

impl Parity {
    pub(crate) fn first(self) -> usize {
        match self {
            Parity::Even => 0,
            Parity::Odd => 1,
        }
    }
}

/// The numbers of a layer: those of `draw` at its level.
pub(crate) fn numbers(draw: &ChainDraw, layer: usize) -> Draw {
    let draw = draw.at_level(layer as u8);
    if layer == 0 { draw.visible() } else { draw.hidden() }
}

impl DeepBoltzmannMachine {
    /// `count` independent chains; every unit starts by its own bias. None has moved yet.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn chains(&self, count: usize, seed: u64) -> Result<DeepChains<'_>> {
        DeepChains::start(self, count, ChainDraw::new(seed, ChainStreams::FREE))
    }

    /// Draws the layers of a parity given the others, `states` being those of all layers from the data's `[B, I]` up.
    /// Layer l draws at the level l of `draw`, row r as chain r from its first on. Where `means` are given, one for each
    /// layer, those of the layers that are drawn go there.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is not one state for each layer; as [`DeepBoltzmannMachine::given`].
    pub fn draw_layers(
        &self,
        parity: Parity,
        states: &mut [Tensor],
        draw: &ChainDraw,
        mut means: Option<&mut [Tensor]>,
    ) -> Result<()> {
        self.check_states(states)?;
        for layer in self.layers_of(parity) {
            let (below, rest) = states.split_at_mut(layer);
            let Some((own, above)) = rest.split_first_mut() else { continue };
            let neighbours = Neighbours { below: below.last(), above: above.first() };
            let given = self.given(layer, neighbours)?;
            let own_numbers = numbers(draw, layer);
            match means.as_deref_mut().and_then(|means| means.get_mut(layer)) {
                Some(mean) => given.conditional().sample_and_mean_into(&own_numbers, mean, own)?,
                None => given.conditional().sample_into(&own_numbers, own)?,
            }
        }
        Ok(())
    }

    pub(super) fn check_states(&self, states: &[Tensor]) -> Result<()> {
        match states.len() == self.hidden_layers() + 1 {
            true => Ok(()),
            false => {
                let (found, expected) = (states.len(), self.hidden_layers() + 1);
                let detail = format!("states of {found} layers, expected those of {expected}");
                Err(Error::shape("dbm", detail))
            }
        }
    }

    /// States of all layers for data `v` `[B, I]`, which become the lowest: each hidden layer is drawn given the one below
    /// it alone, whose input counts twice where another layer is above, at its level of `draw`.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::given`].
    pub fn states_from(&self, v: Tensor, draw: &ChainDraw) -> Result<Vec<Tensor>> {
        let mut states = vec![v];
        for layer in 1..=self.hidden_layers() {
            let up = self.upwards(layer, &states[layer - 1]);
            let above = up.sample(&Draw { stream: draw.start().stream, ..numbers(draw, layer) })?;
            states.push(above);
        }
        Ok(states)
    }
}

/// Independent Gibbs chains of a deep machine, all moved at once.
#[derive(Debug)]
pub struct DeepChains<'a> {
    dbm: &'a DeepBoltzmannMachine,
    states: Vec<Tensor>,
    draw: ChainDraw,
    clamp: Option<Clamp>,
}

impl<'a> DeepChains<'a> {
    /// `count` chains with the numbers of `draw`; every unit starts by its own bias.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn start(dbm: &'a DeepBoltzmannMachine, count: usize, draw: ChainDraw) -> Result<Self> {
        let mut states = Vec::new();
        for layer in 0..=dbm.hidden_layers() {
            // Neighbours that are all 0 leave the biases.
            let beside =
                |layer: usize| Tensor::zeros(dbm.device(), &[count, dbm.units(layer).count()]);
            let below = layer.checked_sub(1).map(beside).transpose()?;
            let above = (layer < dbm.hidden_layers()).then(|| beside(layer + 1)).transpose()?;
            let neighbours = Neighbours { below: below.as_ref(), above: above.as_ref() };
            let draw = draw.at_level(layer as u8).start();
            states.push(dbm.given(layer, neighbours)?.conditional().sample(&draw)?);
        }
        Ok(DeepChains { dbm, states, draw, clamp: None })
    }

    /// Chains that start at data `v` `[count, I]`, the hidden layers as [`DeepBoltzmannMachine::states_from`] says.
    ///
    /// # Errors
    /// As there.
    pub fn from_data(dbm: &'a DeepBoltzmannMachine, v: Tensor, draw: ChainDraw) -> Result<Self> {
        Ok(DeepChains { states: dbm.states_from(v, &draw)?, dbm, draw, clamp: None })
    }

    /// Holds some of the data's units at given values from now on: the chains then draw all others from their distribution
    /// given those, since the data's units, given the first hidden layer, do not depend on each other.
    ///
    /// # Errors
    /// [`Error::Shape`] where the clamp is of other chains; device errors.
    pub fn clamped(mut self, clamp: Clamp) -> Result<Self> {
        clamp.hold(&mut self.states[0])?;
        self.clamp = Some(clamp);
        Ok(self)
    }

    /// Moves every chain by `sweeps` sweeps. Two calls do what one of as many sweeps does.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::given`]; [`Error::Setting`] beyond sweep [`Draw::STEPS`], where numbers would come again.
    pub fn step(&mut self, sweeps: u64) -> Result<()> {
        self.check(sweeps)?;
        for _ in 0..sweeps {
            self.dbm.draw_layers(Parity::Odd, &mut self.states, &self.draw, None)?;
            self.dbm.draw_layers(Parity::Even, &mut self.states, &self.draw, None)?;
            if let Some(clamp) = &self.clamp {
                clamp.hold(&mut self.states[0])?;
            }
            self.draw = self.draw.at(self.draw.step() + 1);
        }
        Ok(())
    }

    /// Refuses sweeps past the last.
    fn check(&self, sweeps: u64) -> Result<()> {
        match self.draw.step().saturating_add(sweeps) > Draw::STEPS {
            true => {
                let detail = format!("chains take {} at most", Draw::STEPS);
                Err(Error::setting("steps", detail))
            }
            false => Ok(()),
        }
    }

    /// The data's states `[count, I]`.
    pub fn visible(&self) -> &Tensor {
        &self.states[0]
    }

    /// The states of all layers, the data's first.
    pub fn states(&self) -> &[Tensor] {
        &self.states
    }

    /// The means that the data's states were drawn from, `[count, I]`: smoother pictures than the states.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::given`].
    pub fn means(&self) -> Result<Tensor> {
        let mut means = self.dbm.mean_v(&self.states[1])?;
        if let Some(clamp) = &self.clamp {
            clamp.hold(&mut means)?;
        }
        Ok(means)
    }

    /// Moves every chain by `sweeps` sweeps and averages over them the means that the data's states were drawn from.
    ///
    /// # Errors
    /// As [`DeepChains::step`].
    pub fn average(&mut self, sweeps: u64) -> Result<Tensor> {
        self.check(sweeps)?;
        let sum = Tensor::zeros(self.dbm.device(), self.states[0].shape().dims())?;
        averaged(sum, sweeps, || {
            self.step(1)?;
            self.means()
        })
    }

    /// The states of all layers, the chains ended.
    pub fn into_states(self) -> Vec<Tensor> {
        self.states
    }
}
