//! The arguments of `harmonium train`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::device_args::PolicyOption;
use super::log::LogLevel;
use super::settings::Asked;
use crate::jobs::autoencoder::AutoencoderSettings;
use crate::jobs::class_rbm::ClassRbmSettings;
use crate::jobs::crf::CrfSettings;
use crate::jobs::dbm::DbmSettings;
use crate::jobs::dbn::DbnSettings;
use crate::jobs::network::NetworkSettings;
use crate::jobs::rbm::RbmSettings;
use crate::run::settings::Settings;

#[derive(Subcommand)]
pub enum TrainModel {
    /// A restricted Boltzmann machine, by contrastive divergence
    Rbm(Box<TrainOptions<RbmSettings>>),
    /// LeNet-5 as published in 1998: trained subsampling, the table of C3, radial basis functions as outputs
    Lenet5(Box<TrainOptions<NetworkSettings>>),
    /// LeNet-5 as it is built today: rectifiers, maximum pooling, softmax
    Lenet5Modern(Box<TrainOptions<NetworkSettings>>),
    /// Any convolutional network, whose layers stand in --config FILE.toml
    Cnn(Box<TrainOptions<NetworkSettings>>),
    /// A deep autoencoder: levels trained one by one, unrolled, then trained as a whole
    Autoencoder(Box<TrainOptions<AutoencoderSettings>>),
    /// A deep belief net: levels trained one by one as machines, then a classifier, or a net that dreams
    Dbn(Box<TrainOptions<DbnSettings>>),
    /// A deep Boltzmann machine of two or three hidden layers, by the mean field and persistent chains
    Dbm(Box<TrainOptions<DbmSettings>>),
    /// A deep conditional random field: a net that reads each position of a sequence, and a chain that scores the labels
    Crf(Box<TrainOptions<CrfSettings>>),
    /// A classification machine: a restricted Boltzmann machine of cases and their classes, with exact p(class | case)
    ClassRbm(Box<TrainOptions<ClassRbmSettings>>),
}

/// A model's settings, and how its run is kept.
#[derive(Args, Clone)]
pub struct TrainOptions<S: Settings> {
    #[command(flatten)]
    pub asked: Asked<S>,
    #[command(flatten)]
    pub how: HowOptions,
}

/// What changes nothing in the result.
#[derive(Args, Debug, Clone, Default)]
pub struct HowOptions {
    /// The run folder [default: runs/<model>-<number>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace an older run in --out
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Go on with the run in --out from its last checkpoint, with its own settings; --epochs may be larger
    #[arg(long, requires = "out", conflicts_with = "force")]
    pub resume: bool,
    /// With --resume: train no further, but make of the last checkpoint what a finished run has (model, scores, pictures,
    /// report); --resume alone still goes on afterwards
    #[arg(long, requires = "resume")]
    pub finish: bool,
    /// Settings from a file: this command's options with _ for -, as in a run's config.toml, and for `cnn` the
    /// network; options given here go first
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub policy: PolicyOption,
    /// Of several ranks (mpirun): their devices may be of different kinds; rank 0 makes the updates and sends what they
    /// change, which is slower
    #[arg(long)]
    pub mixed_devices: bool,
    /// Print time per kernel at the end (the run itself becomes slower)
    #[arg(long)]
    pub profile: bool,
    /// Print one line at the end and, unless --log-level says otherwise, nothing else but errors
    #[arg(long)]
    pub quiet: bool,
    /// What goes to standard error [default: info; with --quiet error]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
}

/// What `launch` is asked for.
#[derive(Args)]
pub struct LaunchOptions {
    /// How many processes
    #[arg(short, long, value_name = "N")]
    pub n: usize,
    /// More processes than this machine has cores
    #[arg(long)]
    pub oversubscribe: bool,
    /// The rest of the command: train rbm --hidden 500 ...
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<OsString>,
}
