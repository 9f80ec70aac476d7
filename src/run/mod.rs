//! Run folders, model files and pictures.
