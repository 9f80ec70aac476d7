//! Is it right, and how good is it: slow but trustworthy.

pub mod scores;
pub mod verify;
