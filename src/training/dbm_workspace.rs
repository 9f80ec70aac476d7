//! What an update of a deep Boltzmann machine needs beside it.

use crate::error::Result;
use crate::kernels::cd_update::Phases;
use crate::models::{DeepBoltzmannMachine, Posterior};
use crate::tensor::Tensor;

/// Tensors of one batch size.
pub(super) struct Workspace {
    pub rows: usize,
    chains: usize,
    pub posterior: Posterior,
    /// Of the chains, one for each layer; those of even layers are of no use.
    pub means: Vec<Tensor>,
}

impl Workspace {
    /// Of so many cases and chains.
    pub fn new(dbm: &DeepBoltzmannMachine, [rows, chains]: [usize; 2]) -> Result<Self> {
        let mean = |layer: usize| {
            // Layers of even number need no memory.
            let rows = if layer % 2 == 1 { chains } else { 0 };
            Tensor::for_output(dbm.device(), &[rows, dbm.units(layer).count()])
        };
        let means = (0..=dbm.hidden_layers()).map(mean).collect::<Result<_>>()?;
        Ok(Workspace { rows, chains, posterior: Posterior::new(dbm, rows)?, means })
    }

    /// Whether it is.
    pub fn is_of(&self, size: [usize; 2]) -> bool {
        [self.rows, self.chains] == size
    }

    /// What a layer has under the data.
    pub fn of_data<'a>(&'a self, v: &'a Tensor, layer: usize) -> &'a Tensor {
        if layer == 0 { v } else { self.posterior.means(layer) }
    }

    /// What a layer has in the chains: its means given the others, or its states.
    pub fn of_model<'a>(&'a self, chains: &'a [Tensor], layer: usize) -> &'a Tensor {
        if layer % 2 == 1 { &self.means[layer] } else { &chains[layer] }
    }

    /// The statistics of the weights above layer `below`.
    pub fn of_weights<'a>(
        &'a self,
        (v, chains): (&'a Tensor, &'a [Tensor]),
        below: usize,
        scales: [f32; 2],
        offsets: Option<&'a [Tensor]>,
    ) -> Phases<'a> {
        let above = below + 1;
        Phases {
            v0: self.of_data(v, below),
            p0: self.of_data(v, above),
            vk: self.of_model(chains, below),
            pk: self.of_model(chains, above),
            scales,
            offsets: offsets.map(|offsets| (&offsets[below], &offsets[above])),
        }
    }
}
