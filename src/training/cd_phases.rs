//! The two phases of contrastive divergence: the data's term, and the model's after some Gibbs steps.

use super::cd_workspace::Workspace;
use super::contrastive_divergence::CdTrainer;
use super::ladder::Below;
use super::start::repeated;
use crate::error::Result;
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

impl CdTrainer {
    /// The numbers of Gibbs step `s` (0 is the data's own) of the present update.
    fn draw(&self, s: u64) -> ChainDraw {
        ChainDraw::new(self.config.seed, ChainStreams::TRAINING)
            .at_level(self.config.level)
            .from_chain(self.first)
            .at(self.clock.updates.wrapping_mul(self.config.steps + 1).wrapping_add(s))
    }

    /// The mean of p(h | v0), and for CD a sample of it.
    pub(super) fn data_phase(&self, v0: &Tensor, work: &mut Workspace) -> Result<()> {
        let h = self.rbm.h_from_v(v0);
        if self.config.persistent {
            return h.mean_into(&mut work.p0);
        }
        h.sample_and_mean_into(&self.draw(0).hidden(), &mut work.p0, &mut work.h)
    }

    /// k Gibbs steps, then the mean of p(h | vk).
    pub(super) fn model_phase(
        &mut self,
        (v0, weights): (&Tensor, Option<&Tensor>),
        work: &mut Workspace,
    ) -> Result<()> {
        let steps = self.config.steps;
        if self.config.persistent {
            let mut chains = match self.chains.take() {
                Some(chains) => chains,
                None => repeated(v0, weights, self.config.batch)?,
            };
            if self.below.as_ref().is_some_and(Below::exchanges) {
                return self.exchange(chains, work);
            }
            let moved = self.rbm.gibbs(&mut chains, &mut work.h, steps, &self.draw(1));
            let read = moved.and_then(|()| self.rbm.h_from_v(&chains).mean_into(&mut work.pk));
            self.chains = Some(chains);
            return read;
        }
        let first = self.draw(1);
        self.rbm.v_from_h(&work.h).sample_into(&first.visible(), &mut work.vk)?;
        self.rbm.alternate(&mut work.vk, &mut work.h, steps - 1, [&first, &self.draw(2)])?;
        self.rbm.h_from_v(&work.vk).mean_into(&mut work.pk)
    }

    /// The same on a ladder.
    fn exchange(&mut self, chains: Tensor, work: &mut Workspace) -> Result<()> {
        let chains = self.rounds(chains, self.config.steps)?;
        self.rbm.h_from_v(&chains).mean_into(&mut work.pk)?;
        self.chains = Some(chains);
        Ok(())
    }

    /// Some of the chains after so many rounds of the present update on the ladder; a ladder that has no chains yet has
    /// all of them after none.
    pub(super) fn rounds(&mut self, chains: Tensor, rounds: u64) -> Result<Tensor> {
        let first = self.clock.updates * self.config.steps;
        // Round n is Gibbs step n − first + 1 of this update.
        let begin = self.draw(1);
        let draw = |number: u64| begin.at(begin.step() + number - first);
        let Some(below) = &mut self.below else { return Ok(chains) };
        let start = self.first as usize;
        let own = start..start + chains.shape().matrix("ladder", "the chains")?[0];
        let of = (chains, own, self.config.batch);
        below.rounds(&self.rbm, of, first..first + rounds, draw)
    }
}
