//! The arguments of what concerns devices.

use std::path::PathBuf;

use clap::Args;

use crate::device::{DEVICE_VARIABLE, POLICY_VARIABLE};

#[derive(Args)]
pub struct DevicesOptions {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug, Clone, Default)]
pub struct PolicyOption {
    /// Decide between the loops of a GPU's matrix kernels by this file, which `harmonium tune` writes [default: a
    /// built-in table]
    #[arg(long, value_name = "FILE.toml", env = POLICY_VARIABLE)]
    pub policy: Option<PathBuf>,
}

#[derive(Args)]
pub struct DeviceOption {
    /// auto (a hardware GPU, else the CPU), cpu, vulkan, gl, metal, dx12, an index of `harmonium devices`,
    /// or a part of an adapter's name
    #[arg(long, value_name = "DEVICE", env = DEVICE_VARIABLE, default_value = "auto")]
    pub device: String,
    #[command(flatten)]
    pub policy: PolicyOption,
}

#[derive(Args)]
pub struct VerifyOptions {
    /// What to verify: kernels by their names or parts of these, such as matmul or conv; all where none is named
    #[arg(value_name = "KERNEL")]
    pub kernels: Vec<String>,
    /// all, or one device as for `train`
    #[arg(long, value_name = "DEVICE", env = DEVICE_VARIABLE, default_value = "all")]
    pub device: String,
    /// Print every case, not only each kernel's worst
    #[arg(long)]
    pub cases: bool,
    /// Also write what was found as JSON, to send to others: docs/adapters.md says where
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

#[derive(Args)]
pub struct BenchOptions {
    /// What to measure: parts of the names that --list prints, such as matmul, rbm_step or "CD-25"; all where none is named
    #[arg(value_name = "WORK")]
    pub work: Vec<String>,
    /// auto, all (the CPU path and every GPU), or one device as for `train`
    #[arg(long, value_name = "DEVICE", env = DEVICE_VARIABLE, default_value = "auto")]
    pub device: String,
    #[command(flatten)]
    pub policy: PolicyOption,
    /// Seconds that each case is measured, at least nine samples
    #[arg(long, value_name = "S", default_value_t = 0.5, allow_negative_numbers = true)]
    pub seconds: f64,
    /// Write what was measured to this file too: for --compare, and to send in
    #[arg(long, value_name = "FILE.json")]
    pub json: Option<PathBuf>,
    /// Draw the speed over cases, units and chains, from small to large, into this .svg file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Say what changed since this file was written
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,
    /// Print the names, measure nothing
    #[arg(long, conflicts_with_all = ["json", "plot", "compare"])]
    pub list: bool,
}

#[derive(Args)]
pub struct TuneOptions {
    /// auto, or one GPU as for `train`
    #[arg(long, value_name = "DEVICE", env = DEVICE_VARIABLE, default_value = "auto")]
    pub device: String,
    /// Seconds that each loop is measured on each product, at least nine samples
    #[arg(long, value_name = "S", default_value_t = 0.1, allow_negative_numbers = true)]
    pub seconds: f64,
    /// Where the policy goes; --policy or HARMONIUM_POLICY takes it from there
    #[arg(long, value_name = "FILE.toml", default_value = "policy.toml")]
    pub out: PathBuf,
}
