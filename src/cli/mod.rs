//! The command: arguments, progress and what is printed. Results go to standard output, everything else
//! to standard error.

mod apply;
// Its documentation is the command's help, which writes `<number>`.
#[allow(rustdoc::invalid_html_tags)]
mod args;
mod bench;
mod bench_plot;
mod chains;
mod clamped;
mod class_rbm;
mod compare;
mod decoding;
mod deep;
#[allow(rustdoc::invalid_html_tags)]
mod device_args;
mod devices;
mod diagnostics;
mod eval;
mod export;
mod features;
mod filter;
mod interrupt;
mod likelihood;
mod log;
mod of_machines;
mod predict;
mod print;
mod progress;
mod ranks;
mod reading;
mod report;
mod sample;
mod scoring;
mod sequences;
mod settings;
mod spoken;
mod states;
mod targets;
mod train;
#[allow(rustdoc::invalid_html_tags)]
mod train_args;
mod trained;
mod tune;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::device::{Device, DeviceKind, Policy, ProfileRow, Timing};
use crate::error::{Error, Result};
use crate::jobs::autoencoder::AutoencoderJob;
use crate::jobs::class_rbm::ClassRbmJob;
use crate::jobs::crf::CrfJob;
use crate::jobs::dbm::DbmJob;
use crate::jobs::dbn::DbnJob;
use crate::jobs::network::NetworkJob;
use crate::jobs::rbm::RbmJob;
use device_args::PolicyOption;
use print::{out, tell};

/// Runs the command with the process's arguments. Exit codes: 0 done, 1 failed, 2 wrong usage,
/// 130 interrupted.
pub fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    // In the pool of the CPU's threads: from outside each of its tasks, thousands a second, would have to be handed
    // over and waited for.
    match rayon::scope(|_| run(arguments)) {
        Ok(code) => code,
        Err(error) => {
            // A rank that ended first with a failure would have mpirun end rank 0 before it has said why.
            if ranks::mute() {
                return ExitCode::SUCCESS;
            }
            print::tell_error(&error);
            ExitCode::from(if matches!(error, Error::Setting { .. }) { 2 } else { 1 })
        }
    }
}

fn run(arguments: args::Arguments) -> Result<ExitCode> {
    use args::Command::{Eval, Predict, Reconstruct, Train, Transform};
    if !matches!(
        arguments.command,
        Train { .. } | Eval(_) | Predict(_) | Reconstruct(_) | Transform(_)
    ) {
        ranks::alone()?;
    }
    match arguments.command {
        args::Command::Devices(options) => devices::run(&options)?,
        Train { model } => return train_model(model),
        args::Command::Launch(options) => return ranks::launch(&options),
        args::Command::Sample(options) => sample::sample(&options)?,
        Transform(options) => ranks::sharing(|ranks| apply::transform(ranks, &options))?,
        Reconstruct(options) => ranks::sharing(|ranks| apply::reconstruct(ranks, &options))?,
        args::Command::Decode(options) => apply::decode(&options)?,
        Eval(options) => ranks::sharing(|ranks| eval::run(ranks, &options))?,
        Predict(options) => ranks::sharing(|ranks| predict::run(ranks, &options))?,
        args::Command::Features(options) => features::run(&options)?,
        args::Command::Export(options) => export::run(&options)?,
        args::Command::Filter(options) => filter::run(&options)?,
        args::Command::Report(options) => report::run(&options)?,
        args::Command::Compare(options) => compare::run(&options)?,
        args::Command::Verify(options) => return verify::run(&options),
        args::Command::Bench(options) => bench::run(&options)?,
        args::Command::Tune(options) => tune::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn train_model(model: train_args::TrainModel) -> Result<ExitCode> {
    use train_args::TrainModel::{
        Autoencoder, ClassRbm, Cnn, Crf, Dbm, Dbn, Lenet5, Lenet5Modern, Rbm,
    };
    match model {
        Rbm(options) => train::run("rbm", &options, RbmJob::new),
        Lenet5(options) => train::run("lenet5", &options, NetworkJob::new),
        Lenet5Modern(options) => train::run("lenet5-modern", &options, NetworkJob::new),
        Cnn(options) => train::run("cnn", &options, NetworkJob::new),
        Autoencoder(options) => train::run("autoencoder", &options, AutoencoderJob::new),
        Dbn(options) => train::run("dbn", &options, DbnJob::new),
        Crf(options) => train::run("crf", &options, CrfJob::new),
        Dbm(options) => train::run("dbm", &options, DbmJob::new),
        ClassRbm(options) => train::run("class-rbm", &options, ClassRbmJob::new),
    }
}

/// Opens the device that was asked for and says which one it is.
fn open_device(selector: &str, policy: &PolicyOption) -> Result<Device> {
    // Before a driver is loaded: a wrong file is refused on the CPU too.
    let policy = policy.policy.as_deref().map(Policy::read).transpose()?;
    let device = Device::select(selector)?;
    policy.into_iter().for_each(|policy| device.set_policy(policy));
    let auto = matches!(selector.trim().to_ascii_lowercase().as_str(), "auto" | "");
    about_device(&device, auto).iter().for_each(tell);
    Ok(device)
}

/// What is said of a device: which one it is, and which others `auto` passed over.
fn about_device(device: &Device, auto: bool) -> Vec<String> {
    let (info, notices) = (device.info(), device.notices());
    let mut lines: Vec<String> = notices.iter().map(|n| format!("note: {n}")).collect();
    lines.push(match info.kind {
        DeviceKind::Cpu if auto && notices.is_empty() => {
            format!("device: {info}; no hardware GPU was found (`harmonium devices` lists all)")
        }
        DeviceKind::Software => {
            format!("device: {info}; a software adapter is slower than --device cpu")
        }
        _ => format!("device: {info}"),
    });
    lines
}

/// Prints a profile.
fn print_profile(device: &Device, rows: Vec<ProfileRow>) -> Result<()> {
    let how = match device.timing() {
        Timing::Timestamps => "device timestamps",
        Timing::Clock => "host clock",
    };
    out!("\nkernel times on {} ({how}):", device.info());
    out!(
        "{:<14} {:>10} {:>12} {:>10} {:>10} {:>8}",
        "kernel",
        "calls",
        "ms",
        "us/call",
        "GFLOP/s",
        "GB/s"
    );
    for ProfileRow { kernel, calls, seconds, flops, bytes } in rows {
        out!(
            "{kernel:<14} {calls:>10} {:>12.2} {:>10.2} {:>10.2} {:>8.2}",
            seconds * 1e3,
            seconds * 1e6 / calls.max(1) as f64,
            flops as f64 / seconds.max(1e-12) * 1e-9,
            bytes as f64 / seconds.max(1e-12) * 1e-9
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::about_device;
    use crate::device::{Device, testing};

    #[test]
    fn a_gpu_that_does_not_open_is_named_with_the_reason() {
        let none = testing::auto_after(usize::MAX);
        let lines = about_device(&none, true);
        assert_eq!(lines.len(), none.notices().len() + 1, "{lines:?}");
        let absent = lines.iter().any(|line| line.contains("no hardware GPU was found"));
        // Where there is an adapter it is not said that there is none.
        assert_eq!(absent, none.notices().is_empty(), "{lines:?}");
        for (line, notice) in lines.iter().zip(none.notices()) {
            assert!(line.contains(notice) && line.contains("out of order"), "{line}");
        }
        let plain = about_device(&Device::cpu(), true);
        assert!(plain.len() == 1 && plain[0].contains("no hardware GPU was found"), "{plain:?}");
        assert!(!about_device(&Device::cpu(), false)[0].contains("hardware"));
    }
}
