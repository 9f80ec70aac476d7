//! Two measurements of the same things.

use super::Measured;

/// A case that both have.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The kernel or step.
    pub part: String,
    /// Which case of it.
    pub case: String,
    /// How many times as fast it is now: old median by new median.
    pub speedup: f64,
    /// Whether that is more than noise.
    pub verdict: Verdict,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It takes less time.
    Faster,
    /// It takes more.
    Slower,
    /// The two cannot be told apart.
    Same,
}

/// A change below this is taken for noise of the machine, however little the samples spread: two runs of one program differ
/// by as much.
const NOISE: f64 = 0.05;

/// What changed on a device: of each case that both have, in the new order. It changed where the halves of the samples around
/// both medians do not meet, and the medians differ by more than 5 %.
pub fn changes(old: &Measured, new: &Measured) -> Vec<Change> {
    let of = |now: &super::Timed| {
        let before = old.results.iter().find(|x| (&x.part, &x.case) == (&now.part, &now.case))?;
        let speedup = before.seconds / now.seconds;
        let [low, high] = [before.quartiles, now.quartiles];
        let verdict = match () {
            () if speedup > 1.0 + NOISE && high[1] < low[0] => Verdict::Faster,
            () if speedup < 1.0 / (1.0 + NOISE) && high[0] > low[1] => Verdict::Slower,
            () => Verdict::Same,
        };
        let (part, case) = (now.part.clone(), now.case.clone());
        Some(Change { part, case, speedup, verdict })
    };
    new.results.iter().filter_map(of).collect()
}
