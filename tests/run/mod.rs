//! Files that a run leaves: models, folders, pictures, curves, arrays.

mod atomic;
mod folder;
mod model_file;
mod npy;
mod pictures;
