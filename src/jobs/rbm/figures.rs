//! What is measured of a machine.

use crate::training::{
    Better, Figure, LEARNING_RATE, MOMENTUM, ROUND_TRIPS, RUNGS, SWAP_ACCEPTANCE, Told,
};

/// All, in the order in which they are told.
pub static FIGURES: [&Figure; 24] = [
    &LEARNING_RATE,
    &MOMENTUM,
    &ERROR,
    &VALIDATION_ERROR,
    &TEST_ERROR,
    &AVERAGED_TEST_ERROR,
    &LOG_LIKELIHOOD,
    &AVERAGED_LOG_LIKELIHOOD,
    &PSEUDO_LIKELIHOOD,
    &AVERAGED_PSEUDO_LIKELIHOOD,
    &PSEUDO_LIKELIHOOD_ERROR,
    &GAP,
    &WEIGHT_NORM,
    &ACTIVITY,
    &LOG_PARTITION,
    &LOG_PARTITION_ERROR,
    &SWAP_ACCEPTANCE,
    &ROUND_TRIPS,
    &RUNGS,
    &SINGULAR_VALUES[0],
    &SINGULAR_VALUES[1],
    &SINGULAR_VALUES[2],
    &SINGULAR_VALUES[3],
    &EFFECTIVE_RANK,
];

/// The squared error of a case's reconstruction.
pub static ERROR: Figure = Figure {
    key: "reconstruction_error",
    name: "reconstruction error",
    of: "training",
    unit: "squared error per case",
    says: "v → p(h|v) → mean of v, squared error summed over visible units, mean over at most 500 cases from all over the training part.",
    diagram: "v → p(h|v) → mean of v. Lower is better, but it is no likelihood.",
    column: "training error",
    told: Told::AtTheEnd,
    better: Better::Lower,
    ..Figure::NEW
};

/// The same of the cases held out.
pub static VALIDATION_ERROR: Figure = Figure {
    key: "validation_reconstruction_error",
    of: "validation",
    says: "On at most 500 of the cases held out.",
    column: "validation error",
    ..BASE_ERROR
};

/// The same of the test part.
pub static TEST_ERROR: Figure = Figure {
    key: "test_reconstruction_error",
    of: "test",
    says: "On all of the data's test part.",
    column: "test error",
    ..BASE_ERROR
};

const BASE_ERROR: Figure = Figure {
    name: "reconstruction error",
    unit: "squared error per case",
    told: Told::AtTheEnd,
    better: Better::Lower,
    ..Figure::NEW
};

/// The stochastic pseudo-log-likelihood.
pub static PSEUDO_LIKELIHOOD: Figure = Figure {
    key: "pseudo_log_likelihood",
    name: "pseudo-likelihood",
    unit: "nats per case",
    says: "Sum over visible units of ln p(unit | the others), nats per case; stochastic, of at most 500 held out cases if there are any.",
    diagram: "Sum of ln p(one visible unit | the others), estimated by flipping a few units of each case, of held-out \
              cases if there are any. Higher is better.",
    column: "pseudo-likelihood",
    told: Told::Always,
    better: Better::Higher,
    error: Some(&PSEUDO_LIKELIHOOD_ERROR),
    ..Figure::NEW
};

/// Its standard error, for the choice of the units that were turned; none where all were.
pub static PSEUDO_LIKELIHOOD_ERROR: Figure = Figure {
    key: "pseudo_log_likelihood_std_error",
    name: "standard error of the pseudo-likelihood",
    unit: "nats per case",
    says: "For the choice of the units that were flipped; none where all were.",
    ..Figure::NEW
};

/// How the free energies of training cases and of those held out differ.
pub static GAP: Figure = Figure {
    key: "free_energy_gap",
    name: "free-energy gap",
    unit: "nats",
    says: "Mean free energy of validation less training cases, at most 500 each, nats: large means overfitting.",
    diagram: "Validation less training. A gap that keeps growing means overfitting.",
    ..Figure::NEW
};

/// How long the weights of a hidden unit are.
pub static WEIGHT_NORM: Figure = Figure {
    key: "weight_norm",
    name: "weight norm",
    unit: "mean ‖W·j‖",
    says: "Length of a hidden unit's weights, mean over the units.",
    diagram: "The length of a hidden unit's weights, mean over hidden units. Steady growth without better scores \
              asks for more weight decay.",
    ..Figure::NEW
};

/// How often hidden units are on.
pub static ACTIVITY: Figure = Figure {
    key: "hidden_activity",
    name: "hidden activity",
    unit: "mean p(h|v)",
    says: "Mean p(h|v) over at most 500 training cases and hidden units.",
    diagram: "Over training cases. Near 0 or 1, hidden units carry little.",
    ..Figure::NEW
};

/// ln Z while training.
pub static LOG_PARTITION: Figure = Figure {
    key: "log_partition",
    name: "log Z",
    unit: "nats",
    says: "The logarithm of the partition function, estimated while training.",
    diagram: "The logarithm of the partition function, estimated while training.",
    ..Figure::NEW
};

/// Its standard error; 0 where it is exact.
pub static LOG_PARTITION_ERROR: Figure = Figure {
    key: "log_partition_std_error",
    name: "standard error of log Z",
    unit: "nats",
    says: "The standard error of log Z; 0 where it is exact.",
    diagram: "The standard error of log Z; 0 where it is exact.",
    ..Figure::NEW
};

/// The mean log-likelihood while training.
pub static LOG_LIKELIHOOD: Figure = Figure {
    key: "mean_log_likelihood",
    name: "log-likelihood",
    unit: "nats per case",
    says: "The mean ln p(v) of the cases held out, else of training cases, estimated while training.",
    diagram: "The mean ln p(v), estimated while training.",
    told: Told::Always,
    better: Better::Higher,
    ..Figure::NEW
};

/// The largest singular values of W.
pub static SINGULAR_VALUES: [Figure; 4] = [
    Figure {
        key: "singular_value_1",
        of: "1st",
        says: "The largest singular value of the weights.",
        diagram: "The largest of the weights: machines learn the main modes of their data one after the other, each where \
                  its singular value leaves those of the start.",
        ..SINGULAR_VALUE
    },
    Figure { key: "singular_value_2", of: "2nd", says: "The second.", ..SINGULAR_VALUE },
    Figure { key: "singular_value_3", of: "3rd", says: "The third.", ..SINGULAR_VALUE },
    Figure { key: "singular_value_4", of: "4th", says: "The fourth.", ..SINGULAR_VALUE },
];

const SINGULAR_VALUE: Figure =
    Figure { name: "singular value of W", unit: "singular value", ..Figure::NEW };

/// How many singular values count.
pub static EFFECTIVE_RANK: Figure = Figure {
    key: "effective_rank",
    name: "effective rank of W",
    unit: "modes",
    says: "exp of the entropy of the shares of W's singular values: how many of them count.",
    diagram: "exp of the entropy of the shares of W's singular values. It falls while few modes grow.",
    ..Figure::NEW
};

/// The error of the averaged parameters.
pub static AVERAGED_TEST_ERROR: Figure = Figure {
    key: "averaged_test_reconstruction_error",
    of: "test, averaged parameters",
    says: "On the data's test part, of the parameters averaged over the updates.",
    ..BASE_ERROR
};

/// Their pseudo-likelihood.
pub static AVERAGED_PSEUDO_LIKELIHOOD: Figure = Figure {
    key: "averaged_pseudo_log_likelihood",
    name: "pseudo-likelihood",
    of: "averaged parameters",
    unit: "nats per case",
    says: "Of the parameters averaged over the updates.",
    told: Told::AtTheEnd,
    better: Better::Higher,
    ..Figure::NEW
};

/// Their likelihood.
pub static AVERAGED_LOG_LIKELIHOOD: Figure = Figure {
    key: "averaged_mean_log_likelihood",
    name: "log-likelihood",
    of: "averaged parameters",
    unit: "nats per case",
    says: "Of the parameters averaged over the updates, estimated while training.",
    told: Told::Always,
    better: Better::Higher,
    ..Figure::NEW
};
