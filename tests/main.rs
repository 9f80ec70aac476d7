//! All tests in one binary.

mod data;
mod device;
mod kernels;
mod shaders;
mod support;
