//! Models against enumeration: every quantity of a small machine with strong weights, in f64.

mod autoencoder;
mod clamp;
mod class_rbm;
mod conditionals;
pub mod dbm;
mod dbn;
pub mod deep;
mod energy;
pub mod exact;
mod fields;
mod filters;
mod gibbs;
mod labels;
pub mod ladder;
pub mod nets;
pub mod pairs;
mod rectified;
mod scores;
mod spins;
pub mod support;
