//! All tests in one binary.

mod benchmark;
#[cfg(feature = "cli")]
mod cli;
mod data;
mod device;
mod evaluation;
mod examples;
mod kernels;
mod layers;
mod models;
mod random;
#[cfg(feature = "cli")]
mod report;
mod resume;
mod run;
mod shaders;
mod structure;
mod support;
mod training;
