//! What a trained machine does: free-running chains, hidden means, reconstructions.

use super::trained::TrainedRbm;
use super::watch::Watch;
use crate::data::{Cases, reserved};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::rows::{ROWS, Reconstruction, map_rows};
use crate::models::{Chains, Clamp, Ladder, LadderChains, Rbm, Swaps, Units};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

/// What of the chains' ends is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The states.
    States,
    /// The means of which the states were drawn.
    Means,
    /// These means, averaged over the second half of the steps.
    Average,
}

/// Visible units that are held.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Which, `[1, I]` for all chains or `[count, I]`.
    pub mask: Vec<bool>,
    /// At which values, `[1, I]` for all chains or `[count, I]`, as [`TrainedRbm::seen`] gives them: in the machine's own units,
    /// which of standardised data are deviations. Those of free units are not looked at.
    pub values: Vec<f32>,
}

impl Held {
    /// The clamp of the chains from `first` on.
    pub(in crate::jobs) fn clamp(
        &self,
        (units, device): (Units, &Device),
        [first, rows]: [usize; 2],
    ) -> Result<Clamp> {
        let width = units.count();
        let mask = of_rows(&self.mask, first, rows, width)?;
        Clamp::of((units, device), &mask, &of_rows(&self.values, first, rows, width)?)
    }
}

/// Some rows of an array that has one row for all or one for each.
fn of_rows<T: Copy>(values: &[T], first: usize, rows: usize, width: usize) -> Result<Vec<T>> {
    if values.len() == width {
        return Ok(values.repeat(rows));
    }
    match values.get(first * width..(first + rows) * width) {
        Some(part) => Ok(part.to_vec()),
        None => {
            let detail = format!(
                "{} values, expected one row of {width} or one for each chain",
                values.len()
            );
            Err(Error::data("held units", detail))
        }
    }
}

/// Free-running Gibbs chains.
#[derive(Debug, Clone, Copy)]
pub struct Sampling<'a> {
    /// How many chains.
    pub count: usize,
    /// How many steps of each, or rounds of a ladder.
    pub steps: u64,
    /// Of the starts and of all draws.
    pub draw: ChainDraw,
    /// The starts `[count, I]` in the machine's own units; else each visible unit is drawn by its bias. Of no use on a ladder.
    pub init: Option<&'a [f32]>,
    /// What is wanted of their ends. Without a step there are states alone.
    pub keep: Keep,
    /// Units that are held all the time.
    pub held: Option<&'a Held>,
    /// Machines below the one that is sampled, which is the top rung: chains exchange their states along it.
    pub ladder: Option<&'a Ladder>,
    /// Who is told meanwhile how far they have come.
    pub watch: Watch<'a>,
}

impl Sampling<'_> {
    /// The means of chains from the biases' marginal, as pictures show them.
    pub fn pictures(count: usize, steps: u64, seed: u64) -> Self {
        let draw = ChainDraw::new(seed, ChainStreams::PICTURES);
        let (keep, watch) = (Keep::Means, Watch::default());
        Sampling { count, steps, draw, init: None, keep, held: None, ladder: None, watch }
    }
}

/// What chains came to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sampled {
    /// What was kept of their ends, `[count, I]`.
    pub values: Vec<f32>,
    /// How they passed the ladder, if there is one.
    pub passage: Option<Passage>,
}

/// How chains passed a ladder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage {
    /// The share of tried exchanges that were made, of the two neighbours that exchange least; `None` where none was tried.
    pub least: Option<f64>,
    /// Ways of a state from the bottom to the top and back, over all chains.
    pub round_trips: u64,
}

impl Passage {
    fn of(swaps: &Swaps) -> Self {
        Passage { least: swaps.least(), round_trips: swaps.round_trips }
    }

    /// Of these chains and of those before them.
    fn and(self, before: Option<Passage>) -> Self {
        let Some(before) = before else { return self };
        let least = before.least.into_iter().chain(self.least).reduce(f64::min);
        Passage { least, round_trips: before.round_trips + self.round_trips }
    }
}

/// Runs chains to their ends, `[count, I]`.
///
/// # Errors
/// As [`TrainedRbm::sample`].
pub fn run_chains(rbm: &Rbm, sampling: &Sampling<'_>) -> Result<Vec<f32>> {
    Ok(run(rbm, sampling)?.values)
}

fn run(rbm: &Rbm, sampling: &Sampling<'_>) -> Result<Sampled> {
    let (count, width) = (sampling.count, rbm.visible_count());
    let mut kept = reserved("result", &[count, width])?;
    if let Some(init) = sampling.init.filter(|init| init.len() != count * width) {
        let detail = format!("{} values, expected {count} rows of {width}", init.len());
        return Err(Error::data("starts", detail));
    }
    let mut passage = None;
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        let of = (rbm.visible(), rbm.device());
        let clamp = sampling.held.map(|held| held.clamp(of, [first, rows])).transpose()?;
        kept.extend(match sampling.ladder {
            Some(ladder) => {
                let (values, swaps) = on_ladder(ladder, sampling, [first, rows], clamp)?;
                passage = Some(Passage::of(&swaps).and(passage));
                values
            }
            None => alone(rbm, sampling, [first, rows], clamp)?,
        });
    }
    Ok(Sampled { values: kept, passage })
}

/// Moves chains, of one machine or of a ladder, and takes what is kept.
macro_rules! ends {
    ($chains:ident, $sampling:ident) => {{
        let (steps, keep) = ($sampling.steps, $sampling.keep);
        let averaged = if keep == Keep::Average { steps.div_ceil(2) } else { 0 };
        let count = $chains.visible().shape().dims()[0];
        $sampling.watch.over(steps - averaged, count, |steps| $chains.step(steps))?;
        match keep {
            // Before the first step there are no means.
            _ if steps == 0 => $chains.visible().to_vec(),
            Keep::States => $chains.visible().to_vec(),
            Keep::Means => $chains.means()?.to_vec(),
            Keep::Average => $chains.average(averaged)?.to_vec(),
        }
    }};
}

pub(in crate::jobs) use ends;

/// The chains `first` to `first` + `rows` of one machine.
fn alone(
    rbm: &Rbm,
    sampling: &Sampling<'_>,
    [first, rows]: [usize; 2],
    clamp: Option<Clamp>,
) -> Result<Vec<f32>> {
    let width = rbm.visible_count();
    let draw = sampling.draw.from_chain(first as u32);
    let mut chains = match sampling.init {
        Some(init) => {
            let span = first * width..(first + rows) * width;
            let v = Tensor::from_f32(rbm.device(), &[rows, width], &init[span])?;
            Chains::from_states(rbm, v, draw)?
        }
        None => Chains::start(rbm, rows, draw)?,
    };
    if let Some(clamp) = clamp {
        chains = chains.clamped(clamp)?;
    }
    ends!(chains, sampling)
}

/// The same on a ladder.
fn on_ladder(
    ladder: &Ladder,
    sampling: &Sampling<'_>,
    [first, rows]: [usize; 2],
    clamp: Option<Clamp>,
) -> Result<(Vec<f32>, Swaps)> {
    let draw = sampling.draw.from_chain((first * ladder.rungs().len()) as u32);
    let mut chains = LadderChains::start(ladder, rows, draw)?;
    if let Some(clamp) = clamp {
        chains = chains.clamped(clamp)?;
    }
    let values: Result<Vec<f32>> = ends!(chains, sampling);
    Ok((values?, chains.swaps()?))
}

impl TrainedRbm {
    /// Runs chains to their ends, which are in the machine's own units: [`TrainedRbm::for_picture`] brings them back to the data's.
    ///
    /// # Errors
    /// [`Error::Data`] where so many do not fit in memory, or the starts are not as many; device errors.
    pub fn sample(&self, sampling: &Sampling<'_>) -> Result<Sampled> {
        run(&self.rbm, sampling)
    }

    /// p(h|v) of each case, `[cases, J]`.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// Device errors.
    pub fn transform(&self, cases: &Cases) -> Result<Vec<f32>> {
        map_rows(self.rbm.device(), cases, |v| self.rbm.mean_h_from_v(v))
    }

    /// v → p(h|v) → the mean of v, without noise.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, cases: &Cases) -> Result<Reconstruction> {
        Reconstruction::of(self.rbm.device(), cases, |v| self.rbm.reconstruct(v))
    }
}
