//! What Gibbs chains are run for, each with streams of its own.

/// The streams of Gibbs chains that serve one purpose: their starting states, and the hidden and the visible
/// states of each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainStreams {
    pub(super) start: u16,
    pub(super) hidden: u16,
    pub(super) visible: u16,
}

/// Names the streams of each purpose and lists them.
macro_rules! chain_streams {
    ($($(#[doc = $doc:literal])+ $name:ident = [$start:literal, $hidden:literal, $visible:literal];)+) => {
        $($(#[doc = $doc])+ pub const $name: Self =
            ChainStreams { start: $start, hidden: $hidden, visible: $visible };)+
        /// Every purpose with its name.
        #[doc(hidden)]
        pub const ALL: &[(&str, Self)] = &[$((stringify!($name), Self::$name)),+];
    };
}

impl ChainStreams {
    chain_streams! {
        /// The chains of a learner.
        TRAINING = [12, 1, 2];
        /// The chains of a deep Boltzmann machine's learner, each layer at its level.
        DEEP_TRAINING = [70, 71, 72];
        /// Chains that run freely, from their own start: [`Chains`](crate::models::Chains).
        FREE = [6, 13, 14];
        /// Chains whose means are drawn as pictures of a run.
        PICTURES = [15, 16, 17];
        /// Annealing from the base to the model.
        ANNEALING = [18, 19, 20];
        /// Annealing from the model to the base.
        REVERSE_ANNEALING = [21, 22, 23];
        /// Chains that bring data near the model's distribution, where annealing backwards starts.
        BURN_IN = [24, 25, 26];
        /// Chains from the biases whose mixing is looked at.
        DIAGNOSTICS = [36, 37, 38];
        /// Chains on a ladder, which draw a machine's samples.
        TEMPERING = [27, 28, 29];
        /// Chains on a ladder, which climb ln Z.
        CLIMBING = [30, 31, 32];
        /// Chains along a trajectory of training, which say where its rungs are.
        TRAJECTORY = [33, 34, 35];
        /// Chains that say where a finished ladder lacks rungs.
        REFINING = [46, 47, 48];
        /// Dreams of a deep belief net: its top's chains, and the pass down, each layer at its level.
        DREAMS = [40, 41, 42];
        /// Up–down fine-tuning: the pass up (hidden), the top's chains, and the pass down (visible).
        UP_DOWN = [43, 44, 45];
    }
}
