//! Is it right, and how good is it: slow but trustworthy.

pub mod adversarial;
pub mod ais;
pub mod autocorrelation;
mod averages;
pub mod bennett;
pub mod bound;
mod cases;
pub mod classification;
pub mod deep_ais;
pub mod deep_bound;
pub mod ladder;
mod log_weights;
pub mod partition;
mod pseudo;
pub mod scores;
pub mod sequences;
pub mod spectrum;
