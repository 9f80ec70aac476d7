//! Every shader is validated and translated without a GPU.
