//! Learners: what changes a model's parameters, one configuration struct each.

mod arena;
mod ascent;
mod averaged;
mod backpropagation;
mod backpropagation_config;
mod batches;
mod best;
mod cd_async;
mod cd_config;
mod cd_phases;
mod cd_shared;
mod cd_workspace;
mod centring;
mod class_config;
mod class_rbm;
mod conjugate_gradient;
mod contrastive_divergence;
mod dbm;
mod dbm_config;
mod distortion;
mod exact;
mod few_labels;
mod figure;
mod flattened;
mod ladder;
mod lbfgs;
mod learner;
mod levels;
mod line_search;
mod minimization;
mod minimizer;
mod minimizer_config;
mod posterior_source;
pub mod ranges;
mod schedule;
mod sequences;
mod shares;
mod source;
mod start;
mod state;
mod tallies;
mod trainable;
mod up_down;
mod up_down_config;
mod watch;
mod weighing;

pub use crate::models::HostArray;
pub use arena::Arena;
pub use backpropagation::Backpropagation;
pub use backpropagation_config::{Augmentation, BackpropagationConfig, Optimizer};
pub use batches::{ResidentData, Treatment};
pub use best::Best;
pub use cd_config::{CdConfig, Sparsity};
pub use class_config::{ClassConfig, ClassObjective};
pub use class_rbm::ClassTrainer;
pub use conjugate_gradient::ConjugateGradient;
pub use contrastive_divergence::{CdTrainer, MOST_EXACT};
pub use dbm::{DbmTrainer, MEAN_FIELD_ROUNDS};
pub use dbm_config::DbmConfig;
pub use distortion::Distortion;
pub use few_labels::FewLabels;
pub use figure::{Better, Figure, Figures, LEARNING_RATE, MOMENTUM, Style, Told};
pub use ladder::{ROUND_TRIPS, RUNGS, SWAP_ACCEPTANCE};
pub use lbfgs::Lbfgs;
pub use learner::{
    EpochReport, Learner, Order, collect, epoch, epoch_on, follow_first, visit, warm_up, warm_up_on,
};
pub use levels::{LevelSource, LowerLevel, means_above};
pub use line_search::{LinePoint, LineSearch, LineSearchEnd, LineSearchResult};
pub use minimization::{Minimum, MinimumEnd, Objective, Until};
pub use minimizer::{EVALUATIONS, Minimizer};
pub use minimizer_config::{Method, MinimizerConfig};
pub use posterior_source::PosteriorSource;
pub use schedule::Schedule;
pub use sequences::ResidentSequences;
pub use shares::{Share, Shared};
pub use source::{Batch, BatchSource};
pub use state::{Clock, TrainerState};
pub use trainable::{
    TRAIN_ERROR, TRAIN_LOSS, TRAIN_RECONSTRUCTION, TRAIN_SEQUENCE_LOSS, TRAIN_SQUARED_ERROR,
    TRAIN_WRONG, Trainable,
};
pub use up_down::UpDown;
pub use up_down_config::UpDownConfig;
