//! Files that a run leaves: models, folders, pictures, curves, arrays.

mod atomic;
mod autoencoder;
mod classifier;
mod curves;
mod dbm;
mod dbn;
mod folder;
mod in_memory;
mod model_file;
mod network_file;
mod npy;
mod pictures;
mod programs;
mod settings;
mod train;
