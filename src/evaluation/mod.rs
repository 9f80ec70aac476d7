//! Is it right, and how good is it: slow but trustworthy.

pub mod ais;
pub mod bound;
mod cases;
pub mod classification;
pub mod partition;
pub mod scores;
pub mod sequences;
