//! From small to large: where a device is filled, and what it costs to ask for less.

use super::steps::{MACHINE, bits};
use super::{Measured, Part, Timed};
use crate::error::Result;
use crate::kernels::proof::Bench;
use crate::models::{Rbm, Units};
use crate::training::{CdConfig, CdTrainer};

pub(super) static SIZES: [Part; 3] = [
    Part { name: "batch_sizes", rates: &[("connections", 1.0)], cases: batches },
    Part { name: "layer_sizes", rates: &[("connections", 1.0)], cases: layers },
    Part { name: "chain_counts", rates: &[("connections", 1.0)], cases: chains },
];

/// How one thing that grows was measured.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Growth {
    /// The part.
    pub part: &'static str,
    /// What grows.
    pub along: &'static str,
    /// What of it there was and what was passed of it in a second, connections, from small to large.
    pub rates: Vec<(f64, f64)>,
}

/// Whether a part of this name goes from small to large.
pub fn grows(part: &str) -> bool {
    SIZES.iter().any(|of| of.name == part)
}

/// The parts of `measured` that go from small to large, as far as they were measured.
pub fn growths(measured: &Measured) -> Vec<Growth> {
    let along = ["cases in a batch", "hidden units", "chains"];
    let of = |(part, along): (&Part, &'static str)| {
        let cases = measured.results.iter().filter(|timed| timed.part == part.name);
        let rate = |timed: &Timed| {
            let (_, passed) = timed.counts.first()?;
            Some((grown(&timed.case)?, passed / timed.seconds))
        };
        Growth { part: part.name, along, rates: cases.filter_map(rate).collect() }
    };
    let all = SIZES.iter().zip(along).map(of);
    all.filter(|growth| growth.rates.len() > 1).collect()
}

/// The number of a case's name that grows: of chains the first, of updates the batch or, where that stays, the layer.
fn grown(case: &str) -> Option<f64> {
    let numbers: Vec<f64> = case
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    match numbers[..] {
        [count, _] => Some(count),
        // CD-1 of a machine: the batch where the layers are those of all machines, else the hidden units.
        [_, _, hidden, batch] if hidden == MACHINE[1] as f64 => Some(batch),
        [_, _, hidden, _] => Some(hidden),
        _ => None,
    }
}

/// Each four times the one before.
fn quadrupled(first: usize, last: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), |n| Some(4 * n)).take_while(move |n| *n <= last)
}

/// An update of CD-1 of a machine of these layers; connections times cases.
fn update(b: &mut Bench<'_>, [visible, hidden]: [usize; 2], batch: usize) -> Result<()> {
    let v = bits(b, [batch, visible])?;
    let rbm = Rbm::new(b.device, Units::bernoulli(visible), Units::bernoulli(hidden), 1)?;
    let config = CdConfig::default().batch(batch);
    let mut trainer = CdTrainer::new(rbm, config, &vec![0.25; visible])?;
    let name = format!("CD-1 {visible}x{hidden} B{batch}");
    b.case(&name, batch * visible * hidden, || trainer.update(&v, 1).map(drop))
}

fn batches(b: &mut Bench<'_>) -> Result<()> {
    quadrupled(1, 4096).try_for_each(|batch| update(b, MACHINE, batch))
}

fn layers(b: &mut Bench<'_>) -> Result<()> {
    quadrupled(16, 4096).try_for_each(|hidden| update(b, [MACHINE[0], hidden], 128))
}

/// Ten steps of free chains; connections passed.
fn chains(b: &mut Bench<'_>) -> Result<()> {
    const STEPS: usize = 10;
    let [visible, hidden] = MACHINE;
    let rbm = Rbm::new(b.device, Units::bernoulli(visible), Units::bernoulli(hidden), 1)?;
    for count in quadrupled(1, 4096) {
        let mut chains = rbm.chains(count, 1)?;
        let work = 2 * count * STEPS * visible * hidden;
        b.case(&format!("{count} chains x {STEPS} steps"), work, || chains.step(STEPS as u64))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::grown;

    #[test]
    fn what_grows_is_read_from_a_name() {
        let found = ["CD-1 784x500 B16", "CD-1 784x64 B128", "1024 chains x 10 steps", "plain"];
        assert_eq!(found.map(grown), [Some(16.0), Some(64.0), Some(1024.0), None]);
    }
}
