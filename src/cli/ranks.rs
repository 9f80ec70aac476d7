//! Ranks of the command: joining those that `mpirun` started, one voice for all of them, one end for all.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::device_args::DeviceOption;
use super::log::{self, LogLevel};
use super::open_device;
use super::print::{say, tell};
use super::train_args::LaunchOptions;
use crate::device::{Device, DeviceKind, adapters, name_of_bits};
use crate::error::{Error, Result};
use crate::ranks::Ranks;
use crate::run::{About, Job};

/// Where `mpirun` (Open MPI; MPICH, Intel MPI) tells a process of how many it is, and which.
const COUNTS: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];
const RANKS: [&str; 2] = ["OMPI_COMM_WORLD_RANK", "PMI_RANK"];

/// How an MPI and a harmonium that knows it are to be had.
const HOW: &str = "Debian and Ubuntu: apt-get install openmpi-bin libopenmpi-dev libclang-dev; then cargo install \
                   --path . --features mpi";

/// Ranks that follow rank 0 say nothing.
static MUTE: AtomicBool = AtomicBool::new(false);

fn number(names: [&str; 2]) -> Option<usize> {
    names.iter().find_map(|name| std::env::var(name).ok()?.trim().parse().ok())
}

/// Whether this process is to say nothing, since rank 0 speaks for all.
pub fn mute() -> bool {
    MUTE.load(Ordering::Relaxed)
}

/// How many processes were started together.
fn started() -> usize {
    number(COUNTS).unwrap_or(1)
}

/// That a command which knows no ranks was not started as several processes.
///
/// # Errors
/// [`Error::Setting`].
pub fn alone() -> Result<()> {
    if started() == 1 {
        return Ok(());
    }
    MUTE.store(number(RANKS).is_some_and(|rank| rank > 0), Ordering::Relaxed);
    let command = std::env::args().nth(1).unwrap_or_default();
    let detail =
        format!("`harmonium {command}` is the work of one process: start it without mpirun");
    Err(Error::setting("mpirun", detail))
}

/// Does what the processes that were started together share; one that fails ends it for all, and rank 0 says why.
///
/// # Errors
/// As [`join`]; those of `work`, at any rank.
pub fn sharing(work: impl FnOnce(&Ranks) -> Result<()>) -> Result<()> {
    let ranks = join()?;
    let done = work(&ranks);
    ranks.ended(done)
}

/// Joins the processes that were started together; one process is alone. Of several all but the first fall silent.
///
/// # Errors
/// [`Error::Setting`] where this harmonium knows no MPI, or the processes are of another MPI than it was built with.
pub fn join() -> Result<Ranks> {
    let count = started();
    if count == 1 {
        return Ok(Ranks::alone());
    }
    let rank = number(RANKS).unwrap_or(0);
    if rank > 0 {
        MUTE.store(true, Ordering::Relaxed);
        log::set_level(LogLevel::Error);
    }
    let ranks = start(count)?;
    if ranks.count() != count {
        let detail = format!(
            "{count} processes were started together, and they find {} of each other: mpirun is of another MPI than \
             the one that this harmonium was built with",
            ranks.count()
        );
        return Err(Error::setting("mpirun", detail));
    }
    Ok(ranks)
}

#[cfg(feature = "mpi")]
fn start(_: usize) -> Result<Ranks> {
    crate::ranks::start()
}

#[cfg(not(feature = "mpi"))]
fn start(count: usize) -> Result<Ranks> {
    let detail = format!(
        "{count} processes were started together, and this harmonium was built without MPI: each would do all of the \
         work by itself. {HOW}"
    );
    Err(Error::setting("mpirun", detail))
}

/// What all ranks do alike: where one fails, all do, and rank 0 says why.
///
/// # Errors
/// This rank's own, or the first one's that failed.
pub fn together<T>(ranks: &Ranks, own: Result<T>) -> Result<T> {
    let (done, said) = match own {
        Ok(done) => (Some(done), Ok(Vec::new())),
        Err(error) => (None, Err(error)),
    };
    ranks.agreed(said)?;
    done.ok_or_else(|| Error::run("ranks", "a failure that no rank tells"))
}

/// Opens the device of this rank: of a list the one at its place, of several hardware GPUs that `auto` or a backend
/// means the one of its number on this machine. All decide between the loops as rank 0 does.
///
/// # Errors
/// Those of opening it; [`Error::Setting`] where ranks have devices of different kinds.
pub fn device(ranks: &Ranks, options: &DeviceOption) -> Result<Device> {
    let open = |selector: &str| open_device(selector, &options.policy);
    let (device, different) = device_of(ranks, &options.device, open)?;
    match different {
        None => same_policy(ranks, &device).map(|()| device),
        Some(how) => {
            Err(Error::setting("device", format!("{how}. Give all ranks one kind of device")))
        }
    }
}

/// The same by a selector, opened by `open`, and what is different where ranks have devices of different kinds.
///
/// # Errors
/// Those of `open`.
pub fn device_of(
    ranks: &Ranks,
    selector: &str,
    open: impl FnOnce(&str) -> Result<Device>,
) -> Result<(Device, Option<String>)> {
    if ranks.count() == 1 {
        return Ok((open(selector)?, None));
    }
    let device = together(ranks, open(&place(selector, ranks.local_rank())))?;
    let info = device.info();
    // Ranks may have more or fewer threads.
    let name = name_of_bits(&info.name, &info.backend);
    let kind = format!("{name} ({}, {})", info.backend, info.driver);
    let kinds = ranks.agreed(Ok(kind.into_bytes()))?;
    match kinds.iter().position(|kind| *kind != kinds[0]) {
        None => Ok((device, None)),
        Some(other) => {
            let [one, two] = [0, other].map(|rank| String::from_utf8_lossy(&kinds[rank]));
            let how = format!(
                "rank 0 computes on {one} and rank {other} on {two}: their results differ in the last bits"
            );
            Ok((device, Some(how)))
        }
    }
}

/// The selector of the device that a rank takes.
fn place(selector: &str, local: usize) -> String {
    let list: Vec<&str> = selector.split(',').map(str::trim).collect();
    if list.len() > 1 {
        return list[local % list.len()].into();
    }
    let wanted = selector.trim().to_ascii_lowercase();
    if !["auto", "", "vulkan", "metal", "dx12", "gl"].contains(&&wanted[..]) {
        return selector.into();
    }
    let mut own = adapters();
    own.retain(|a| a.info.kind == DeviceKind::Hardware && a.unusable.is_none());
    // An adapter is there once for each backend: one backend's are taken.
    let backend = match &wanted[..] {
        "auto" | "" => own.first().map(|a| a.info.backend.clone()),
        backend => Some(backend.into()),
    };
    own.retain(|a| Some(&a.info.backend) == backend.as_ref());
    match own.get(local % own.len().max(1)) {
        Some(adapter) => adapter.index.to_string(),
        None => selector.into(),
    }
}

/// That all ranks have read the same data.
///
/// # Errors
/// [`Error::Data`] naming the rank that has not.
pub fn same_data<J: Job>(ranks: &Ranks, job: &J) -> Result<()> {
    let About { record, data, .. } = job.about();
    let own = format!(
        "{} {} {} {:?}",
        record.training_cases, record.validation_cases, record.visible_units, record.data_checksum
    );
    let all = ranks.gather(own.as_bytes())?;
    match all.iter().position(|data| *data != all[0]) {
        None => Ok(()),
        Some(rank) => {
            let detail = format!(
                "rank {rank} reads other data under this name than rank 0: give a path that is the same file on all \
                 machines"
            );
            Err(Error::data(data, detail))
        }
    }
}

/// Has all ranks decide between the loops as rank 0 does, so that they give the same bits.
///
/// # Errors
/// [`Error::Run`] where rank 0 is gone.
pub fn same_policy(ranks: &Ranks, device: &Device) -> Result<()> {
    let Some(own) = device.policy().filter(|_| ranks.count() > 1) else { return Ok(()) };
    let told = ranks.tell(own.to_string().as_bytes())?;
    let told = toml::from_str(&String::from_utf8_lossy(&told));
    let told = told.map_err(|e| Error::run("ranks", format!("rank 0 sent no policy: {e}")))?;
    device.set_policy(told);
    Ok(())
}

/// Tells who trains.
pub fn introduce(ranks: &Ranks, batch: &str) {
    if ranks.count() > 1 {
        let n = ranks.count();
        tell(format!("ranks: {n}, each with a share of every batch{batch}"));
    }
}

/// What the sums of training cost, in words; `seconds` is what training took.
pub fn cost(ranks: &Ranks, seconds: f64) {
    let traffic = ranks.traffic();
    if ranks.count() > 1 && traffic.sums > 0 {
        tell(format!(
            "ranks: {:.0} % of training in sums over ranks, {:.2} MB sent by each rank an update",
            100.0 * traffic.seconds / seconds.max(1e-9),
            traffic.bytes as f64 / traffic.sums as f64 * 1e-6
        ));
    }
}

/// Ends all ranks because of a failure of this one, which says why; where all fail alike, rank 0 speaks.
pub fn fail(ranks: &Ranks, error: &Error) {
    if ranks.count() == 1 {
        return;
    }
    match ranks.rank() {
        0 => super::print::tell_error(error),
        rank => {
            std::thread::sleep(Duration::from_secs(3));
            say(format_args!("error: rank {rank} of {}: {error}", ranks.count()));
        }
    }
    ranks.abort(1);
}

/// Calls `mpirun` with this program.
pub fn launch(options: &LaunchOptions) -> Result<ExitCode> {
    if options.n == 0 {
        return Err(Error::setting("n", "0 processes do nothing; at least 1"));
    }
    if !cfg!(feature = "mpi") && options.n > 1 {
        return Err(Error::setting(
            "launch",
            format!("this harmonium was built without MPI. {HOW}"),
        ));
    }
    let program = std::env::current_exe().map_err(|e| Error::io("find", "this program", e))?;
    let mut mpirun = Command::new("mpirun");
    mpirun.arg("-n").arg(options.n.to_string());
    if options.oversubscribe {
        mpirun.arg("--oversubscribe");
    }
    let status = match mpirun.arg(program).args(&options.command).status() {
        Ok(status) => status,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::setting("launch", format!("there is no mpirun here. {HOW}")));
        }
        Err(e) => return Err(Error::io("start", "mpirun", e)),
    };
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1).into())
}
