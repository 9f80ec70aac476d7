//! Learners: gradients against enumeration, whole updates against a copy in f64, batches, divergence, learning.

mod backpropagation;
mod batches;
mod distortion;
mod divergence;
mod exact;
mod gradient;
mod learning;
mod replica;
mod settings;

use harmonium::models::VisibleKind;
use harmonium::training::{CdConfig, CdTrainer, Schedule};

/// Plain steepest ascent at a constant rate.
fn plain(visible: VisibleKind, rate: f32) -> CdConfig {
    CdConfig {
        learning_rate: Schedule::constant(rate),
        momentum: Schedule::constant(0.0),
        weight_decay: 0.0,
        ..CdConfig::for_visible(visible)
    }
}

/// W, b and a, one after the other.
fn parameters(trainer: &CdTrainer) -> Vec<f32> {
    let rbm = trainer.rbm();
    [&rbm.w, &rbm.b, &rbm.a].map(|t| t.to_vec().unwrap()).concat()
}
