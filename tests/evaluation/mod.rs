//! Likelihoods: exact log Z against enumeration from the definitions, and annealing against exact log Z.

mod ais;
mod bound;
mod command;
mod draws;
mod ladder;
mod partition;
