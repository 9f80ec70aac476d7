//! How a machine is scored.

use crate::evaluation::ais::Temperatures;
use crate::evaluation::ladder::LadderConfig;
use crate::ranks::Ranks;

/// How ln Z is found.
#[derive(Debug, Clone, Default)]
pub enum Method {
    /// Exactly where the smaller layer can be enumerated, else by annealing over 10,000 temperature steps.
    #[default]
    Automatic,
    /// By enumeration.
    Exact,
    /// By annealed importance sampling, forwards and, where there are cases, backwards.
    Annealed(Temperatures),
}

/// What the rungs of a ladder are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rungs {
    /// The machines that its training kept.
    Trajectory,
    /// The machine at so many inverse temperatures in equal steps from 0 to 1.
    Tempered(usize),
}

/// How a machine is scored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EvaluationConfig {
    /// How ln Z is found.
    pub method: Method,
    /// Chains of the annealing, at least 2.
    pub chains: usize,
    /// Gibbs steps that bring the backward annealing's chains from the data to the model.
    pub burn_in: u64,
    /// The pseudo-likelihood with every unit of every case turned, instead of one drawn unit a case.
    pub exact_pseudo: bool,
    /// A ladder to climb for ln Z, beside what else is done.
    pub ladder: Option<Rungs>,
    /// How its chains run; its seed and its ranks are not used.
    pub climbing: LadderConfig,
    /// Of all draws.
    pub seed: u64,
    /// Who shares the work: nobody.
    pub ranks: Ranks,
}

/// 100 chains, a burn-in of 1,000 steps, seed 1.
impl Default for EvaluationConfig {
    fn default() -> Self {
        let method = Method::Automatic;
        EvaluationConfig {
            method,
            chains: 100,
            burn_in: 1000,
            exact_pseudo: false,
            ladder: None,
            climbing: LadderConfig::default(),
            seed: 1,
            ranks: Ranks::alone(),
        }
    }
}

impl EvaluationConfig {
    /// The same with another way to ln Z.
    #[must_use]
    pub fn method(self, method: Method) -> Self {
        EvaluationConfig { method, ..self }
    }

    /// The same with so many chains.
    #[must_use]
    pub fn chains(self, chains: usize) -> Self {
        EvaluationConfig { chains, ..self }
    }

    /// The same with so many steps from the data to the model.
    #[must_use]
    pub fn burn_in(self, burn_in: u64) -> Self {
        EvaluationConfig { burn_in, ..self }
    }

    /// The same with or without the exact pseudo-likelihood.
    #[must_use]
    pub fn exact_pseudo(self, exact_pseudo: bool) -> Self {
        EvaluationConfig { exact_pseudo, ..self }
    }

    /// The same with a ladder that is climbed.
    #[must_use]
    pub fn ladder(self, ladder: Option<Rungs>) -> Self {
        EvaluationConfig { ladder, ..self }
    }

    /// The same with other chains on it.
    #[must_use]
    pub fn climbing(self, climbing: LadderConfig) -> Self {
        EvaluationConfig { climbing, ..self }
    }

    /// The same, of which these ranks do the work by turns.
    #[must_use]
    pub fn ranks(self, ranks: Ranks) -> Self {
        EvaluationConfig { ranks, ..self }
    }

    /// The same with other draws.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        EvaluationConfig { seed, ..self }
    }
}
