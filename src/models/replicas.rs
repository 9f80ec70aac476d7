//! The states of a ladder's chains: a round of exchanges between neighbours and of Gibbs steps, and its books.

use super::Rbm;
use super::clamp::Clamp;
use crate::error::{Error, Result};
use crate::kernels::exchange::{Books, Energies, Neighbours, exchange};
use crate::random::ChainDraw;
use crate::tensor::Tensor;
use std::ops::Range;

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

impl Swaps {
    /// Of the rounds of these numbers, of which a ledger `[2R, C]` tells that was empty before them.
    pub(crate) fn of(ledger: &[f32], chains: usize, numbers: Range<u64>) -> Self {
        let rungs = ledger.len() / (2 * chains.max(1));
        let sum = |row: usize| exchanged(ledger, chains, row);
        let exchanges: Vec<f64> = (rungs..2 * rungs - 1).map(sum).collect();
        let round_trips = sum(2 * rungs - 1);
        let rounds = numbers.end.saturating_sub(numbers.start);
        // Each of the R·C states walks all rounds.
        let rounds_per_trip = (rounds as f64 * (rungs * chains) as f64) / round_trips;
        let acceptance = acceptance(&exchanges, chains, numbers);
        Swaps { acceptance, round_trips: round_trips as u64, rounds_per_trip }
    }

    /// The share of the two neighbours that exchange least, of those that have tried.
    pub fn least(&self) -> Option<f64> {
        let least = self.acceptance.iter().copied().fold(f64::INFINITY, f64::min);
        Some(least).filter(|a| a.is_finite())
    }
}

fn exchanged(ledger: &[f32], chains: usize, row: usize) -> f64 {
    ledger[row * chains..(row + 1) * chains].iter().map(|&x| f64::from(x)).sum()
}

/// The share of tried exchanges that were made by so many chains, of each pair, in the rounds of these numbers.
pub(crate) fn acceptance(exchanges: &[f64], chains: usize, numbers: Range<u64>) -> Vec<f64> {
    // Rounds of a pair's parity below a number.
    let below = |number: u64, pair: usize| (number + 1 - (pair % 2) as u64) / 2;
    let tried = |k: usize| (below(numbers.end, k) - below(numbers.start, k)) * chains as u64;
    exchanges.iter().enumerate().map(|(k, made)| made / tried(k) as f64).collect()
}

/// The states of a ladder's chains, without the ladder: of all chains, or of some that follow each other.
#[derive(Debug)]
pub struct Replicas {
    /// Of each rung `[C, I]`.
    pub(crate) v: Vec<Tensor>,
    h: Tensor,
    pub(crate) ledger: Tensor,
    works: Tensor,
    /// Rounds whose works are kept at a time.
    kept: u64,
    /// How many chains there are on a rung, these among them.
    all: usize,
}

impl Replicas {
    /// Chains that stand at `v`, `[C, I]` of each of so many rungs, or of all but the top; J hidden units.
    pub(crate) fn new(v: Vec<Tensor>, [rungs, hidden]: [usize; 2], kept: u64) -> Result<Self> {
        let Some(first) = v.first() else { return Err(Error::setting("ladder", "no rung")) };
        let (device, chains) = (first.device(), first.shape().matrix("ladder", "v")?[0]);
        let works = 2 * (rungs - 1) * kept.max(1) as usize;
        Ok(Replicas {
            h: Tensor::zeros(device, &[chains, hidden])?,
            ledger: Tensor::zeros(device, &[2 * rungs, chains])?,
            works: Tensor::zeros(device, &[works.max(2), chains])?,
            v,
            kept: kept.max(1),
            all: chains,
        })
    }

    /// Starting states of every rung: of `count` chains of `all`, from the one on that `draw` begins with.
    pub(crate) fn start(
        rungs: &[&Rbm],
        [count, all]: [usize; 2],
        draw: &ChainDraw,
        kept: u64,
    ) -> Result<Self> {
        let start =
            |(k, rbm): (usize, &&Rbm)| rbm.sample_start(count, &at_rung(draw, k, all).start());
        let v = rungs.iter().enumerate().map(start).collect::<Result<_>>()?;
        let sizes = [rungs.len(), rungs.first().map_or(0, |rbm| rbm.hidden_count())];
        Ok(Replicas { all, ..Replicas::new(v, sizes, kept)? })
    }

    /// Some of the chains, which go on as they do among all.
    pub(crate) fn part(&self, own: Range<usize>) -> Result<Self> {
        let v: Vec<Tensor> = self.v.iter().map(|v| v.rows(own.clone())).collect::<Result<_>>()?;
        let [rows, hidden] = [self.ledger.shape().dims()[0], self.h.shape().dims()[1]];
        let mut part = Replicas::new(v, [rows / 2, hidden], self.kept)?;
        part.all = self.all;
        for row in 0..rows {
            let first = row * self.chains() + own.start;
            part.ledger.copy_part(row * own.len(), &self.ledger, first..first + own.len())?;
        }
        Ok(part)
    }

    /// Puts such a part back, which begins with the chain `first`.
    pub(crate) fn put(&mut self, part: &Replicas, first: usize) -> Result<()> {
        let (all, own) = (self.chains(), part.chains());
        for (v, moved) in self.v.iter_mut().zip(&part.v) {
            let width = v.shape().matrix("ladder", "v")?[1];
            v.copy_part(first * width, moved, 0..own * width)?;
        }
        for row in 0..self.ledger.shape().dims()[0] {
            self.ledger.copy_part(row * all + first, &part.ledger, row * own..(row + 1) * own)?;
        }
        Ok(())
    }

    /// Shows the ledger as one column, row after row.
    pub(crate) fn in_one_column(
        &mut self,
        see: impl FnOnce(&mut Tensor) -> Result<()>,
    ) -> Result<()> {
        let dims = self.ledger.shape().dims().to_vec();
        let none = Tensor::zeros(self.ledger.device(), &[0])?;
        let ledger = std::mem::replace(&mut self.ledger, none);
        let mut column = ledger.reshape(&[dims.iter().product(), 1])?;
        let seen = see(&mut column);
        self.ledger = column.reshape(&dims)?;
        seen
    }

    /// How many chains of each rung are here.
    pub(crate) fn chains(&self) -> usize {
        self.h.shape().dims()[0]
    }

    /// One round: pairs of one parity (that of `number`) exchange, then each rung makes a Gibbs step. Chain c of rung k
    /// draws as chain k·C + c of `draw`, C being all chains, the exchanges as its start at a step that no start has.
    pub(crate) fn round(
        &mut self,
        rungs: &[&Rbm],
        number: u64,
        draw: &ChainDraw,
        clamps: Option<&Clamp>,
    ) -> Result<()> {
        if self.chains() == 0 {
            return Ok(());
        }
        let pairs = rungs.len() - 1;
        for k in ((number % 2) as usize..pairs).step_by(2) {
            self.exchange(rungs, k, number, draw)?;
        }
        for (k, rbm) in rungs.iter().enumerate() {
            let draw = at_rung(draw, k, self.all);
            rbm.gibbs_held(&mut self.v[k], &mut self.h, 1, (&draw, clamps))?;
        }
        Ok(())
    }

    /// Of some rounds more, how many exchanges each pair of neighbours made; the ledger forgets them. `draw` gives a
    /// round's numbers.
    pub(crate) fn probe(
        &mut self,
        rungs: &[&Rbm],
        rounds: u64,
        draw: impl Fn(u64) -> ChainDraw,
    ) -> Result<Vec<f64>> {
        let empty = Tensor::zeros(self.ledger.device(), self.ledger.shape().dims())?;
        let ledger = std::mem::replace(&mut self.ledger, empty);
        (0..rounds).try_for_each(|number| self.round(rungs, number, &draw(number), None))?;
        let found = std::mem::replace(&mut self.ledger, ledger).to_vec()?;
        let exchanges = rungs.len()..2 * rungs.len() - 1;
        Ok(exchanges.map(|row| exchanged(&found, self.chains(), row)).collect())
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
    pub(crate) fn swaps_of(&self, numbers: Range<u64>) -> Result<Swaps> {
        Ok(Swaps::of(&self.ledger.to_vec()?, self.chains(), numbers))
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
