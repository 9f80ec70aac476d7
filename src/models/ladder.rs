//! Ladders of machines whose chains exchange their states, so that they leave one mode for another.
//!
//! A ladder's rungs are machines of one shape, from one that mixes at once (independent visible units) to the one that
//! is wanted. On each rung runs a chain; neighbours exchange their visible states with probability min(1, exp Δ),
//! Δ = F(v) + F′(v′) − F(v′) − F′(v), even and odd pairs by turns, which leaves each rung's distribution as it is.
//!
//! * **Parallel tempering** (Geyer 1991; Desjardins et al. 2010; Cho, Raiko and Ilin 2010): the rungs are the machine at
//!   inverse temperatures β on the path of [`ais`](crate::evaluation::ais), where both the weights and the hidden
//!   biases are β times their own and the visible bias is (1 − β)·b_A + β·b: machines themselves.
//! * **Parallel trajectory tempering** (Béreux, Decelle, Furtlehner and Seoane 2024): the rungs are the machine at
//!   earlier times of its training.

use super::Rbm;
use super::chains::averaged;
use super::clamp::Clamp;
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::kernels::exchange::{Books, Energies, Neighbours, exchange};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

/// Machines of one shape, from one that mixes to the one that is wanted.
///
/// ```
/// use harmonium::Device;
/// use harmonium::models::{Ladder, Rbm, Units};
/// let rbm = Rbm::new(&Device::cpu(), Units::bernoulli(6), Units::bernoulli(3), 42)?;
/// let ladder = Ladder::tempered(&rbm, &[0.0; 6], 4)?;
/// let mut chains = ladder.chains(16, 1)?;
/// chains.step(100)?;
/// assert_eq!(chains.visible().shape().dims(), [16, 6]);
/// assert!(chains.swaps()?.acceptance.iter().all(|&a| a > 0.9));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct Ladder {
    rungs: Vec<Rbm>,
}

impl Ladder {
    /// The most rungs.
    pub const MOST: usize = 1000;

    /// A ladder of these rungs, the lowest first.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2 rungs or more than [`Ladder::MOST`], [`Error::Shape`] where they are not
    /// alike, [`Error::DeviceMismatch`].
    pub fn new(rungs: Vec<Rbm>) -> Result<Self> {
        check_count(rungs.len())?;
        if let Some(first) = rungs.first() {
            for (number, rung) in rungs.iter().enumerate() {
                first.device().require_same("ladder", rung.device())?;
                if (rung.visible(), rung.hidden()) != (first.visible(), first.hidden()) {
                    let told = |rbm: &Rbm| {
                        let [v, h] = [rbm.visible(), rbm.hidden()];
                        format!("{} {} and {} {} units", v.count(), v.kind(), h.count(), h.kind())
                    };
                    let detail =
                        format!("rung {number} has {}, rung 0 {}", told(rung), told(first));
                    return Err(Error::shape("ladder", detail));
                }
            }
        }
        Ok(Ladder { rungs })
    }

    /// The machine at `count` inverse temperatures in equal steps from 0 to 1; `base` `[I]` is the visible bias at 0.
    ///
    /// # Errors
    /// As [`Ladder::new`]; [`Error::Shape`] for a base of another length, device errors.
    pub fn tempered(rbm: &Rbm, base: &[f32], count: usize) -> Result<Self> {
        check_count(count)?;
        let base = Tensor::from_f32(rbm.device(), &[base.len()], base)?;
        let beta = |k: usize| k as f32 / (count - 1) as f32;
        let rungs =
            (0..count).map(|k| rbm.at_temperature(&base, beta(k))).collect::<Result<_>>()?;
        Ladder::new(rungs)
    }

    /// The rungs, the lowest first.
    pub fn rungs(&self) -> &[Rbm] {
        &self.rungs
    }

    /// `count` chains on each rung, each started by [`Rbm::sample_start`]; none has moved yet.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn chains(&self, count: usize, seed: u64) -> Result<LadderChains<'_>> {
        LadderChains::start(self, count, ChainDraw::new(seed, ChainStreams::TEMPERING))
    }
}

fn check_count(count: usize) -> Result<()> {
    if !(2..=Ladder::MOST).contains(&count) {
        let detail = format!("{count} rungs are outside [2, {}]", Ladder::MOST);
        return Err(Error::setting("ladder", detail));
    }
    Ok(())
}

impl Rbm {
    /// The machine at the inverse temperature β of the path from independent visible units with the bias `base` `[I]`.
    pub(crate) fn at_temperature(&self, base: &Tensor, beta: f32) -> Result<Rbm> {
        let scaled = |t: &Tensor| {
            let mut out = Tensor::for_output(t.device(), t.shape().dims())?;
            elementwise(Elementwise::Affine(beta, 0.0), t, None, &mut out)?;
            Ok::<_, Error>(out)
        };
        let mut b = Tensor::for_output(self.device(), self.b.shape().dims())?;
        elementwise(Elementwise::Combine(1.0 - beta, beta), base, Some(&self.b), &mut b)?;
        let (v, h) = (self.visible().kind(), self.hidden().kind());
        Rbm::from_parts(v, h, scaled(&self.w)?, b, scaled(&self.a)?)
    }

    /// A copy on the same device.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn try_clone(&self) -> Result<Rbm> {
        let (v, h) = (self.visible().kind(), self.hidden().kind());
        Rbm::from_parts(v, h, self.w.try_clone()?, self.b.try_clone()?, self.a.try_clone()?)
    }

    /// b_A of a tempered ladder where no data say better: the visible units' inputs with the hidden ones at their mean
    /// without input, b + W·m. So the hidden part of what grows with β is β·W(h − m), that of a centred machine.
    ///
    /// # Errors
    /// Device errors.
    pub fn resting_bias(&self) -> Result<Vec<f32>> {
        let rest = vec![self.hidden().kind().mean_at_rest(); self.hidden_count()];
        let h = Tensor::from_f32(self.device(), &[1, rest.len()], &rest)?;
        self.v_from_h(&h).field()?.to_vec()
    }
}

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

/// Chains on every rung of a ladder, all moved at once.
#[derive(Debug)]
pub struct LadderChains<'a> {
    ladder: &'a Ladder,
    replicas: Replicas,
    draw: ChainDraw,
    done: u64,
    clamp: Option<Clamp>,
}

impl<'a> LadderChains<'a> {
    /// `count` chains on each rung, with the numbers of `draw` from its step on.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn start(ladder: &'a Ladder, count: usize, draw: ChainDraw) -> Result<Self> {
        LadderChains::keeping(ladder, count, draw, 1)
    }

    /// The same, with the works of so many rounds kept.
    pub(crate) fn keeping(
        ladder: &'a Ladder,
        count: usize,
        draw: ChainDraw,
        kept: u64,
    ) -> Result<Self> {
        let rungs: Vec<&Rbm> = ladder.rungs.iter().collect();
        let replicas = Replicas::start(&rungs, count, &draw, kept)?;
        Ok(LadderChains { ladder, replicas, draw, done: 0, clamp: None })
    }

    /// Holds some visible units of every rung's chains at given values from now on.
    ///
    /// # Errors
    /// As [`Chains::clamped`](super::Chains::clamped).
    pub fn clamped(mut self, clamp: Clamp) -> Result<Self> {
        self.replicas.v.iter_mut().try_for_each(|v| clamp.hold(v))?;
        self.clamp = Some(clamp);
        Ok(self)
    }

    /// `rounds` rounds: neighbours exchange (pairs 0–1, 2–3, … and 1–2, 3–4, … by turns), then each rung makes a Gibbs
    /// step. There is no host round trip. Two calls do what one of as many rounds does.
    ///
    /// # Errors
    /// As [`Rbm::gibbs`].
    pub fn step(&mut self, rounds: u64) -> Result<()> {
        let rungs: Vec<&Rbm> = self.ladder.rungs.iter().collect();
        for _ in 0..rounds {
            // Step 0 of the start's numbers is the start's own.
            let draw = self.draw.at(self.draw.step() + 1 + self.done);
            self.replicas.round(&rungs, self.done, &draw, self.clamp.as_ref())?;
            self.done += 1;
        }
        Ok(())
    }

    /// The top rung's visible states `[count, I]`.
    pub fn visible(&self) -> &Tensor {
        &self.replicas.v[self.replicas.v.len() - 1]
    }

    /// The visible states of a rung `[count, I]`; `None` where there is no such rung.
    pub fn at(&self, rung: usize) -> Option<&Tensor> {
        self.replicas.v.get(rung)
    }

    /// The means that the top rung's states were drawn from. Of no use before the first round.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn means(&self) -> Result<Tensor> {
        let top = &self.ladder.rungs[self.ladder.rungs.len() - 1];
        let mut means = top.mean_v_from_h(self.replicas.hidden())?;
        if let Some(clamp) = &self.clamp {
            clamp.hold(&mut means)?;
        }
        Ok(means)
    }

    /// As [`Chains::average`](super::Chains::average), of the top rung's chains over `rounds` rounds.
    ///
    /// # Errors
    /// As [`Rbm::gibbs`].
    pub fn average(&mut self, rounds: u64) -> Result<Tensor> {
        let v = self.visible();
        let sum = Tensor::zeros(v.device(), v.shape().dims())?;
        averaged(sum, rounds, || {
            self.step(1)?;
            self.means()
        })
    }

    /// What happened between neighbours so far.
    ///
    /// # Errors
    /// Device errors.
    pub fn swaps(&self) -> Result<Swaps> {
        self.replicas.swaps_of(0..self.done)
    }

    pub(crate) fn replicas(&self) -> &Replicas {
        &self.replicas
    }
}
