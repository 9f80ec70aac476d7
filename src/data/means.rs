//! Means of columns of cases that come piece by piece.

use super::cases::Cases;

/// The means of columns, of cases that come piece by piece. In pieces of whole blocks but for the last they have the bits
/// of [`Cases::means`] of all.
#[derive(Debug, Default)]
pub(crate) struct ColumnMeans {
    sums: Vec<f64>,
    weight: f64,
}

impl ColumnMeans {
    /// Adds the cases of a piece: a block at most, so that sums are added in the order of blocks.
    pub fn add(&mut self, cases: &Cases) {
        let sums = cases.column_sums(|_, x| f64::from(x));
        self.sums.resize(sums.len(), 0.0);
        self.sums.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        self.weight += cases.total_weight();
    }

    /// The mean of each column; zeros of no case.
    pub fn means(&self) -> Vec<f32> {
        let n = self.weight.max(f64::MIN_POSITIVE);
        self.sums.iter().map(|sum| (sum / n) as f32).collect()
    }
}
