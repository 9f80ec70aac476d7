//! All tests in one binary.

#[cfg(feature = "cli")]
mod cli;
mod data;
mod device;
mod examples;
mod kernels;
mod models;
mod run;
mod shaders;
mod structure;
mod support;
mod training;
