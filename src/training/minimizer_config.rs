//! Settings of training by line searches.

use super::conjugate_gradient::ConjugateGradient;
use super::lbfgs::Lbfgs;
use super::line_search::LineSearch;
use super::minimization::Directions;
use super::ranges;
use crate::error::Result;

/// Where the directions of line searches come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// [`ConjugateGradient`].
    ConjugateGradient,
    /// [`Lbfgs`].
    Lbfgs {
        /// How many pairs are kept at most.
        pairs: usize,
    },
}

impl Method {
    /// The line search that suits it: exact for conjugate gradients, c₂ = 0.1; loose for L-BFGS, c₂ = 0.9.
    pub fn line_search(&self) -> LineSearch {
        match self {
            Method::ConjugateGradient => LineSearch::new(0.1),
            Method::Lbfgs { .. } => LineSearch::new(0.9),
        }
    }

    pub(super) fn directions(&self) -> Result<Box<dyn Directions>> {
        Ok(match *self {
            Method::ConjugateGradient => Box::new(ConjugateGradient::new()),
            Method::Lbfgs { pairs } => Box::new(Lbfgs::new(pairs)?),
        })
    }
}

/// Settings of [`Minimizer`](super::Minimizer).
///
/// ```
/// use harmonium::training::{Method, MinimizerConfig};
/// let config = MinimizerConfig::default().method(Method::Lbfgs { pairs: 10 }).batch(500);
/// assert_eq!((config.batch, config.line_searches, config.seed), (500, 3, 1));
/// assert_eq!(config.search().curvature, 0.9);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MinimizerConfig {
    /// Where directions come from.
    pub method: Method,
    /// Cases per update, at least 1; an epoch's last batch has what is left.
    pub batch: usize,
    /// Line searches on each batch, at least 1.
    pub line_searches: usize,
    /// The line search; the [method's own](Method::line_search) where there is none.
    pub line_search: Option<LineSearch>,
    /// Whether each batch begins with the steepest descent: its loss is another function than that of the batch before.
    /// Where one batch holds all cases it is the same one, and what is known of it may be kept.
    pub restart: bool,
    /// λ ≥ 0, for weights alone: ½λ‖w‖² is part of what is made small.
    pub weight_decay: f32,
    /// Of the order of cases.
    pub seed: u64,
}

impl Default for MinimizerConfig {
    /// As G. Hinton and R. Salakhutdinov trained the autoencoders of 2006: conjugate gradients, three line searches on
    /// each batch of 1,000. Seed 1.
    fn default() -> Self {
        MinimizerConfig {
            method: Method::ConjugateGradient,
            batch: 1000,
            line_searches: 3,
            line_search: None,
            restart: true,
            weight_decay: 0.0,
            seed: 1,
        }
    }
}

impl MinimizerConfig {
    /// Where directions come from.
    pub fn method(self, method: Method) -> Self {
        MinimizerConfig { method, ..self }
    }

    /// Cases per update.
    pub fn batch(self, batch: usize) -> Self {
        MinimizerConfig { batch, ..self }
    }

    /// Line searches on each batch.
    pub fn line_searches(self, line_searches: usize) -> Self {
        MinimizerConfig { line_searches, ..self }
    }

    /// The line search; the method's own where it is `None`.
    pub fn line_search(self, line_search: impl Into<Option<LineSearch>>) -> Self {
        MinimizerConfig { line_search: line_search.into(), ..self }
    }

    /// Whether each batch begins with the steepest descent.
    pub fn restart(self, restart: bool) -> Self {
        MinimizerConfig { restart, ..self }
    }

    /// λ, for weights alone.
    pub fn weight_decay(self, weight_decay: f32) -> Self {
        MinimizerConfig { weight_decay, ..self }
    }

    /// Of the order of cases.
    pub fn seed(self, seed: u64) -> Self {
        MinimizerConfig { seed, ..self }
    }

    /// The line search in use.
    pub fn search(&self) -> LineSearch {
        self.line_search.unwrap_or(self.method.line_search())
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) naming the setting, the value and the range.
    pub fn check(&self) -> Result<()> {
        ranges::BATCH.check_count("batch", self.batch as u64)?;
        ranges::LINE_SEARCHES.check_count("line-searches", self.line_searches as u64)?;
        ranges::WEIGHT_DECAY.check("weight-decay", self.weight_decay)?;
        if let Method::Lbfgs { pairs } = self.method {
            ranges::PAIRS.check_count("pairs", pairs as u64)?;
        }
        self.search().check()
    }
}
