//! What a machine expects of its states.

/// What a machine expects of its states.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectations {
    /// ln Z.
    pub log_partition: f64,
    /// ⟨v⟩ `[I]`.
    pub v: Vec<f64>,
    /// ⟨h⟩ `[J]`.
    pub h: Vec<f64>,
    /// ⟨v hᵀ⟩ `[I, J]`.
    pub vh: Vec<f64>,
}

impl Expectations {
    /// Those of s = 2v − 1, of those of v.
    pub(super) fn of_spins(mut self) -> Self {
        let j = self.h.len();
        for row in self.vh.chunks_mut(j.max(1)) {
            row.iter_mut().zip(&self.h).for_each(|(vh, h)| *vh = 2.0 * *vh - h);
        }
        self.v.iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
        self
    }
}
