//! All tests in one binary.

mod data;
mod device;
mod examples;
mod kernels;
mod models;
#[cfg(feature = "cli")]
mod report;
mod run;
mod shaders;
mod support;
mod training;
