//! All tests in one binary.

mod data;
mod device;
mod evaluation;
mod examples;
mod kernels;
mod models;
mod run;
mod shaders;
mod support;
mod training;
