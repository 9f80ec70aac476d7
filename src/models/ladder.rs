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
use super::chains::{averaged, check_steps};
use super::clamp::Clamp;
use super::replicas::{Replicas, Swaps, acceptance};
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

/// Chains, and rounds before and while it is seen how often neighbours exchange; how often that is looked at, at most.
const REFINING: usize = 50;
const SETTLING: u64 = 10;
const PROBED: u64 = 20;
const PASSES: u64 = 20;

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
        Self::check_count("ladder", rungs.len())?;
        if let Some(first) = rungs.first() {
            first.hidden().kind().check_energy()?;
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
        Self::check_count("ladder", count)?;
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

    /// The ladder with machines put in between neighbours that exchange too seldom, until each pair of neighbours
    /// exchanges at least `wanted` of the times that it tries (0.25 serves), or there are [`Ladder::MOST`]. What is put
    /// in has the mean of its neighbours' parameters. Chains of `seed` tell how often they exchange.
    ///
    /// # Errors
    /// [`Error::Setting`] for a share that is not below 1; as [`Rbm::gibbs`].
    pub fn refined(mut self, wanted: f64, seed: u64) -> Result<Self> {
        if !(0.0..1.0).contains(&wanted) {
            let detail = format!("neighbours cannot exchange at least {wanted} of the times");
            return Err(Error::setting("ladder", format!("{detail}; use a share below 1")));
        }
        let draw = ChainDraw::new(seed, ChainStreams::REFINING);
        let mut v = Replicas::start(&self.lowest_first(), [REFINING; 2], &draw, 1)?.v;
        for pass in 1..=PASSES {
            let rungs = self.lowest_first();
            let mut replicas = Replicas::new(v, [rungs.len(), self.rungs[0].hidden_count()], 1)?;
            let numbers = |n: u64| draw.at(pass * (SETTLING + PROBED) + n);
            replicas.probe(&rungs, SETTLING, numbers)?;
            let found = replicas.probe(&rungs, PROBED, |n| numbers(SETTLING + n))?;
            let found = acceptance(&found, REFINING, 0..PROBED);
            v = replicas.v;
            if !fill(&mut self.rungs, &mut v, &found, wanted)? {
                break;
            }
        }
        Ok(self)
    }

    fn lowest_first(&self) -> Vec<&Rbm> {
        self.rungs.iter().collect()
    }

    /// That a ladder can have so many rungs; `setting` asks for them.
    pub(crate) fn check_count(setting: &str, count: usize) -> Result<()> {
        if !(2..=Self::MOST).contains(&count) {
            let detail = format!("{count} rungs are outside [2, {}]", Self::MOST);
            return Err(Error::setting(setting, detail));
        }
        Ok(())
    }

    /// `count` chains on each rung, each started by [`Rbm::sample_start`]; none has moved yet.
    ///
    /// # Errors
    /// As [`Rbm::mean_h_from_v`].
    pub fn chains(&self, count: usize, seed: u64) -> Result<LadderChains<'_>> {
        LadderChains::start(self, count, ChainDraw::new(seed, ChainStreams::TEMPERING))
    }
}

/// Puts the mean of two neighbours between those that exchange less often than `wanted`, its chains where those of the
/// lower one are. Whether there were such. `exchanges` is of each pair of neighbours.
fn fill(rungs: &mut Vec<Rbm>, v: &mut Vec<Tensor>, exchanges: &[f64], wanted: f64) -> Result<bool> {
    let before = rungs.len();
    for k in (0..before.saturating_sub(1)).rev() {
        if exchanges[k] < wanted && rungs.len() < Ladder::MOST {
            rungs.insert(k + 1, rungs[k].midway(&rungs[k + 1])?);
            v.insert(k + 1, v[k].try_clone()?);
        }
    }
    Ok(rungs.len() > before)
}

impl Rbm {
    /// The mean of the parameters of two machines of one kind.
    fn midway(&self, other: &Rbm) -> Result<Rbm> {
        let mean = |x: &Tensor, y: &Tensor| {
            let mut out = Tensor::for_output(x.device(), x.shape().dims())?;
            elementwise(Elementwise::Combine(0.5, 0.5), x, Some(y), &mut out)?;
            Ok::<_, Error>(out)
        };
        let (v, h) = (self.visible().kind(), self.hidden().kind());
        let [w, b, a] =
            [mean(&self.w, &other.w)?, mean(&self.b, &other.b)?, mean(&self.a, &other.a)?];
        Rbm::from_parts(v, h, w, b, a)
    }

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
        LadderChains::keeping(ladder, [count; 2], draw, 1)
    }

    /// The same for so many chains of all, from the one on that `draw` begins with, and with the works of so many rounds
    /// kept.
    pub(crate) fn keeping(
        ladder: &'a Ladder,
        of: [usize; 2],
        draw: ChainDraw,
        kept: u64,
    ) -> Result<Self> {
        let rungs = ladder.lowest_first();
        let replicas = Replicas::start(&rungs, of, &draw, kept)?;
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
        self.check(rounds)?;
        let rungs = self.ladder.lowest_first();
        for _ in 0..rounds {
            // Step 0 of the start's numbers is the start's own.
            let draw = self.draw.at(self.draw.step() + 1 + self.done);
            self.replicas.round(&rungs, self.done, &draw, self.clamp.as_ref())?;
            self.done += 1;
        }
        Ok(())
    }

    /// Refuses rounds past the last.
    fn check(&self, rounds: u64) -> Result<()> {
        let begun = self.draw.step().saturating_add(1 + self.done);
        check_steps("ladder", self.visible().device(), begun.saturating_add(rounds))
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
        self.check(rounds)?;
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
