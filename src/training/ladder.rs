//! What stands below a machine while it is trained: a ladder whose chains exchange their states with the machine's own.
//!
//! * Tempering (`CdConfig::tempering`): the machine at lower inverse temperatures, made anew at each update.
//! * A trajectory (`CdConfig::trajectory`): machines of earlier updates, the first of independent units with the data's
//!   means. At updates that are spaced geometrically, within epochs too, a few rounds tell how often the newest rung and
//!   the machine exchange; where that is too seldom the machine as it stands becomes a rung. With
//!   `CdConfig::trajectory_tempering` the persistent chains exchange along it at every update.

use super::cd_config::CdConfig;
use super::figure::{Better, Figure, Figures, Style, Told};
use crate::error::{Error, Result};
use crate::models::{Ladder, Rbm, Replicas, Visit};
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
    /// round.
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
        if data_means.len() != rbm.visible_count() {
            let detail = format!(
                "{} data means for {} visible units: the lowest rung needs them",
                data_means.len(),
                rbm.visible_count()
            );
            return Err(Error::setting("tempering", detail));
        }
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

    /// The rounds `numbers` with the machine's own chains `top` above; what they are then. `draw` gives a round's
    /// numbers.
    pub fn rounds(
        &mut self,
        rbm: &Rbm,
        top: Tensor,
        numbers: std::ops::Range<u64>,
        draw: impl Fn(u64) -> ChainDraw,
    ) -> Result<Tensor> {
        if let Kind::Tempered { base, below } = &self.kind {
            let beta = |k: usize| k as f32 / *below as f32;
            let rungs = (0..*below).map(|k| rbm.at_temperature(base, beta(k)));
            self.rungs = rungs.collect::<Result<_>>()?;
        }
        let rungs: Vec<&Rbm> = self.rungs.iter().chain([rbm]).collect();
        let mut replicas = match self.replicas.take() {
            Some(mut replicas) => {
                replicas.v.push(top);
                replicas
            }
            None => start(&rungs, top, &draw(numbers.start))?,
        };
        for number in numbers {
            replicas.round(&rungs, number, &draw(number), None)?;
        }
        let top = replicas.v.pop();
        self.replicas = Some(replicas);
        top.ok_or_else(|| Error::shape("ladder", "it has no top"))
    }

    /// After the update number `updates`, counted from 1: on a trajectory whether the machine becomes a rung. `chains`
    /// are its own, where they exchange; `rounds` were made so far.
    pub fn after_update(
        &mut self,
        rbm: &Rbm,
        [updates, rounds]: [u64; 2],
        chains: &mut Option<Tensor>,
        config: &CdConfig,
    ) -> Result<()> {
        let exchanging = self.exchanges();
        if self.trajectory().is_empty() || !is_candidate(updates) {
            return Ok(());
        }
        let draw = |n: u64| {
            ChainDraw::new(config.seed, ChainStreams::TRAJECTORY).at(updates * PROBED + n + 1)
        };
        let rungs: Vec<&Rbm> = self.rungs.iter().chain([rbm]).collect();
        let mut replicas = match (self.replicas.take(), exchanging) {
            (Some(replicas), false) => replicas,
            (replicas, true) => {
                let Some(top) = chains.take() else { return Ok(()) };
                match replicas {
                    Some(mut replicas) => {
                        replicas.v.push(top);
                        replicas
                    }
                    None => start(&rungs, top, &draw(0))?,
                }
            }
            (None, false) => {
                let top = rungs[0].sample_start(config.batch, &draw(0).at(0).start())?;
                start(&rungs, top, &draw(0))?
            }
        };
        let exchanges = replicas.probe(&rungs, PROBED, draw)?;
        if exchanges.last().is_some_and(|&a| a < WANTED) && self.rungs.len() + 1 < Ladder::MOST {
            self.rungs.push(rbm.try_clone()?);
            let mut v = replicas.v;
            if let Some(top) = v.last() {
                v.push(top.try_clone()?);
            }
            replicas = Replicas::new(v, rbm.hidden_count(), 1)?;
            self.since.upload(&[rounds as f32])?;
        }
        if exchanging {
            *chains = replicas.v.pop();
        }
        self.replicas = Some(replicas);
        Ok(())
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
        let (Some(ledger), Some(first)) = (ledger, kept.first()) else { return Ok(()) };
        let hidden = self.hidden;
        // The ledger has two rows a rung, the machine's own among them.
        let [rows, _] = ledger.shape().matrix("ladder", "the ledger")?;
        let spare = first.try_clone()?;
        let missing = rows / 2 - kept.len().min(rows / 2);
        kept.extend((missing > 0).then_some(spare));
        let mut replicas = Replicas::new(kept, hidden, 1)?;
        if missing > 0 {
            replicas.v.pop();
        }
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
            let least = swaps.acceptance.into_iter().fold(f64::INFINITY, f64::min);
            figures = figures
                .with(&SWAP_ACCEPTANCE, Some(least).filter(|a| a.is_finite()))
                .with(&ROUND_TRIPS, swaps.round_trips as f64);
        }
        Ok(figures)
    }
}

/// Chains on every rung, those of the highest being given.
fn start(rungs: &[&Rbm], top: Tensor, draw: &ChainDraw) -> Result<Replicas> {
    let count = top.shape().matrix("ladder", "the chains")?[0];
    let mut replicas = Replicas::start(rungs, count, &draw.at(0), 1)?;
    replicas.v.pop();
    replicas.v.push(top);
    Ok(replicas)
}

/// Whether an update, counted from 1, is the first at or after a power of [`SPACING`].
fn is_candidate(update: u64) -> bool {
    let power = |n: u64| ((n as f64).ln() / SPACING.ln() + 1e-9).floor();
    update == 1 || power(update) > power(update - 1)
}
