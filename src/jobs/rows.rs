//! Cases sent through a model, some at a time.

use crate::data::{Cases, Preprocessing, Values};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::layers::Sequential;
use crate::models::UnitKind;
use crate::run::robust_range;
use crate::tensor::Tensor;

/// Cases or chains on the device at once.
pub(super) const ROWS: usize = 4096;

/// Cases sent through a model and back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// What came back of each case, by means, `[cases, I]`.
    pub values: Vec<f32>,
    /// Squared, summed over the values of a case, the mean over the cases by their weights.
    pub error: f64,
}

impl Reconstruction {
    /// Of what `again` gives for a batch.
    pub(super) fn of(
        device: &Device,
        cases: &Cases,
        again: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let mut error = SquaredError::default();
        let values = error.add_of(device, cases, again)?;
        Ok(Reconstruction { values, error: error.mean() })
    }
}

/// Squared differences between cases and what came back of them, of cases that come piece by piece.
#[derive(Debug, Clone, Copy, Default)]
pub struct SquaredError {
    sum: f64,
    /// Of the cases' weights, 1 where they have none.
    whole: f64,
}

impl SquaredError {
    /// Adds those of some cases.
    pub fn add(&mut self, originals: &[f32], again: &[f32], cases: usize) {
        self.add_weighted([originals, again], cases, |_| 1.0);
    }

    /// The same where each case counts as much as `weight` says.
    pub(super) fn add_weighted(
        &mut self,
        [originals, again]: [&[f32]; 2],
        cases: usize,
        weight: impl Fn(usize) -> f64,
    ) {
        for (case, error) in errors_of([originals, again], cases).enumerate() {
            let weight = weight(case);
            self.sum += weight * error;
            self.whole += weight;
        }
    }

    /// Adds those of what `again` gives for cases, by their weights, and gives what came back.
    pub(super) fn add_of(
        &mut self,
        device: &Device,
        cases: &Cases,
        again: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let values = map_rows(device, cases, again)?;
        let weight = |case| cases.weight(case);
        self.add_weighted([&cases.to_f32(), &values], cases.len(), weight);
        Ok(values)
    }

    /// Summed over values, the mean over the cases.
    pub fn mean(&self) -> f64 {
        self.sum / self.whole.max(f64::MIN_POSITIVE)
    }
}

/// Squared differences between each case and what `again` gives for it, summed over its values.
pub(super) fn squared_errors(
    device: &Device,
    cases: &Cases,
    again: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Vec<f64>> {
    let (originals, returned) = (cases.to_f32(), map_rows(device, cases, again)?);
    Ok(errors_of([&originals, &returned], cases.len()).collect())
}

/// The same of cases that have come back.
fn errors_of([originals, again]: [&[f32]; 2], cases: usize) -> impl Iterator<Item = f64> {
    let width = (originals.len() / cases.max(1)).max(1);
    let rows = originals.chunks(width).zip(again.chunks(width));
    rows.map(|(own, back)| own.iter().zip(back).map(|(a, b)| f64::from(a - b).powi(2)).sum())
}

/// Values of units of a kind as a person wants to see them: in the data's own scale. And what black and white are.
pub(super) fn for_picture(
    preprocessing: &Preprocessing,
    kind: UnitKind,
    values: &mut [f32],
) -> Result<(f32, f32)> {
    preprocessing.undo(values)?;
    Ok(kind.range().unwrap_or_else(|| robust_range(values)))
}

/// Where a layer stands among all stages, and how many values it gives. Layers are counted from 1 as a model describes them,
/// those that drop units or change shapes alone left out; where `level` is not given it is the last one before the outputs,
/// which the last layer gives unless they are `beside` the layers.
///
/// # Errors
/// [`Error::Setting`] for a layer that there is not; `model` is what has them.
pub(super) fn layer_at(
    layers: &Sequential,
    level: Option<usize>,
    (model, beside): (&str, bool),
) -> Result<(usize, usize)> {
    let counted = |name: &str| !["flatten", "dropout"].iter().any(|kind| name.starts_with(kind));
    let stages = layers.stages().enumerate().filter(|(_, stage)| counted(stage.name));
    let stages: Vec<(usize, usize)> =
        stages.map(|(at, stage)| (at, stage.output.iter().product())).collect();
    let level = level.unwrap_or(stages.len().saturating_sub(usize::from(!beside)).max(1));
    let found = level.checked_sub(1).and_then(|at| stages.get(at)).copied();
    found.ok_or_else(|| {
        let layers = stages.len();
        Error::setting("level", format!("{level} is outside 1 to {layers}, the {model}'s layers"))
    })
}

/// As many as `most` of the cases that count, from all over them; where none counts, of all.
pub(super) fn some_that_count(cases: &Cases, most: usize) -> Result<Cases> {
    cases.select(&places_that_count(cases, most))
}

/// Where these stand, in their order.
pub(super) fn places_that_count(cases: &Cases, most: usize) -> Vec<u32> {
    let all = 0..cases.len() as u32;
    let mut counting: Vec<u32> =
        all.clone().filter(|&case| cases.weight(case as usize) > 0.0).collect();
    if counting.is_empty() {
        counting = all.collect();
    }
    spread(counting.len(), most).map(|place| counting[place]).collect()
}

/// As many as `most` places of 0..`count`: one of each equal part, where the golden ratio says, so that neither data in the
/// order of their classes nor classes in turns are seen in part.
fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let taken = count.min(most);
    (0..taken).map(move |part| {
        let [begin, end] = [part, part + 1].map(|part| part * count / taken);
        begin + ((part as f64 * GOLDEN).fract() * (end - begin) as f64) as usize
    })
}

/// Applies `f` to all cases, some at a time.
pub(super) fn map_rows(
    device: &Device,
    cases: &Cases,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Vec<f32>> {
    let mut out = Vec::new();
    for first in (0..cases.len()).step_by(ROWS) {
        out.extend(f(&upload_rows(device, cases, first, ROWS)?)?.to_vec()?);
    }
    Ok(out)
}

/// The numbers that `f` finds of cases, some at a time, told which is the first of them.
pub(super) fn numbers(
    device: &Device,
    cases: &Cases,
    f: impl Fn(&Tensor, usize) -> Result<Vec<f64>>,
) -> Result<Vec<f64>> {
    let mut found = Vec::new();
    for first in (0..cases.len()).step_by(ROWS) {
        found.extend(f(&upload_rows(device, cases, first, ROWS)?, first)?);
    }
    Ok(found)
}

/// Up to `count` cases from number `first` on, uploaded as f32; none past the last.
///
/// # Errors
/// Device errors.
pub fn upload_rows(device: &Device, cases: &Cases, first: usize, count: usize) -> Result<Tensor> {
    let first = first.min(cases.len());
    let (n, d) = (count.min(cases.len() - first), cases.width());
    let span = first * d..(first + n) * d;
    let values: Vec<f32> = match cases.values() {
        Values::Bits(bits) => bits[span].iter().map(|&b| f32::from(b)).collect(),
        Values::U8 { values, scale } => {
            values[span].iter().map(|&x| f32::from(x) * scale).collect()
        }
        Values::F32(values) => values[span].to_vec(),
    };
    Tensor::from_f32(device, &[n, d], &values)
}

#[cfg(test)]
mod tests {
    use super::spread;

    /// Of cases in the order of their classes, and of classes in turns, as many of each.
    #[test]
    fn places_are_of_all_cases_and_each_once() {
        for count in [0, 1, 499, 500, 501, 1500, 54_000] {
            let places: Vec<usize> = spread(count, 500).collect();
            assert_eq!(places.len(), count.min(500));
            assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{count}");
            assert!(places.iter().all(|&place| place < count));
            if count < 1500 {
                continue;
            }
            for class in 0..10 {
                let sorted = places.iter().filter(|&&place| place * 10 / count == class).count();
                let in_turns = places.iter().filter(|&&place| place % 10 == class).count();
                assert!(
                    sorted.abs_diff(50) < 3 && in_turns.abs_diff(50) < 20,
                    "{count} {in_turns}"
                );
            }
        }
    }
}
