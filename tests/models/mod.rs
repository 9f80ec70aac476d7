//! Models against enumeration: every quantity of a small machine with strong weights, in f64.

mod autoencoder;
mod clamp;
mod class_rbm;
mod conditionals;
mod dbn;
mod energy;
pub mod exact;
mod filters;
mod gibbs;
mod labels;
pub mod ladder;
pub mod nets;
pub mod pairs;
mod scores;
mod spins;
pub mod support;
