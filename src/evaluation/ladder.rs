//! ln Z of a machine by climbing a ladder whose lowest rung's is known: Bennett's acceptance ratio between neighbours,
//! from chains that exchange their states along it.
//!
//! The chains are C independent copies of the whole ladder. The error is that between them, so it knows of the
//! autocorrelation of each and of what neighbouring rungs have in common; it does not know of modes that no chain has
//! met, of which round trips say whether chains come to new ones.

use super::bennett::bennett;
use super::partition::independent_log_partition;
use crate::error::{Error, Result};
use crate::models::gaussian::check_normalizable;
use crate::models::{Ladder, LadderChains, Rbm, Swaps, check_steps};
use crate::random::{ChainDraw, ChainStreams};
use crate::ranks::Ranks;
use crate::tensor::Tensor;

/// How the chains run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LadderConfig {
    /// Independent copies of the ladder, at least 10: 100.
    pub chains: usize,
    /// Rounds before the first that counts: 500.
    pub burn_in: u64,
    /// Rounds that count, at least 2: 2,000.
    pub rounds: u64,
    /// Of all draws: 1.
    pub seed: u64,
    /// Who shares the copies, each its [part](Ranks::own): nobody. However many share them, what is found is the same
    /// bit for bit.
    pub ranks: Ranks,
}

impl Default for LadderConfig {
    fn default() -> Self {
        LadderConfig { chains: 100, burn_in: 500, rounds: 2000, seed: 1, ranks: Ranks::alone() }
    }
}

impl LadderConfig {
    /// Sets the number of chains.
    pub fn chains(self, chains: usize) -> Self {
        LadderConfig { chains, ..self }
    }

    /// Sets the rounds that do not count, and those that do.
    pub fn rounds(self, burn_in: u64, rounds: u64) -> Self {
        LadderConfig { burn_in, rounds, ..self }
    }

    /// Sets the seed.
    pub fn seed(self, seed: u64) -> Self {
        LadderConfig { seed, ..self }
    }

    /// Sets who shares the copies.
    pub fn ranks(self, ranks: Ranks) -> Self {
        LadderConfig { ranks, ..self }
    }
}

/// ln Z of the top rung.
#[derive(Debug, Clone, PartialEq)]
pub struct Climb {
    /// ln Z.
    pub log_partition: f64,
    /// Its standard error, between independent chains.
    pub std_error: f64,
    /// In which ln Z lies with 95 %, by Student's t.
    pub interval: [f64; 2],
    /// ln Z of each rung, the lowest first.
    pub rungs: Vec<f64>,
    /// What happened between neighbours.
    pub swaps: Swaps,
}

/// Rounds between two readings.
const KEPT: u64 = 64;

/// ln Z of the top rung. `progress` gets the number of rounds done.
///
/// # Errors
/// [`Error::Setting`] for a lowest rung with weights, fewer than 10 chains or 2 rounds, [`Error::Limit`] for more rounds
/// than there are numbers for, [`Error::Data`] where a free energy is not finite or two Gaussian layers have no
/// distribution, device errors.
pub fn climb(ladder: &Ladder, config: &LadderConfig, progress: impl FnMut(u64)) -> Result<Climb> {
    climb_and_sample(ladder, config, progress).map(|(climb, _)| climb)
}

/// The same, and where the top rung's chains then stand, `[chains, I]`: samples of the machine from chains that mix as
/// far as the ladder lets them, from which [reverse annealing](super::ais::reverse_ais) can begin.
///
/// # Errors
/// As [`climb`].
pub fn climb_and_sample(
    ladder: &Ladder,
    config: &LadderConfig,
    mut progress: impl FnMut(u64),
) -> Result<(Climb, Tensor)> {
    let (rungs, pairs) = (ladder.rungs(), ladder.rungs().len() - 1);
    let [bottom, .., top] = rungs else { return Err(Error::setting("ladder", "no rung")) };
    check_normalizable(top)?;
    let base = base_log_partition(bottom)?;
    let &LadderConfig { chains, burn_in, rounds, seed, ref ranks } = config;
    if chains < 10 || rounds < 2 {
        let detail = format!("{chains} chains and {rounds} rounds; use at least 10 and 2");
        return Err(Error::setting("ladder", detail));
    }
    // Step 0 is the start's.
    check_steps("ladder", top.device(), burn_in.saturating_add(rounds).saturating_add(1))?;
    let own = ranks.own(chains);
    let draw = ChainDraw::new(seed, ChainStreams::CLIMBING).from_chain(own.start as u32);
    let mut walk = match own.len() {
        0 => None,
        count => Some(LadderChains::keeping(ladder, [count, chains], draw, KEPT)?),
    };
    walk.as_mut().map_or(Ok(()), |walk| walk.step(burn_in))?;
    progress(burn_in);
    let mut works = vec![[Vec::new(), Vec::new()]; pairs];
    // The pairs that exchange in a round.
    let exchanging = |number: u64| ((number % 2) as usize..pairs).step_by(2);
    let mut done = burn_in;
    while done < burn_in + rounds {
        let next = KEPT.min(burn_in + rounds - done);
        let tried = || (done..done + next).flat_map(|n| exchanging(n).map(move |pair| (n, pair)));
        let mut read = Vec::new();
        if let Some(walk) = &mut walk {
            walk.step(next)?;
            let kept = walk.replicas().works()?;
            let of = |(number, pair)| walk.replicas().works_of(&kept, number, pair);
            tried().for_each(|at| read.extend(of(at).concat()));
        }
        let read = ranks.beside(read, 2 * tried().count())?;
        for ((_, pair), both) in tried().zip(read.chunks_exact(2 * chains)) {
            let rows = both.chunks_exact(chains);
            works[pair].iter_mut().zip(rows).for_each(|(works, row)| works.extend_from_slice(row));
        }
        done += next;
        progress(done);
    }
    let mut log_partitions = vec![base];
    let mut influence = vec![0.0; chains];
    let found = ranks.numbers(pairs, &mut |pair| {
        let [lower, upper] = &works[pair];
        let found = bennett(lower, upper, chains)?;
        Ok([vec![found.log_ratio], found.influence].concat())
    })?;
    for found in found {
        log_partitions.push(log_partitions[log_partitions.len() - 1] + found[0]);
        influence.iter_mut().zip(&found[1..]).for_each(|(sum, s)| *sum += s);
    }
    let log_partition = log_partitions[pairs];
    let n = chains as f64;
    let std_error = (n / (n - 1.0) * influence.iter().map(|s| s * s).sum::<f64>()).sqrt();
    let wide = student(n - 1.0) * std_error;
    let interval = [log_partition - wide, log_partition + wide];
    let (ledger, samples) = match &walk {
        Some(walk) => (walk.replicas().ledger.to_vec()?, walk.visible().to_vec()?),
        None => (Vec::new(), Vec::new()),
    };
    let swaps = Swaps::of(&ranks.beside(ledger, 2 * rungs.len())?, chains, 0..done);
    let samples = ranks.beside(samples, 1)?;
    let samples = Tensor::from_f32(top.device(), &[chains, top.visible_count()], &samples)?;
    Ok((Climb { log_partition, std_error, interval, rungs: log_partitions, swaps }, samples))
}

/// ln Z of independent units.
fn base_log_partition(bottom: &Rbm) -> Result<f64> {
    if bottom.weights().to_vec()?.iter().any(|&w| w != 0.0) {
        let detail =
            "the lowest rung has weights, so its log Z is not known; begin with independent units";
        return Err(Error::setting("ladder", detail));
    }
    let read =
        |t: &Tensor| -> Result<Vec<f64>> { Ok(t.to_vec()?.into_iter().map(f64::from).collect()) };
    Ok(independent_log_partition(
        bottom,
        &read(bottom.visible_bias())?,
        &read(bottom.hidden_bias())?,
    ))
}

/// The 97.5 % point of Student's t (Cornish and Fisher 1938), right to 0.1 % from 9 degrees of freedom on.
fn student(degrees: f64) -> f64 {
    let z = 1.959_963_985f64;
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * degrees)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * degrees.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * degrees.powi(3))
}

#[cfg(test)]
mod tests {
    use super::student;

    #[test]
    fn the_quantile_is_that_of_the_tables() {
        for (degrees, t) in [(9.0, 2.262_157), (29.0, 2.045_230), (99.0, 1.984_217)] {
            assert!((student(degrees) - t).abs() < 1e-3 * t, "{degrees}: {}", student(degrees));
        }
    }
}
