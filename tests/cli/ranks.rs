//! Several processes that train one model, as mpirun starts them. The command with MPI is another binary, which
//! `HARMONIUM_MPI` names; where there is none or no mpirun, what needs them is skipped, or fails with
//! `HARMONIUM_REQUIRE_MPI=1`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Said, command, finish, model, model_bytes, names, say, temporary, text, write_npy};
use crate::support;

/// A small machine, whose last batch has one case: on several ranks all but one have none.
const TRAIN: &str = "train rbm --hidden 12 --epochs 3 --limit 100 --validation 0 --batch 33";

/// The command with MPI.
pub(super) fn program() -> Option<PathBuf> {
    let built = cfg!(feature = "mpi").then(|| env!("CARGO_BIN_EXE_harmonium").into());
    let program = std::env::var_os("HARMONIUM_MPI").map(PathBuf::from).or(built);
    let mpirun = Command::new("mpirun").arg("--version").output().is_ok();
    match program.filter(|program| mpirun && program.is_file()) {
        Some(program) => Some(program),
        None if std::env::var_os("HARMONIUM_REQUIRE_MPI").is_some_and(|v| v == "1") => {
            panic!("HARMONIUM_REQUIRE_MPI=1, and there is no mpirun or no command with MPI")
        }
        None => {
            support::say("skipped: no mpirun, or no command with MPI");
            None
        }
    }
}

/// `mpirun -n count program …` in `folder`, one thread a rank.
fn mpirun(program: &Path, folder: &Path, count: usize, line: &str) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["-n", &count.to_string(), "--oversubscribe"]).arg(program);
    command.args(line.split_whitespace()).current_dir(folder).stdin(Stdio::null());
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("HARMONIUM_DEVICE", "cpu").env("RAYON_NUM_THREADS", "1");
    command.env("NODEVICE_SELECT", "1").env("RUST_BACKTRACE", "1");
    command
}

pub(super) fn on(program: &Path, folder: &Path, count: usize, line: &str) -> Said {
    finish(&mut mpirun(program, folder, count, line))
}

#[test]
fn a_reproducible_model_does_not_depend_on_the_number_of_ranks() {
    let Some(program) = program() else { return };
    for (kind, line) in [
        ("CD", TRAIN.to_string()),
        ("PCD", format!("{TRAIN} --pcd 2 --centered --sparsity-target 0.1")),
        ("Gaussian", format!("{TRAIN} --visible gaussian --momentum 0.5")),
        ("tempered", format!("{TRAIN} --pcd 2 --pt 3 --centered")),
        ("trajectory", format!("{TRAIN} --trajectory --learning-rate 0.5")),
        ("trajectory tempering", format!("{TRAIN} --pcd --trajectory --ptt --learning-rate 0.5")),
        ("dbn", "train dbn --layers 12,8 --epochs 2 --pretrain-epochs 1 --limit 100 --batch 33".into()),
        ("autoencoder", "train autoencoder --layers 12,4 --epochs 2 --pretrain-epochs 1 --limit 100 --optimizer adam".into()),
        ("lbfgs", "train autoencoder --layers 12,4 --epochs 2 --pretrain none --limit 100 --batch 50 --optimizer lbfgs".into()),
        ("up-down", "train dbn --layers 12,8 --up-down --join-labels --epochs 1 --pretrain-epochs 1 --limit 100 --batch 33".into()),
        ("cnn", "train lenet5-modern --epochs 1 --limit 60 --batch 25".into()),
        ("dbm", "train dbm --layers 12,8 --pretrain --pretrain-epochs 1 --epochs 2 --classifier --classifier-epochs 1 --limit 100 --batch 33".into()),
        ("class-rbm", "train class-rbm --hidden 12 --epochs 2 --limit 100 --batch 33".into()),
        ("class-rbm, few labels", "train class-rbm --hidden 12 --epochs 2 --labelled 20 --batch 300 --objective generative --pcd 1".into()),
        ("crf", "train crf --data words --layers 8 --epochs 2 --limit 100 --batch 33".into()),
        ("weighted PCD", format!("{TRAIN} --pcd 2 --sparsity-target 0.1 --data digits --weights w.npy")),
        ("weighted dbm", "train dbm --layers 12,8 --epochs 2 --limit 100 --batch 33 --data digits --weights w.npy".into()),
    ] {
        let folder = temporary();
        let weights: Vec<f32> = (0..1500).map(|case| (case % 3) as f32).collect();
        write_npy(folder.path().join("w.npy"), &weights, 1);
        let one = format!("{line} --reproducible --out one");
        say(folder.path(), &one).done();
        let expected = model_bytes(&folder.path().join("one"));
        for count in [2, 4] {
            let said = on(&program, folder.path(), count, &format!("{line} --reproducible --out r{count}"));
            let said = said.done();
            assert!(said.err.contains(&format!("ranks: {count}, each")), "{}", said.err);
            let found = model_bytes(&folder.path().join(format!("r{count}")));
            assert!(found == expected, "{kind}: the model of {count} ranks differs");
        }
        assert_eq!(names(folder.path()), ["one", "r2", "r4", "w.npy"], "{kind}");
    }
}

#[test]
fn ranks_on_a_gpu_are_reproducible_too() {
    let Some(program) = program() else { return };
    if !support::gpus().iter().any(|gpu| gpu.info().backend == "vulkan") {
        return;
    }
    let folder = temporary();
    let line = format!("{TRAIN} --pcd --reproducible --device vulkan");
    say(folder.path(), &format!("{line} --out one")).done();
    on(&program, folder.path(), 2, &format!("{line} --out two")).done();
    let [one, two] = ["one", "two"].map(|run| model_bytes(&folder.path().join(run)));
    assert!(one == two, "the model of two ranks differs");
}

#[test]
fn devices_of_different_kinds_share_a_run_where_that_is_said() {
    let Some(program) = program() else { return };
    if !support::gpus().iter().any(|gpu| gpu.info().backend == "vulkan") {
        return;
    }
    let folder = temporary();
    let line = format!("{TRAIN} --pcd --device cpu,vulkan --out run");
    let refused = on(&program, folder.path(), 2, &line);
    assert_ne!(refused.code, 0);
    for part in ["rank 1", "--mixed-devices"] {
        assert!(refused.error().contains(part), "{}", refused.err);
    }
    let refused = on(&program, folder.path(), 2, &format!("{line} --mixed-devices --reproducible"));
    assert!(refused.error().contains("reproducible"), "{}", refused.err);
    let said = on(&program, folder.path(), 2, &format!("{line} --mixed-devices")).done();
    assert!(said.err.contains("rank 0 makes the updates"), "{}", said.err);
    assert!(folder.path().join("run/model.safetensors").is_file());
}

/// Without --reproducible sums go another way: after one update of equal states weights of at most 0.1·1 change and
/// differ by the rounding of sums over 2·33 terms.
#[test]
fn plain_ranks_agree_with_one_within_the_bound_and_speak_with_one_voice() {
    let Some(program) = program() else { return };
    let folder = temporary();
    let line = "train rbm --hidden 12 --epochs 1 --limit 33 --validation 0 --batch 33";
    say(folder.path(), &format!("{line} --out one")).done();
    let said = on(&program, folder.path(), 3, &format!("{line} --out three")).done();
    for word in ["device:", "data:", "run:", "ranks: 3, each"] {
        assert_eq!(said.err.matches(word).count(), 1, "{word} in {}", said.err);
    }
    assert_eq!(said.out.matches("model:").count(), 1, "{}", said.out);
    let [one, three] = ["one", "three"].map(|run| model(&folder.path().join(run)));
    let bound = 4.0 * 66.0 * f32::EPSILON;
    for (a, b) in one.w.iter().zip(&three.w).chain(one.a.iter().zip(&three.a)) {
        assert!((a - b).abs() <= bound, "{a} and {b}");
    }
}

/// The process of a rank below `mpirun`.
fn process_of(mpirun: &Child, rank: usize) -> Option<u32> {
    let wanted = format!("OMPI_COMM_WORLD_RANK={rank}");
    let parent = format!("PPid:\t{}\n", mpirun.id());
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let own = environment.split(|&byte| byte == 0).any(|line| line == wanted.as_bytes());
        (status.contains(&parent) && own).then_some(id)
    })
}

#[test]
fn a_rank_that_dies_ends_all_within_ten_seconds_and_the_run_goes_on_with_others() {
    let Some(program) = program() else { return };
    let folder = temporary();
    let line = "train rbm --hidden 12 --epochs 4000 --limit 100 --validation 0 --batch 33 --pcd --reproducible";
    let mut killed = mpirun(&program, folder.path(), 2, &format!("{line} --out run"));
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let metrics = folder.path().join("run/metrics.jsonl");
    let lines = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
    let start = Instant::now();
    while lines() < 20 {
        assert!(start.elapsed() < Duration::from_secs(60), "no epoch in a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
    let victim = process_of(&killed, 1).expect("rank 1");
    let kill = Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap();
    assert!(kill.success());
    let start = Instant::now();
    while killed.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(10), "the others go on");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!killed.wait().unwrap().success());
    assert!(!folder.path().join("run/model.safetensors").exists());
    let done = lines();
    assert!(done < 4000);
    // As many epochs as some more than were done, on another number of ranks.
    let config = folder.path().join("run/config.toml");
    assert!(text(&config).contains("reproducible = true"));
    on(&program, folder.path(), 3, "train rbm --resume --out run").done();
    say(folder.path(), &format!("{line} --out whole")).done();
    let [run, whole] = ["run", "whole"].map(|run| model_bytes(&folder.path().join(run)));
    assert!(run == whole, "the run that went on differs");
}

/// The bits of a CPU do not depend on its threads, of which ranks have more or fewer.
#[test]
fn a_run_goes_on_with_other_threads_without_a_warning() {
    let folder = temporary();
    let run = |line: &str, threads: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = command(folder.path(), &words);
        finish(command.env("RAYON_NUM_THREADS", threads)).done()
    };
    let first = run(&format!("{TRAIN} --device cpu --out run"), "1");
    assert!(first.err.contains("1 thread)"), "{}", first.err);
    let again = run("train rbm --resume --out run --epochs 4", "2");
    assert!(again.err.contains("2 threads)"), "{}", again.err);
    assert!(!again.err.contains("began on"), "{}", again.err);
}

#[test]
fn failures_are_told_once_with_their_reason() {
    let Some(program) = program() else { return };
    let folder = temporary();
    for (line, parts) in [
        ("train rbm --data nowhere", &["nowhere"][..]),
        ("train rbm --exact-gradient --hidden 5", &["exact-gradient", "mpirun"]),
        ("train rbm --visible gaussian --learning-rate 1e6 --epochs 3", &["diverged", "gradient"]),
        ("train autoencoder --sparse 0.1", &["sparse", "mpirun"]),
        ("sample run --out s.png", &["one process"]),
        ("eval nowhere", &["nowhere"]),
        ("transform nowhere --data digits --out h.npy", &["nowhere"]),
        ("predict nowhere --data digits --out h.png", &[".csv"]),
    ] {
        let said = on(&program, folder.path(), 2, line);
        assert_ne!(said.code, 0, "{line}");
        let own = said.err.lines().filter(|line| line.contains("error: "));
        let own: Vec<&str> = own.collect();
        assert_eq!(own.len(), 1, "{line}: {}", said.err);
        for part in parts {
            assert!(own[0].contains(part), "{line}: {part} in {}", own[0]);
        }
    }
}

#[test]
fn launch_calls_mpirun() {
    let Some(program) = program() else { return };
    let folder = temporary();
    let mut launch = Command::new(&program);
    launch.current_dir(folder.path()).args(["launch", "-n", "2", "--oversubscribe"]);
    launch.args(TRAIN.split_whitespace()).args(["--out", "run"]).stdin(Stdio::null());
    launch.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    launch.env("HARMONIUM_DEVICE", "cpu").env("XDG_RUNTIME_DIR", folder.path());
    let said = finish(&mut launch).done();
    assert!(said.err.contains("ranks: 2"), "{}", said.err);
    assert!(folder.path().join("run/model.safetensors").is_file());
}

#[test]
fn without_an_mpi_it_says_how_to_have_one() {
    let folder = temporary();
    let get = ["openmpi-bin", "--features mpi"];
    let nowhere = |command: &mut Command| finish(command.env("PATH", folder.path()));
    let mut launch = command(folder.path(), &["launch", "-n", "2", "train", "rbm"]);
    nowhere(&mut launch).refused(2, &get);
    let mut several = command(folder.path(), &["sample", "run", "--out", "s.png"]);
    finish(several.env("PMI_SIZE", "2")).refused(2, &["one process", "mpirun"]);
    if !cfg!(feature = "mpi") {
        let mut several = command(folder.path(), &["eval", "run"]);
        finish(several.env("PMI_SIZE", "2").env("PMI_RANK", "0")).refused(2, &get);
        let mut several = command(folder.path(), &["train", "rbm"]);
        finish(several.env("PMI_SIZE", "2").env("PMI_RANK", "0")).refused(2, &get);
        let mut other = command(folder.path(), &["train", "rbm"]);
        let said = finish(other.env("PMI_SIZE", "2").env("PMI_RANK", "1"));
        assert_eq!((said.code, &said.err[..]), (0, ""), "rank 0 speaks");
    }
    say(folder.path(), "launch -n 0 train rbm").refused(2, &["at least 1"]);
    assert!(names(folder.path()).is_empty());
}

/// One rank alone cuts its batches into the same blocks.
#[test]
fn what_is_not_shared_refuses_to_be_reproducible() {
    let folder = temporary();
    say(folder.path(), "train rbm --reproducible --exact-gradient --hidden 5")
        .refused(2, &["exact-gradient", "--reproducible"]);
    assert!(names(folder.path()).is_empty());
}
