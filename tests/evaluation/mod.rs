//! Likelihoods: exact log Z against enumeration from the definitions, and annealing against exact log Z.

mod adversarial;
mod ais;
mod autocorrelation;
mod bound;
mod command;
mod deep;
mod diagnostics;
mod draws;
mod ladder;
mod partition;
mod refusals;
