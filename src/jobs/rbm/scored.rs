//! What an evaluation finds of cases that come piece by piece.

use super::coding::are_states;
use super::config::EvaluationConfig;
use crate::data::Cases;
use crate::error::{Error, Result};
use crate::evaluation::scores;
use crate::jobs::rows::{ROWS, upload_rows};
use crate::models::Rbm;
use crate::random::{Draw, stream};

/// Free energies, errors and pseudo-likelihoods of the cases so far.
#[derive(Default)]
pub(super) struct Scored {
    /// Units that are turned in each case for the stochastic pseudo-likelihood.
    turns: usize,
    /// Whether all are states of the visible units, and the machine has an energy, so that they have a likelihood.
    pub likelihood: bool,
    cases: usize,
    pub free_energies: Vec<f64>,
    pub errors: Vec<f64>,
    pub weights: Option<Vec<f32>>,
    pub pseudo: Vec<f64>,
    /// The sum of weights of the cases of each pseudo-likelihood, and their squared errors times that squared.
    pub whole: f64,
    pub variance: f64,
}

impl Scored {
    /// Of no case yet.
    pub fn new(turns: usize) -> Self {
        Scored { turns, likelihood: true, ..Scored::default() }
    }

    /// Adds some cases.
    pub fn add(&mut self, rbm: &Rbm, cases: &Cases, config: &EvaluationConfig) -> Result<()> {
        self.likelihood &=
            rbm.hidden().kind().has_energy() && are_states(cases, rbm.visible().kind());
        let weights = cases.weights();
        for first in (0..cases.len()).step_by(ROWS) {
            let v = upload_rows(rbm.device(), cases, first, ROWS)?;
            let rows = v.shape().dims()[0];
            let own = weights.as_deref().map(|weights| &weights[first..first + rows]);
            let count = own.map_or(rows as f64, |own| own.iter().map(|&w| f64::from(w)).sum());
            self.errors.extend(scores::reconstruction_errors(rbm, &v)?);
            let case = (self.cases + first) as u32;
            if self.likelihood {
                self.free_energies.extend(scores::free_energies(rbm, &v)?);
            }
            if !self.likelihood || count == 0.0 {
                continue;
            }
            let draw = Draw::new(config.seed, stream::EVALUATION).from_case(case);
            let score = match config.exact_pseudo {
                true => scores::exact_pseudo_log_likelihoods(rbm, &v)?
                    .map(|cases| (scores::weighted_mean(&cases, own), None)),
                false => scores::pseudo_log_likelihood_of(rbm, &v, self.turns, &draw, own)?
                    .map(|score| (score.mean, score.std_error)),
            };
            if let Some((mean, error)) = score {
                self.pseudo.push(count * mean);
                self.variance += error.map_or(0.0, |error| (count * error).powi(2));
            }
            self.whole += count;
        }
        if let Some(weights) = weights {
            self.weights.get_or_insert_default().extend(weights);
        }
        self.cases += cases.len();
        Ok(())
    }

    /// What was found of some cases that begin at number `first`, as bytes that [`Scored::merge`] takes.
    pub fn of(
        rbm: &Rbm,
        (cases, first): (&Cases, usize),
        turns: usize,
        config: &EvaluationConfig,
    ) -> Result<Vec<u8>> {
        let mut found = Scored { cases: first, ..Scored::new(turns) };
        found.add(rbm, cases, config)?;
        let weights = found.weights.iter().flatten().map(|&w| f64::from(w)).collect();
        let lists = [found.free_energies, found.errors, found.pseudo, weights];
        let mut numbers = vec![f64::from(u8::from(found.likelihood)), found.whole, found.variance];
        numbers.extend(lists.iter().map(|list| list.len() as f64));
        numbers.extend(lists.iter().flatten());
        Ok(bytemuck::cast_slice(&numbers).to_vec())
    }

    /// Adds what was found of the cases that follow.
    ///
    /// # Errors
    /// [`Error::Run`] where it is not what [`Scored::of`] gave.
    pub fn merge(&mut self, found: &[u8]) -> Result<()> {
        let numbers: Vec<f64> = bytemuck::pod_collect_to_vec(found);
        let [likelihood, whole, variance, sizes @ ..] = &numbers[..] else {
            return Err(Error::run("ranks", "scores that cannot be read"));
        };
        self.likelihood &= *likelihood == 1.0;
        self.whole += whole;
        self.variance += variance;
        let (sizes, mut rest) = sizes.split_at(sizes.len().min(4));
        let mut lists = Vec::new();
        for &size in sizes {
            let (own, others) = rest.split_at((size as usize).min(rest.len()));
            lists.push(own);
            rest = others;
        }
        if let [free_energies, errors, pseudo, weights] = lists[..] {
            self.free_energies.extend(free_energies);
            self.errors.extend(errors);
            self.pseudo.extend(pseudo);
            if !weights.is_empty() {
                self.weights.get_or_insert_default().extend(weights.iter().map(|&w| w as f32));
            }
        }
        Ok(())
    }
}
