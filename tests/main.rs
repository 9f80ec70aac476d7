//! All tests in one binary.

mod data;
mod run;
