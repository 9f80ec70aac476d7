//! Files that a run leaves: models, folders, pictures, curves, arrays.

mod atomic;
mod model_file;
