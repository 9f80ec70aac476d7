//! Machines on sets that are small enough for exact likelihoods: bars and stripes, and the labelled shifter. Learners side by
//! side, each over several trials; of a trial the best machine on the way counts, as in the literature.
//!
//! ```text
//! cargo run --release --example exact_sets -- bars-3        # or bars-4, shifter
//! cargo run --release --example exact_sets -- shifter 10 60000    # 10 trials of 60,000 updates
//! ```

use std::collections::HashMap;

use harmonium::evaluation::partition::exact_log_partition;
use harmonium::evaluation::scores::free_energies;
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::training::{CdConfig, CdTrainer};
use harmonium::{Device, Result, Tensor};
use rayon::prelude::*;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let set = match arguments.first().map_or("bars-3", String::as_str) {
        "bars-3" => bars_and_stripes(3),
        "bars-4" => bars_and_stripes(4),
        "shifter" => labelled_shifter(),
        other => {
            eprintln!("no set is called {other}: bars-3, bars-4 or shifter");
            std::process::exit(2)
        }
    };
    let number = |k: usize, default: u64| match arguments.get(k).map(|text| text.parse()) {
        None => default,
        Some(Ok(number)) if number > 1 => number,
        Some(_) => {
            eprintln!(
                "give the trials and the updates as whole numbers above 1, as in: shifter 10 60000"
            );
            std::process::exit(2)
        }
    };
    let (trials, updates) = (number(1, 25), number(2, 20_000));
    println!(
        "{} rows of {} bits, {} hidden units, {updates} updates at rate {RATE}, {trials} trials; optimum {:.2}",
        set.rows.len(),
        set.rows[0].len(),
        set.hidden,
        optimum(&set.rows)
    );
    for how in HOWS {
        let best: Result<Vec<f64>> =
            (1..=trials).into_par_iter().map(|seed| best(&set, how, seed, updates)).collect();
        let best = best?;
        let n = trials as f64;
        let mean = best.iter().sum::<f64>() / n;
        let error = (best.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
        println!("{:16} {mean:9.2} ± {error:.2}", how.name);
    }
    Ok(())
}

const RATE: f32 = 0.1;

/// Rows of bits, and the hidden units of the machine that learns them.
#[derive(Debug)]
pub struct Set {
    /// Of 0 and 1, all of one width.
    pub rows: Vec<Vec<f32>>,
    hidden: usize,
}

/// Pictures of `side`² pixels whose rows or whose columns are one colour: 2 · 2^side, white and black there twice.
pub fn bars_and_stripes(side: usize) -> Set {
    let pictures = |bars: bool| {
        (0..1usize << side).map(move |lines| {
            let line = |pixel: usize| if bars { pixel % side } else { pixel / side };
            (0..side * side).map(|pixel| bit(lines, line(pixel))).collect()
        })
    };
    Set { rows: pictures(true).chain(pictures(false)).collect(), hidden: 4 * (side - 2) }
}

/// Eight bits, the same turned left, not at all or right, and three bits that tell which: 768 rows of 19.
pub fn labelled_shifter() -> Set {
    let row = |pattern: usize, turn: usize| {
        let turned = (0..8).map(move |k| bit(pattern, (k + 7 + turn) % 8));
        let label = (0..3).map(move |k| f32::from(u8::from(k == turn)));
        (0..8).map(move |k| bit(pattern, k)).chain(turned).chain(label).collect()
    };
    Set { rows: (0..3).flat_map(|turn| (0..256).map(move |p| row(p, turn))).collect(), hidden: 10 }
}

fn bit(word: usize, k: usize) -> f32 {
    (word >> k & 1) as f32
}

/// Σ ln p over the rows under the distribution that gives each its frequency.
pub fn optimum(rows: &[Vec<f32>]) -> f64 {
    let mut counts = HashMap::new();
    for row in rows {
        let bits: Vec<bool> = row.iter().map(|&x| x == 1.0).collect();
        *counts.entry(bits).or_insert(0usize) += 1;
    }
    counts.values().map(|&n| n as f64 * (n as f64 / rows.len() as f64).ln()).sum()
}

/// A learner's name and what it changes.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// What it is called in the table.
    pub name: &'static str,
    change: fn(CdConfig) -> CdConfig,
}

/// The exact gradient, CD-1 and PCD-1, each plain and centred.
pub const HOWS: [How; 6] = [
    How { name: "exact", change: |c| c.exact_gradient(true) },
    How { name: "exact, centred", change: |c| c.exact_gradient(true).centered(true) },
    How { name: "CD-1", change: |c| c },
    How { name: "CD-1, centred", change: |c| c.centered(true) },
    How { name: "PCD-1", change: |c| c.persistent(true) },
    How { name: "PCD-1, centred", change: |c| c.persistent(true).centered(true) },
];

/// The largest Σ ln p of the rows before learning and after every hundred updates, all rows in each, on the CPU: such machines
/// keep no GPU busy.
pub fn best(set: &Set, how: How, seed: u64, updates: u64) -> Result<f64> {
    let device = Device::cpu();
    let width = set.rows[0].len();
    let rows = Tensor::from_f32(&device, &[set.rows.len(), width], &set.rows.concat())?;
    let plain = CdConfig::new(UnitKind::Bernoulli, UnitKind::Bernoulli)
        .batch(set.rows.len())
        .learning_rate(RATE)
        .momentum(0.0)
        .weight_decay(0.0)
        .seed(seed);
    let rbm = Rbm::new(&device, Units::bernoulli(width), Units::bernoulli(set.hidden), seed)?;
    let mut trainer = CdTrainer::new(rbm, (how.change)(plain), &vec![0.5; width])?;
    let mut best = f64::NEG_INFINITY;
    for update in 0..=updates {
        if update % 100 == 0 {
            let rbm = trainer.rbm();
            let free: f64 = free_energies(rbm, &rows)?.iter().sum();
            best = best.max(-free - set.rows.len() as f64 * exact_log_partition(rbm)?);
        }
        if update < updates {
            trainer.update(&rows, 1)?;
        }
    }
    Ok(best)
}
