//! The one pass over all cases of a stream: what its values are, what is fitted to them, which classes there are; and the
//! few cases that stay in memory.

use super::held::{Decision, Held, Seen};
use super::shard::{Cursor, Shard};
use crate::data::cases::Cases;
use crate::data::labels::{Counts, Labels, RawPart};
use crate::data::preprocessing::Statistics;
use crate::data::values::Values;
use crate::error::Result;

/// Bytes read at once.
const AT_ONCE: u64 = 1 << 20;

/// Means and squared differences from them, of columns, merged piece by piece (Chan, Golub & LeVeque 1983).
#[derive(Debug, Clone, Default)]
pub(super) struct Moments {
    cases: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn add(&mut self, cases: &Cases, spread: bool) {
        let n = cases.len() as f64;
        if n == 0.0 {
            return;
        }
        let means = cases.means_f64();
        let squares: Vec<f64> = match spread {
            true => cases.deviations_f64(&means).into_iter().map(|s| s * s * n).collect(),
            false => vec![0.0; means.len()],
        };
        if self.cases == 0.0 {
            *self = Moments { cases: n, means, squares };
            return;
        }
        let all = self.cases + n;
        for (j, (mean, square)) in means.into_iter().zip(squares).enumerate() {
            let difference = mean - self.means[j];
            self.means[j] += difference * n / all;
            self.squares[j] += square + difference * difference * self.cases * n / all;
        }
        self.cases = all;
    }

    /// The deviations of the population.
    fn deviations(&self) -> Vec<f64> {
        self.squares.iter().map(|s| (s / self.cases.max(1.0)).sqrt()).collect()
    }

    /// What is known of the cases as they are held.
    pub fn statistics(self, decision: &Decision, seen: &Seen) -> Statistics {
        let factor = decision.factor();
        Statistics {
            range: seen.range_by(factor as f32),
            are_bits: decision.held == Held::Bits,
            deviations: self.deviations().into_iter().map(|s| s * factor).collect(),
            means: self.means.into_iter().map(|m| m * factor).collect(),
        }
    }
}

/// Cases that are kept: which, in ascending order, and what the pass found of them.
#[derive(Debug, Default)]
pub(super) struct Picked {
    numbers: Vec<u32>,
    at: usize,
    values: Vec<Values>,
    labels: Option<Labels>,
    width: usize,
}

impl Picked {
    pub fn of(numbers: Vec<u32>) -> Self {
        Picked { numbers, ..Picked::default() }
    }

    /// Takes those that are among the cases of a piece, whose first has the number `first`.
    fn take(&mut self, part: &RawPart, first: usize) -> Result<()> {
        let cases = &part.set.cases;
        let end = first + cases.len();
        let rest = &self.numbers[self.at..];
        let count = rest.partition_point(|&number| (number as usize) < end);
        let local: Vec<u32> = rest[..count].iter().map(|&number| number - first as u32).collect();
        self.at += count;
        self.width = cases.width();
        if local.is_empty() {
            return Ok(());
        }
        self.values.push(cases.select(&local)?.values().clone());
        if let Some(labels) = &part.labels {
            let places: Vec<usize> = local.iter().map(|&i| i as usize).collect();
            let found = labels.pick(&places);
            self.labels = Some(match self.labels.take() {
                Some(labels) => labels.append(found),
                None => found,
            });
        }
        Ok(())
    }

    /// The cases as they are held, by their numbers, and their labels; nothing where none was to be kept.
    pub fn cases(self, decision: &Decision) -> Result<Option<(Cases, Option<Labels>)>> {
        if self.numbers.is_empty() {
            return Ok(None);
        }
        let values = self.values.into_iter().map(|values| decision.apply(values));
        let values = values.reduce(Values::append).unwrap_or(Values::Bits(Vec::new()));
        let n = self.numbers.len();
        let cases = Cases::new(values, n, self.width)?.numbered(self.numbers);
        Ok(Some((cases, self.labels)))
    }
}

/// What the pass asks for.
pub(super) struct Wanted<'a> {
    pub name: &'a str,
    /// Cases from the first on.
    pub cases: usize,
    /// Cases that are held out, in ascending order: no part of what is fitted.
    pub held_out: Vec<u32>,
    /// Cases that are kept to be looked at.
    pub sample: Vec<u32>,
    /// Whether deviations are wanted.
    pub spread: bool,
}

/// What the pass found.
pub(super) struct Scanned {
    pub seen: Seen,
    pub moments: Moments,
    pub counts: Counts,
    pub held_out: Picked,
    pub sample: Picked,
    pub checksum: u32,
}

/// Reads all cases once.
pub(super) fn scan(shards: &[Shard], wanted: Wanted<'_>) -> Result<Scanned> {
    let Wanted { name, cases, held_out, sample, spread } = wanted;
    let mut found = Scanned {
        seen: Seen::default(),
        moments: Moments::default(),
        counts: Counts::default(),
        held_out: Picked::of(held_out),
        sample: Picked::of(sample),
        checksum: 0,
    };
    let (mut hasher, mut first) = (crc32fast::Hasher::new(), 0);
    for shard in shards {
        let mut cursor = Cursor::open(shard)?;
        let step = (AT_ONCE / shard.case_bytes().max(1)).max(1) as usize;
        let end = shard.n.min(cases - first);
        let mut at = 0;
        while at < end {
            let rows = step.min(end - at);
            let part = cursor.read(rows, name)?;
            found.seen.add(&part);
            hasher.update(&part.set.cases.values().checksum().to_le_bytes());
            if let Some(labels) = &part.labels {
                found.counts.add(labels);
                labels.hash(&mut hasher);
            }
            let held = found.held_out.at;
            found.held_out.take(&part, first + at)?;
            found.sample.take(&part, first + at)?;
            let out = &found.held_out.numbers[held..found.held_out.at];
            match out.is_empty() {
                true => found.moments.add(&part.set.cases, spread),
                false => {
                    let kept = (0..rows as u32)
                        .filter(|i| out.binary_search(&((first + at) as u32 + i)).is_err());
                    let kept: Vec<u32> = kept.collect();
                    found.moments.add(&part.set.cases.select(&kept)?, spread);
                }
            }
            at += rows;
        }
        if end == shard.n {
            cursor.end()?;
        }
        first += end;
    }
    found.checksum = hasher.finalize();
    Ok(found)
}
