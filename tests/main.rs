//! All tests in one binary.

mod data;
mod device;
mod kernels;
mod run;
mod shaders;
mod support;
