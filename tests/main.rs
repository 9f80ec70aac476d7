//! All tests in one binary.

mod data;
mod examples;
mod models;
mod training;
