//! All tests in one binary.

mod data;
mod device;
mod examples;
mod kernels;
mod models;
mod resume;
mod run;
mod shaders;
mod support;
mod training;
