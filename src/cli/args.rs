//! The arguments.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::decoding::{DecodingOption, ReadOptions};
pub use super::device_args::{
    BenchOptions, DeviceOption, DevicesOptions, TuneOptions, VerifyOptions,
};
use super::reading::ReadingOptions;
use super::train_args::{LaunchOptions, TrainModel};
use crate::device::DEVICE_VARIABLE;
use crate::jobs::DATA_HELP;
use crate::models::UnitKind;
use crate::run::TensorNames;

/// A number of things.
pub fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| match text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        true => "the number is too large".into(),
        false => "a whole number is expected, 0 or above".into(),
    })
}

/// Train and sample Boltzmann machines on any GPU, or on the CPU.
#[derive(Parser)]
#[command(name = "harmonium", version, max_term_width = 100)]
#[command(after_help = "Start with: harmonium train rbm")]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// List adapters, their limits, and which one `auto` takes
    Devices(DevicesOptions),
    /// Train a model
    Train {
        #[command(subcommand)]
        model: TrainModel,
    },
    /// Start a command as several processes, each on its own device: calls `mpirun -n N` with this program
    Launch(LaunchOptions),
    /// Draw samples from a trained machine, a deep one too, or a deep belief net by Gibbs sampling
    Sample(SampleOptions),
    /// Turn data into hidden means, p(h|v), an autoencoder's codes, or what a network's layer gives
    Transform(ApplyOptions),
    /// Send data through a machine (v -> p(h|v) -> mean of v, no noise), a deep belief net or an autoencoder and back
    Reconstruct(ApplyOptions),
    /// Turn codes back into data, by an autoencoder's decoder
    Decode(DecodeOptions),
    /// Say how good a model is. A machine: log Z, likelihood, pseudo-likelihood, reconstruction error; a
    /// network: error, loss, confusion matrix, worst mistakes; an autoencoder: errors; a deep belief net: a bound of its
    /// likelihood, and its classes where labels are joined; a deep Boltzmann machine: log Z and a bound of its likelihood
    Eval(EvalOptions),
    /// Classify data, or one PNG picture, or read sequences, with a trained model that knows classes
    Predict(PredictOptions),
    /// Draw a network's kernels and what every layer makes of one picture; of other models what their layers make of it
    Features(FeaturesOptions),
    /// Write a level of a deep belief net or an autoencoder as a machine's own file, or a model as ONNX
    Export(ExportOptions),
    /// Slide a kernel over a picture: edges, blurs, or kernels of your own
    ///
    /// Values of a picture run from 0, black, to 1, white. A colour picture is filtered channel by channel; a bank
    /// of several kernels sees its brightness, 0.299 R + 0.587 G + 0.114 B. Transparency is ignored.
    ///
    /// Drawn as .png, a map of a kernel that sums to 0 has both signs: 0 is mid grey (128), -0.5 black and 0.5
    /// white; so are sobel-x, sobel-y and laplacian. sobel is the gradient's size, sqrt(gx^2 + gy^2). All others
    /// are drawn from 0, black, to 1, white. What lies beyond is clipped, and a note says how much; --normalize
    /// avoids that. The maps of a bank become a contact sheet whose scale a note gives.
    ///
    /// Kernels are slid as they are, not turned round (cross-correlation).
    Filter(FilterOptions),
    /// Write a run's report.html again
    Report(ReportOptions),
    /// Print a table of runs, and overlay their curves on a page
    Compare(CompareOptions),
    /// Check every kernel of this machine's devices against the CPU path
    Verify(VerifyOptions),
    /// Measure how fast a device is: every kernel and whole training steps, beside what it can do at most
    Bench(BenchOptions),
    /// Measure the loops of the matrix kernels on a GPU, and write the policy that decides between them there
    Tune(TuneOptions),
}

#[derive(Args)]
pub struct ModelOption {
    /// A run folder, or a .safetensors file with the tensors W, b and a
    #[arg(value_name = "RUN|MODEL")]
    pub model: PathBuf,
    /// What the visible units are, where the file does not say: bernoulli, gaussian, spin or softmax:STATES
    #[arg(long, value_name = "KIND")]
    pub visible: Option<UnitKind>,
    /// Of a file made elsewhere, which tensor is which: W (one row per visible unit; .T turns it), b (the visible
    /// bias), a (the hidden one), as in W=weights.T,b=vbias,a=hbias; common names are known
    #[arg(long, value_name = "W=NAME,…")]
    pub map: Option<TensorNames>,
}

#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub struct SampleOptions {
    #[command(flatten)]
    pub model: ModelOption,
    /// Independent chains [default: 64, or the rows of --init]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub count: Option<usize>,
    /// Gibbs steps of each chain
    #[arg(long, value_name = "K", default_value_t = 1000, value_parser = whole::<u64>)]
    pub steps: u64,
    /// Of the starts and of all draws
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = whole::<u64>)]
    pub seed: u64,
    /// Starting states, f32 [N, visible units]; else each visible unit is drawn by its bias
    #[arg(long, value_name = "FILE.npy")]
    pub init: Option<PathBuf>,
    /// Of a machine, a deep one too: hold some visible units and draw the others given them. MASK.npy, [units] or
    /// [N, units]: units that are not 0 are
    /// held at the values of --init; or a picture, whose pixels are held but for those that are grey 127 of 255 or
    /// transparent: these are unknown
    #[arg(long, value_name = "MASK.npy|PICTURE")]
    pub clamp: Option<PathBuf>,
    /// Keep the means averaged over the second half of the steps, instead of the last states (.npy) or means (.png)
    #[arg(long)]
    pub average: bool,
    /// Parallel tempering: chains at R inverse temperatures in equal steps from 0 (independent units) to 1 (the machine)
    /// exchange their states, so that they leave one mode for another; --steps counts rounds
    #[arg(long, value_name = "R", value_parser = whole::<usize>)]
    pub pt: Option<usize>,
    /// Parallel trajectory tempering: the same along the machines that its training kept (train --trajectory)
    #[arg(long, conflicts_with = "pt")]
    pub ptt: bool,
    /// Of a classification machine, or of a deep belief net with labels: draw from this class, by name or number
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// .npy: the chains' last states, f32 [N, visible units]; .png: their last means, as pictures. Of a deep belief net
    /// the chains are those of its top, and one pass down gives the data's units
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub device: DeviceOption,
}

#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub struct ApplyOptions {
    #[command(flatten)]
    pub model: ModelOption,
    #[arg(long, value_name = "DATA", help = DATA_HELP)]
    pub data: String,
    #[command(flatten)]
    pub reading: ReadingOptions,
    /// Which part, where the data have two
    #[arg(long, value_enum, default_value_t = Split::Train)]
    pub split: Split,
    /// Use the first N cases only
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub limit: Option<usize>,
    /// Of `transform` and a model of layers: what this layer gives, counted from 1 [default: an autoencoder's code, a deep
    /// belief net's top, a network's last hidden layer]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub level: Option<usize>,
    /// .npy, f32 [cases, units]; reconstruct also draws .png, each case above its reconstruction
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub device: DeviceOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Split {
    Train,
    Test,
}

#[derive(Args)]
pub struct DecodeOptions {
    /// An autoencoder's run folder, or its .safetensors file
    #[arg(value_name = "RUN|MODEL")]
    pub model: PathBuf,
    /// The codes, a .npy file [rows, code units], as `transform` writes them
    #[arg(value_name = "CODES.npy")]
    pub codes: PathBuf,
    /// Where the data go: .npy, or .png for a picture
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub device: DeviceOption,
}

#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub struct PredictOptions {
    /// The run folder of anything that knows classes (a network, a classifier of a stack, a classification machine, a deep
    /// belief net with labels) or of a field, or its .safetensors file
    #[arg(value_name = "RUN|MODEL")]
    pub model: PathBuf,
    #[arg(long, value_name = "DATA", help = DATA_HELP)]
    pub data: String,
    #[command(flatten)]
    pub reading: ReadingOptions,
    /// Which part [default: test, where the data have one]
    #[arg(long, value_enum)]
    pub split: Option<Split>,
    /// Use the first N cases only
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub limit: Option<usize>,
    /// Turn black into white first: MNIST's digits are light on a dark ground
    #[arg(long)]
    pub invert: bool,
    #[command(flatten)]
    pub read: ReadOptions,
    /// A table: case, its file where each has its own, predicted class, true class where it is known, all probabilities
    /// [default: the screen]
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceOption,
}

#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub struct FeaturesOptions {
    /// The run folder of a network, a deep belief net or Boltzmann machine, a classification machine or a field, or its
    /// .safetensors file
    #[arg(value_name = "RUN|MODEL")]
    pub model: PathBuf,
    /// As for `predict` [default: what the network was trained on]
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    #[command(flatten)]
    pub reading: ReadingOptions,
    /// Which part [default: test, where the data have one]
    #[arg(long, value_enum)]
    pub split: Option<Split>,
    /// Which case, or of a field which sequence, counted from 0
    #[arg(long, value_name = "I", default_value_t = 0, value_parser = whole::<usize>)]
    pub case: usize,
    /// The sheet
    #[arg(long, value_name = "FILE.png")]
    pub out: PathBuf,
    #[command(flatten)]
    pub device: DeviceOption,
}

#[derive(Args)]
pub struct ExportOptions {
    /// A run folder, or a .safetensors file
    #[arg(value_name = "RUN|MODEL")]
    pub model: PathBuf,
    /// Which level, counted from the data upwards
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>)]
    pub level: usize,
    /// Of a machine of softmax units: in the zero-sum gauge, which moves no probability
    #[arg(long)]
    pub zero_sum: bool,
    /// Where the machine goes: .safetensors
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Instead write a network, an autoencoder or a machine's p(h|v) as ONNX (operator set 17), with what is done to
    /// data before
    #[arg(long, value_name = "FILE.onnx", conflicts_with_all = ["out", "level", "zero_sum"])]
    pub onnx: Option<PathBuf>,
}

#[derive(Args)]
pub struct FilterOptions {
    /// sobel, sobel-x, sobel-y, gaussian (5x5), box (mean of 3x3), sharpen, laplacian; or a file of kernels,
    /// [KH, KW] or [kernels, KH, KW] of floats or integers
    #[arg(value_name = "FILTER|FILE.npy")]
    pub filter: String,
    /// A PNG of any kind: grey or colour, 1 to 16 bits, with a palette, interlaced
    #[arg(value_name = "INPUT.png")]
    pub input: PathBuf,
    /// .png: a picture; .npy: the maps, f32 [channels or kernels, height, width]. An older file is replaced
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Divide each kernel by its sum, so that the brightness stays; one that sums to 0 (it answers to edges)
    /// by the sum of its absolute values
    #[arg(long)]
    pub normalize: bool,
    /// valid: only where the kernel lies wholly on the picture; same: the picture's size, beyond the picture
    /// its outermost pixels are repeated (an even kernel reaches one pixel further down and right)
    #[arg(long, value_enum, default_value_t = Padding::Valid)]
    pub padding: Padding,
    #[command(flatten)]
    pub device: DeviceOption,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Padding {
    Valid,
    Same,
}

#[derive(Args)]
pub struct ReportOptions {
    /// The folder of a finished run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// As for `train` [default: the run's]
    #[arg(long, value_name = "DEVICE", env = DEVICE_VARIABLE)]
    pub device: Option<String>,
}

#[derive(Args)]
pub struct CompareOptions {
    /// Folders of finished runs
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    pub runs: Vec<PathBuf>,
    /// The page (.html), or its curves alone (.svg); an older file is replaced
    #[arg(long, value_name = "FILE", default_value = "compare.html")]
    pub out: PathBuf,
    /// What lies along the curves: passes over the training cases, updates of the parameters, or the seconds that the
    /// training took, scores and pictures not counted
    #[arg(long, value_enum, default_value_t = Over::Epochs)]
    pub over: Over,
    /// Draw these alone, in this order, as metrics.jsonl calls them, as in mean_log_likelihood,weight_norm [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub figures: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Over {
    Epochs,
    Updates,
    Seconds,
}

#[derive(Args)]
#[command(allow_negative_numbers = true)]
pub struct EvalOptions {
    #[command(flatten)]
    pub model: ModelOption,
    #[arg(long, value_name = "DATA", help = format!("{DATA_HELP} [default: what the model was trained on]"))]
    pub data: Option<String>,
    #[command(flatten)]
    pub reading: ReadingOptions,
    /// Which part [default: test, where the data have one]
    #[arg(long, value_enum)]
    pub split: Option<Split>,
    /// Use the first N cases only
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub limit: Option<usize>,
    #[command(flatten)]
    pub decoding: DecodingOption,
    /// log Z by enumeration: the default up to 24 units in the smaller layer (gaussian: in the hidden one)
    #[arg(long, conflicts_with_all = ["ais", "ais_grid"])]
    pub exact: bool,
    /// log Z by annealed importance sampling over N equal temperature steps, forwards and backwards: the
    /// default for larger machines, with 10000
    #[arg(long, value_name = "N", conflicts_with = "ais_grid", value_parser = whole::<usize>)]
    pub ais: Option<usize>,
    /// The same over a published grid: salakhutdinov (2008; 14500 steps, fine towards the model)
    #[arg(long, value_name = "NAME", value_parser = ["salakhutdinov"])]
    pub ais_grid: Option<String>,
    /// Chains of the annealing
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole::<usize>)]
    pub chains: usize,
    /// Gibbs steps that bring the backward annealing's chains from the data to the model
    #[arg(long, value_name = "K", default_value_t = 1000, value_parser = whole::<u64>)]
    pub burn_in: u64,
    /// log Z also by climbing a ladder of machines with Bennett's acceptance ratio: the machines that its training kept
    /// (train --trajectory), or with R the machine, or a deep belief net's top, at R inverse temperatures, each with --chains
    /// chains
    #[arg(long, value_name = "R", num_args = 0..=1, value_parser = whole::<usize>)]
    pub ladder: Option<Option<usize>>,
    /// Rounds of the ladder's chains that count, after a quarter as many that do not
    #[arg(long, value_name = "N", default_value_t = 2000, requires = "ladder", value_parser = whole::<u64>)]
    pub rounds: u64,
    /// The pseudo-likelihood with every unit of every case turned, instead of a few drawn ones
    #[arg(long)]
    pub exact_pseudo: bool,
    /// How much each case of the part counts, one number a case: means and errors are those of cases that are repeated so
    /// often
    #[arg(long, value_name = "FILE.npy")]
    pub weights: Option<PathBuf>,
    /// Of a machine: look at chains too that start from its biases (--chains, --burn-in, then 2000 steps): integrated
    /// autocorrelation times, free energies of samples and data, how well nearest neighbours tell the two apart, and the
    /// singular values of W; drawn as diagnostics.svg in the run folder or --out
    #[arg(long)]
    pub diagnostics: bool,
    /// Of all draws
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = whole::<u64>)]
    pub seed: u64,
    /// Of what classifies: where confusion matrix and mistakes go; of a machine --diagnostics [default: its run folder]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What each case scores too, a line a case: likelihood or bound, free energy, error, loss, as the model has them
    #[arg(long, value_name = "FILE.csv")]
    pub per_case: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub device: DeviceOption,
}
