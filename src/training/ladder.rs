//! What stands below a machine while it is trained: a ladder whose chains exchange their states with the machine's own.
//!
//! * Tempering (`CdConfig::tempering`): the machine at lower inverse temperatures, made anew at each update.
//! * A trajectory (`CdConfig::trajectory`): machines of earlier updates, the first of independent units with the data's
//!   means. At updates that are spaced geometrically, within epochs too, a few rounds tell how often the newest rung and
//!   the machine exchange; where that is too seldom the machine as it stands becomes a rung. With
//!   `CdConfig::trajectory_tempering` the persistent chains exchange along it at every update.

use std::ops::Range;

use super::cd_config::CdConfig;
use super::figure::{Better, Figure, Figures, Style, Told};
use crate::error::{Error, Result};
use crate::models::{Ladder, Rbm, Replicas, Visit, acceptance};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

/// Each candidate comes this factor of updates after the last.
const SPACING: f64 = 1.03;
/// Rounds that say how often a candidate exchanges with the newest rung.
const PROBED: u64 = 20;
/// A rung is kept where fewer exchanges than these are taken: candidates come in steps and their chains lag a little behind,
/// so neighbours of the finished ladder take some 0.4, and fewer where a high rate makes the machine jump from update to
/// update.
const WANTED: f64 = 0.45;

/// How often the pair of rungs that exchanges least does.
pub static SWAP_ACCEPTANCE: Figure = Figure {
    key: "swap_acceptance",
    name: "exchanges of the ladder",
    unit: "share of those tried",
    says: "How often the two neighbours of the ladder that exchange least do, since the ladder last changed.",
    diagram: "The least of all pairs of neighbours. Near 0 chains cannot pass: use more rungs.",
    told: Told::AtTheEnd,
    style: Style::Percent,
    better: Better::Higher,
    ..Figure::NEW
};

/// Ways from the bottom to the top and back.
pub static ROUND_TRIPS: Figure = Figure {
    key: "round_trips",
    name: "round trips of the ladder",
    unit: "since the ladder changed",
    says: "Ways of states from the ladder's bottom to its top and back, over all chains, since it last changed.",
    style: Style::Count,
    ..Figure::NEW
};

/// How many rungs there are.
pub static RUNGS: Figure = Figure {
    key: "rungs",
    name: "rungs of the ladder",
    unit: "machines",
    says: "Machines of earlier updates that are kept, and the machine itself.",
    style: Style::Count,
    told: Told::AtTheEnd,
    ..Figure::NEW
};

/// What is below.
enum Kind {
    /// As many rungs below, from the base's bias on.
    Tempered { base: Tensor, below: usize },
    /// Machines of earlier updates; whether the learner's chains exchange with them.
    Trajectory { exchanging: bool },
}

/// The rungs below a machine, and their chains.
pub(super) struct Below {
    kind: Kind,
    rungs: Vec<Rbm>,
    /// Of the rungs, and where the learner's chains do not exchange of the machine itself; `None` before the first
    /// round. Where ranks share the chains each moves its own of them.
    replicas: Option<Replicas>,
    /// The number of the round since which the ledger counts.
    since: Tensor,
    /// J.
    hidden: usize,
}

impl Below {
    /// What the settings ask for.
    pub fn new(rbm: &Rbm, config: &CdConfig, data_means: &[f32]) -> Result<Option<Self>> {
        if config.tempering.is_none() && !config.trajectory {
            return Ok(None);
        }
        let device = rbm.device();
        let bias = rbm.visible().bias_of_means(data_means);
        let base = Tensor::from_f32(device, &[bias.len()], &bias)?;
        let (kind, rungs) = match config.tempering {
            Some(count) => (Kind::Tempered { base, below: count.saturating_sub(1) }, Vec::new()),
            None => {
                let bottom = rbm.at_temperature(&base, 0.0)?;
                (Kind::Trajectory { exchanging: config.trajectory_tempering }, vec![bottom])
            }
        };
        let since = Tensor::zeros(device, &[1])?;
        let hidden = rbm.hidden_count();
        Ok(Some(Below { kind, rungs, replicas: None, since, hidden }))
    }

    /// The machines of earlier updates; none where it is tempered.
    pub fn trajectory(&self) -> &[Rbm] {
        match self.kind {
            Kind::Tempered { .. } => &[],
            Kind::Trajectory { .. } => &self.rungs,
        }
    }

    /// Whether the learner's chains exchange with those below.
    pub fn exchanges(&self) -> bool {
        !matches!(self.kind, Kind::Trajectory { exchanging: false })
    }

    /// The rounds `numbers` of some of so many chains, `top` being these chains of the machine itself: what they are then.
    /// `draw` gives a round's numbers, from the first of these chains on.
    pub fn rounds(
        &mut self,
        rbm: &Rbm,
        (top, own, all): (Tensor, Range<usize>, usize),
        mut numbers: Range<u64>,
        draw: impl Fn(u64) -> ChainDraw,
    ) -> Result<Tensor> {
        if let Kind::Tempered { base, below } = &self.kind {
            let beta = |k: usize| k as f32 / *below as f32;
            let rungs = (0..*below).map(|k| rbm.at_temperature(base, beta(k)));
            self.rungs = rungs.collect::<Result<_>>()?;
        }
        let rungs: Vec<&Rbm> = self.rungs.iter().chain([rbm]).collect();
        let mut replicas = match self.replicas.take() {
            Some(replicas) => replicas,
            None => start(&rungs, all, &draw(numbers.start))?,
        };
        let round =
            |part: &mut Replicas| numbers.try_for_each(|n| part.round(&rungs, n, &draw(n), None));
        let moved = moved(&mut replicas, own, Some(top), round)?;
        self.replicas = Some(replicas);
        moved.1.ok_or_else(|| Error::shape("ladder", "it has no top"))
    }

    /// Whether it is seen after the update number `updates`, counted from 1, if the machine becomes a rung.
    pub fn looks_after(&self, updates: u64) -> bool {
        !self.trajectory().is_empty() && is_candidate(updates)
    }

    /// After the update number `updates`: how many exchanges some of the chains make in a few rounds, of each pair of
    /// neighbours. `top` are these of the learner's own chains, where they exchange, and what they are then.
    pub fn probe(
        &mut self,
        (rbm, updates): (&Rbm, u64),
        (top, own): (Option<Tensor>, Range<usize>),
        config: &CdConfig,
    ) -> Result<(Vec<f64>, Option<Tensor>)> {
        let draw = |n: u64| {
            ChainDraw::new(config.seed, ChainStreams::TRAJECTORY).at(updates * PROBED + n + 1)
        };
        let rungs: Vec<&Rbm> = self.rungs.iter().chain([rbm]).collect();
        let mut replicas = match self.replicas.take() {
            Some(replicas) => replicas,
            None => {
                let mut replicas = start(&rungs, config.batch, &draw(0))?;
                if !self.exchanges() {
                    let states = rungs[0].sample_start(config.batch, &draw(0).at(0).start())?;
                    replicas.v.push(states);
                }
                replicas
            }
        };
        let first = own.start as u32;
        let (found, top) = moved(&mut replicas, own, top, |part| {
            part.probe(&rungs, PROBED, |n| draw(n).from_chain(first))
        })?;
        self.replicas = Some(replicas);
        Ok((found, top))
    }

    /// Makes the machine a rung where all chains together made too few `exchanges` in a probe of that many of each pair.
    /// `chains` are its own, where they exchange; `rounds` were made so far.
    pub fn grow(
        &mut self,
        (rbm, rounds): (&Rbm, u64),
        exchanges: &[f64],
        chains: Option<&Tensor>,
    ) -> Result<()> {
        let Some(replicas) = &mut self.replicas else { return Ok(()) };
        let shares = acceptance(exchanges, replicas.chains(), 0..PROBED);
        let few = shares.last().is_some_and(|&share| share < WANTED);
        if !few || self.rungs.len() + 1 >= Ladder::MOST {
            return Ok(());
        }
        self.rungs.push(rbm.try_clone()?);
        let mut v = std::mem::take(&mut replicas.v);
        let top = chains.or(v.last()).map(Tensor::try_clone).transpose()?;
        v.extend(top);
        *replicas = Replicas::new(v, [self.rungs.len() + 1, rbm.hidden_count()], 1)?;
        self.since.upload(&[rounds as f32])
    }

    /// Shows the chains of which each rank moves its own alone, in rows, and the ledger, which has them in columns.
    pub fn scattered(
        &mut self,
        see: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>,
    ) -> Result<()> {
        let Some(replicas) = &mut self.replicas else { return Ok(()) };
        let chains = replicas.chains();
        replicas.v.iter_mut().try_for_each(|v| see(v, chains))?;
        replicas.in_one_column(|ledger| see(ledger, chains))
    }

    /// Shows all that later rounds depend on.
    pub fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let device = self.since.device().clone();
        visit.array("ladder.since", &mut self.since)?;
        if let Kind::Trajectory { .. } = self.kind {
            let (v, h) = (self.rungs[0].visible().kind(), self.rungs[0].hidden().kind());
            let mut kept = Vec::new();
            let mut rungs = std::mem::take(&mut self.rungs).into_iter();
            while kept.len() <= Ladder::MOST {
                let mut parts = [None, None, None];
                if let Some(rung) = rungs.next() {
                    parts = rung.into_parts().map(Some);
                }
                for (name, part) in ["W", "b", "a"].into_iter().zip(&mut parts) {
                    let name = format!("ladder.{}.{name}", kept.len());
                    visit.optional(&name, &device, part)?;
                }
                let [Some(w), Some(b), Some(a)] = parts else { break };
                kept.push(Rbm::from_parts(v, h, w, b, a)?);
            }
            self.rungs = kept;
        }
        self.visit_states(visit, &device)
    }

    fn visit_states(&mut self, visit: &mut Visit<'_>, device: &crate::Device) -> Result<()> {
        let (states, ledger) = match self.replicas.take() {
            Some(replicas) => (replicas.v, Some(replicas.ledger)),
            None => (Vec::new(), None),
        };
        let (mut states, mut ledger) = (states.into_iter(), ledger);
        let mut kept: Vec<Tensor> = Vec::new();
        while kept.len() <= Ladder::MOST {
            let mut state = states.next();
            visit.optional(&format!("ladder.{}.v", kept.len()), device, &mut state)?;
            let Some(state) = state else { break };
            kept.push(state);
        }
        visit.optional("ladder.ledger", device, &mut ledger)?;
        let (Some(ledger), false) = (ledger, kept.is_empty()) else { return Ok(()) };
        let hidden = self.hidden;
        // The ledger has two rows a rung, the machine's own among them.
        let [rows, _] = ledger.shape().matrix("ladder", "the ledger")?;
        let mut replicas = Replicas::new(kept, [rows / 2, hidden], 1)?;
        replicas.ledger = ledger;
        self.replicas = Some(replicas);
        Ok(())
    }

    /// What the ladder does, `rounds` having been made so far.
    pub fn figures(&self, rounds: u64) -> Result<Figures> {
        let mut figures = Figures::new();
        if let Kind::Trajectory { .. } = self.kind {
            figures = figures.with(&RUNGS, (self.rungs.len() + 1) as f64);
        }
        let since = self.since.to_vec()?[0] as u64;
        if let Some(replicas) = &self.replicas
            && self.exchanges()
            && rounds > since + 1
        {
            let swaps = replicas.swaps_of(since..rounds)?;
            figures = figures
                .with(&SWAP_ACCEPTANCE, swaps.least())
                .with(&ROUND_TRIPS, swaps.round_trips as f64);
        }
        Ok(figures)
    }
}

/// So many chains on every rung but the highest.
fn start(rungs: &[&Rbm], chains: usize, draw: &ChainDraw) -> Result<Replicas> {
    let mut replicas = Replicas::start(rungs, [chains; 2], &draw.at(0).from_chain(0), 1)?;
    replicas.v.pop();
    Ok(replicas)
}

/// Moves some of the chains, with `top` above them where the ladder has no top of its own: what `go` finds, and the top.
fn moved<T>(
    all: &mut Replicas,
    own: Range<usize>,
    top: Option<Tensor>,
    go: impl FnOnce(&mut Replicas) -> Result<T>,
) -> Result<(T, Option<Tensor>)> {
    let first = own.start;
    let mut taken = match own.len() == all.chains() {
        true => None,
        false => Some(all.part(own)?),
    };
    let part = taken.as_mut().unwrap_or(all);
    let given = top.is_some();
    part.v.extend(top);
    let found = go(part)?;
    let top = if given { part.v.pop() } else { None };
    taken.map_or(Ok(()), |part| all.put(&part, first))?;
    Ok((found, top))
}

/// Whether an update, counted from 1, is the first at or after a power of [`SPACING`].
fn is_candidate(update: u64) -> bool {
    let power = |n: u64| ((n as f64).ln() / SPACING.ln() + 1e-9).floor();
    update == 1 || power(update) > power(update - 1)
}
