//! The streams that harmonium itself uses, so that no two purposes share numbers; [`ChainStreams`](super::ChainStreams) has those of
//! Gibbs chains. A stream serves the files that a test lists, and no other.

/// Names the streams and lists them, so that none is left out of the list.
macro_rules! streams {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: u16 = $number;)+
        /// Every stream with its name.
        #[doc(hidden)]
        pub const ALL: &[(&str, u16)] = &[$((stringify!($name), $number)),+];
    };
}

streams! {
    /// The order of the cases.
    SHUFFLE = 3;
    /// Initial weights: of a machine at step 0, of a network's layers at the steps from 1 on.
    WEIGHTS = 4;
    /// Binarisation by sampling, once (step 0) or each epoch.
    BINARIZE = 5;
    /// Training/validation split.
    SPLIT = 7;
    /// Stochastic scores during training.
    SCORES = 8;
    /// Units dropped in training.
    DROPOUT = 9;
    /// Distortions of training pictures.
    AUGMENT = 10;
    /// Stochastic scores of a finished machine.
    EVALUATION = 11;
    /// What a denoising autoencoder's input loses: which values.
    CORRUPTION = 60;
    /// And what stands in their place.
    SALT = 61;
    /// States of a stack's lower levels, which the next one learns from.
    LEVELS = 62;
    /// The bundled words of digits.
    WORDS = 63;
}
