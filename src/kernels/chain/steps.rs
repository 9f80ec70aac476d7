//! The host's steps along a chain.

use super::{allowed, largest, log_sum};

/// Sums below this may have lost what counts to underflow: they are made again, term by term.
pub(in crate::kernels) const SMALL: f32 = 1e-25;

/// The score of label `j` behind label `i` into a position whose scores are `row`: K of its labels, and perhaps K² of the
/// transitions into it.
#[inline(always)]
pub(in crate::kernels) fn transition(
    transitions: &[f32],
    row: &[f32],
    labels: usize,
    [i, j]: [usize; 2],
) -> f32 {
    let place = i * labels + j;
    allowed(transitions[place] + row.get(labels + place).copied().unwrap_or(0.0))
}

/// Over which label of a transition a step sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernels) enum Over {
    /// The label before, for each label after.
    Before,
    /// The label after, for each label before.
    After,
}

/// The transitions of a batch as the host's passes want them: the same at each position, or for each its own.
pub(in crate::kernels) struct Steps<'a> {
    /// `[K + 2, K]`, as they are given.
    pub transitions: &'a [f32],
    pub labels: usize,
    over: Over,
    paired: bool,
    shared: Exponentials,
}

impl<'a> Steps<'a> {
    pub fn new(transitions: &'a [f32], labels: usize, over: Over, paired: bool) -> Self {
        let mut steps =
            Steps { transitions, labels, over, paired, shared: Exponentials::default() };
        if !paired {
            steps.shared.set(transitions, &[], labels, over);
        }
        steps
    }

    /// Scores of a position.
    pub fn width(&self) -> usize {
        if self.paired { self.labels * (self.labels + 1) } else { self.labels }
    }

    /// Whether each position has scores of its own for the transitions into it.
    pub fn paired(&self) -> bool {
        self.paired
    }

    /// Those that are the same at each position.
    pub fn shared(&self) -> &Exponentials {
        &self.shared
    }

    /// Those into a position whose scores are `row`; `own` is where they are made, if each has its own.
    pub fn into<'e>(&'e self, row: &[f32], own: &'e mut Exponentials) -> &'e Exponentials {
        if !self.paired {
            return &self.shared;
        }
        own.set(self.transitions, row, self.labels, self.over);
        own
    }
}

/// Exponentials of transitions, relative to the largest of each group.
#[derive(Default)]
pub(in crate::kernels) struct Exponentials {
    labels: usize,
    /// The scores, at least [`FORBIDDEN`](super::FORBIDDEN).
    pub scores: Vec<f32>,
    /// `[K, K]`, as rows from which sums are made: `rows[i][j] = exp(score of what joins i and j − most[j])`.
    pub rows: Vec<f32>,
    /// The largest score of each j.
    pub most: Vec<f32>,
}

impl Exponentials {
    fn set(&mut self, transitions: &[f32], row: &[f32], labels: usize, over: Over) {
        self.labels = labels;
        self.scores.clear();
        self.scores.extend((0..labels * labels).map(|n| {
            let (i, j) = (n / labels, n % labels);
            let pair = if over == Over::Before { [i, j] } else { [j, i] };
            transition(transitions, row, labels, pair)
        }));
        let scores = &self.scores;
        let most = |j: usize| largest((0..labels).map(|i| scores[i * labels + j]));
        self.most.clear();
        self.most.extend((0..labels).map(most));
        let most = &self.most;
        self.rows.clear();
        self.rows.extend((0..labels * labels).map(|n| (scores[n] - most[n % labels]).exp()));
    }

    /// `out[j] = ln Σ_i exp(message[i] + score[i][j])`, for messages of at most 0.
    pub fn step(&self, message: &[f32], sums: &mut [f32], out: &mut [f32]) {
        sums.fill(0.0);
        for (row, &message) in self.rows.chunks_exact(self.labels).zip(message) {
            let weight = message.exp();
            sums.iter_mut().zip(row).for_each(|(sum, e)| *sum += weight * e);
        }
        for (j, (out, &sum)) in out.iter_mut().zip(&*sums).enumerate() {
            *out = match sum > SMALL {
                true => allowed(self.most[j] + sum.ln()),
                false => {
                    let term = |(i, m): (usize, &f32)| m + self.scores[i * self.labels + j];
                    log_sum(message.iter().enumerate().map(term))
                }
            };
        }
    }
}
