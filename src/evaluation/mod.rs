//! How good a machine is: slow but trustworthy.

pub mod scores;
