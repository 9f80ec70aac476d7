//! Learners: gradients against enumeration, whole updates against a copy in f64, batches, divergence, learning.

mod arena;
mod backpropagation;
mod batches;
mod class_rbm;
mod contents;
mod crf;
mod dbm;
mod dispatches;
mod distortion;
mod divergence;
mod exact;
mod gradient;
mod ladder;
mod learning;
mod line_search;
mod minimization;
mod minimizer;
mod pairs;
pub(crate) mod ranks;
mod ranks_of_models;
mod replica;
mod settings;
mod up_down;
mod waiting;
mod warm_up;
mod weights;
mod weights_deep;

use harmonium::models::UnitKind;
use harmonium::training::{CdConfig, CdTrainer, Schedule};

/// Plain steepest ascent at a constant rate.
fn plain(visible: UnitKind, rate: f32) -> CdConfig {
    CdConfig::new(visible, UnitKind::Bernoulli)
        .learning_rate(Schedule::constant(rate))
        .momentum(Schedule::constant(0.0))
        .weight_decay(0.0)
}

/// W, b and a, one after the other.
fn parameters(trainer: &CdTrainer) -> Vec<f32> {
    let rbm = trainer.rbm();
    [rbm.weights(), rbm.visible_bias(), rbm.hidden_bias()].map(|t| t.to_vec().unwrap()).concat()
}
