//! The states of a ladder's chains: a round of exchanges between neighbours and of Gibbs steps, and its books.

use super::Rbm;
use super::clamp::Clamp;
use crate::error::{Error, Result};
use crate::kernels::exchange::{Books, Energies, Neighbours, exchange};
use crate::random::ChainDraw;
use crate::tensor::Tensor;

/// What happened between neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct Swaps {
    /// The share of tried exchanges that were made, of each pair of neighbours from the lowest on; NaN where none was
    /// tried.
    pub acceptance: Vec<f64>,
    /// Ways of a state from the bottom to the top and back, over all chains.
    pub round_trips: u64,
    /// Rounds that a state takes for such a way on average, by their number: infinite where there was none.
    pub rounds_per_trip: f64,
}

/// The states of a ladder's chains, without the ladder.
#[derive(Debug)]
pub struct Replicas {
    /// Of each rung `[C, I]`.
    pub(crate) v: Vec<Tensor>,
    h: Tensor,
    pub(crate) ledger: Tensor,
    works: Tensor,
    /// Rounds whose works are kept at a time.
    kept: u64,
}

impl Replicas {
    /// Chains that stand at `v`, `[C, I]` of each rung, `hidden` being J.
    pub(crate) fn new(v: Vec<Tensor>, hidden: usize, kept: u64) -> Result<Self> {
        let Some(first) = v.first() else { return Err(Error::setting("ladder", "no rung")) };
        let (device, chains) = (first.device(), first.shape().matrix("ladder", "v")?[0]);
        let works = 2 * (v.len() - 1) * kept.max(1) as usize;
        Ok(Replicas {
            h: Tensor::zeros(device, &[chains, hidden])?,
            ledger: Tensor::zeros(device, &[2 * v.len(), chains])?,
            works: Tensor::zeros(device, &[works.max(2), chains])?,
            v,
            kept: kept.max(1),
        })
    }

    /// Starting states of every rung.
    pub(crate) fn start(rungs: &[&Rbm], count: usize, draw: &ChainDraw, kept: u64) -> Result<Self> {
        let start =
            |(k, rbm): (usize, &&Rbm)| rbm.sample_start(count, &at_rung(draw, k, count).start());
        let v = rungs.iter().enumerate().map(start).collect::<Result<_>>()?;
        Replicas::new(v, rungs.first().map_or(0, |rbm| rbm.hidden_count()), kept)
    }

    fn chains(&self) -> usize {
        self.h.shape().dims()[0]
    }

    /// One round: pairs of one parity (that of `number`) exchange, then each rung makes a Gibbs step. Chain c of rung k
    /// draws as chain k·C + c of `draw`, the exchanges as its start at a step that no start has.
    pub(crate) fn round(
        &mut self,
        rungs: &[&Rbm],
        number: u64,
        draw: &ChainDraw,
        clamps: Option<&Clamp>,
    ) -> Result<()> {
        let pairs = rungs.len() - 1;
        for k in ((number % 2) as usize..pairs).step_by(2) {
            self.exchange(rungs, k, number, draw)?;
        }
        for (k, rbm) in rungs.iter().enumerate() {
            let draw = at_rung(draw, k, self.chains());
            rbm.gibbs_held(&mut self.v[k], &mut self.h, 1, (&draw, clamps))?;
        }
        Ok(())
    }

    /// Of some rounds more, how often each pair of neighbours exchanged; the ledger forgets them. `draw` gives a round's
    /// numbers.
    pub(crate) fn probe(
        &mut self,
        rungs: &[&Rbm],
        rounds: u64,
        draw: impl Fn(u64) -> ChainDraw,
    ) -> Result<Vec<f64>> {
        let empty = Tensor::zeros(self.ledger.device(), self.ledger.shape().dims())?;
        let ledger = std::mem::replace(&mut self.ledger, empty);
        (0..rounds).try_for_each(|number| self.round(rungs, number, &draw(number), None))?;
        let acceptance = self.swaps_of(0..rounds)?.acceptance;
        self.ledger = ledger;
        Ok(acceptance)
    }

    fn exchange(&mut self, rungs: &[&Rbm], k: usize, number: u64, draw: &ChainDraw) -> Result<()> {
        let row = self.row(number, k, rungs.len() - 1);
        let (below, above) = self.v.split_at_mut(k + 1);
        let (Some(lower), Some(upper)) = (below.last_mut(), above.first_mut()) else {
            return Err(Error::shape("ladder", format!("no neighbour above rung {k}")));
        };
        let [lower_own, lower_other] = [rungs[k].free_energy(lower)?, rungs[k].free_energy(upper)?];
        let [upper_own, upper_other] =
            [rungs[k + 1].free_energy(upper)?, rungs[k + 1].free_energy(lower)?];
        exchange(
            Neighbours { lower, upper, pair: k },
            Energies {
                lower_own: &lower_own,
                lower_other: &lower_other,
                upper_own: &upper_own,
                upper_other: &upper_other,
            },
            &draw.start(),
            Books { ledger: &mut self.ledger, works: &mut self.works, row },
        )
    }

    /// The row of the first of a pair's two works.
    fn row(&self, number: u64, pair: usize, pairs: usize) -> usize {
        2 * ((number % self.kept) as usize * pairs + pair)
    }

    /// What it cost the states of the lower rung of `pair` to move up in the round `number`, and those of the upper
    /// one, `[C]` each: of `works`, which is [`Replicas::works`] read.
    pub(crate) fn works_of<'a>(
        &self,
        works: &'a [f32],
        number: u64,
        pair: usize,
    ) -> [&'a [f32]; 2] {
        let (row, chains) = (self.row(number, pair, self.v.len() - 1), self.chains());
        let at = |row: usize| &works[row * chains..(row + 1) * chains];
        [at(row), at(row + 1)]
    }

    /// The works of the last rounds that are kept.
    pub(crate) fn works(&self) -> Result<Vec<f32>> {
        self.works.to_vec()
    }

    /// What happened in the rounds of these numbers.
    pub(crate) fn swaps_of(&self, numbers: std::ops::Range<u64>) -> Result<Swaps> {
        // The learner's top is taken out between rounds.
        let (rungs, chains) = (self.ledger.shape().dims()[0] / 2, self.chains());
        let rounds = numbers.end.saturating_sub(numbers.start);
        let ledger = self.ledger.to_vec()?;
        let sum = |row: usize| -> f64 {
            ledger[row * chains..(row + 1) * chains].iter().map(|&x| f64::from(x)).sum()
        };
        // Rounds of a pair's parity below a number.
        let below = |number: u64, pair: usize| (number + 1 - (pair % 2) as u64) / 2;
        let tried = |k: usize| (below(numbers.end, k) - below(numbers.start, k)) * chains as u64;
        let acceptance = (0..rungs - 1).map(|k| sum(rungs + k) / tried(k) as f64).collect();
        let round_trips = sum(2 * rungs - 1);
        // Each of the R·C states walks all rounds.
        let rounds_per_trip = (rounds as f64 * (rungs * chains) as f64) / round_trips;
        Ok(Swaps { acceptance, round_trips: round_trips as u64, rounds_per_trip })
    }

    /// The hidden states that the top rung's visible ones were drawn from.
    pub(crate) fn hidden(&self) -> &Tensor {
        &self.h
    }
}

/// The numbers of rung k's chains.
fn at_rung(draw: &ChainDraw, k: usize, chains: usize) -> ChainDraw {
    draw.from_chain(draw.start().first_case.wrapping_add((k * chains) as u32))
}
