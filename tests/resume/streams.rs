//! Runs whose data are read in pieces: interrupted, robbed of a shard, and going on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harmonium::run::Checkpoint;

use crate::support::npy_u8;

use super::{Disk, assert_same, checkpoints, complete, fails, interrupted, text, train, wait_for};

const WIDTH: usize = 250;
const CASES: usize = 1500;

/// Four shards of several windows.
fn shards(root: &Path) -> PathBuf {
    let folder = root.join("shards");
    fs::create_dir(&folder).unwrap();
    for shard in 0..4u32 {
        let mut state = shard + 1;
        let value = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 1 { 255u8 } else { (state >> 24) as u8 & 3 }
        };
        let values: Vec<u8> = (0..CASES * WIDTH).map(value).collect();
        let bytes = npy_u8(&format!("({CASES}, {WIDTH})"), &values);
        fs::write(folder.join(format!("part-{shard}.npy")), bytes).unwrap();
    }
    folder
}

fn options(data: &Path, epochs: usize) -> String {
    let data = data.display();
    format!(
        "--data {data} --stream --memory 1MiB --hidden 16 --batch 50 --device cpu --epochs {epochs} --binarize resample"
    )
}

#[test]
fn an_interrupted_stream_ends_in_the_same_bits() {
    let root = tempfile::tempdir().unwrap();
    let data = shards(root.path());
    let [unbroken, broken] = ["unbroken", "broken"].map(|name| root.path().join(name));
    let options = options(&data, 60);
    complete(&unbroken, &options);
    let output = interrupted(&broken, &options, "INT");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    complete(&broken, "--resume");
    assert_same(&unbroken, &broken);
    // Windows, and so the order of cases, are a function of the memory.
    let said = fails(&broken, "--resume --memory 2MiB", 2);
    assert!(said.contains("memory"), "{said}");
}

#[test]
fn a_shard_that_is_cut_off_stops_the_run_and_it_goes_on_once_it_is_mended() {
    let root = tempfile::tempdir().unwrap();
    let data = shards(root.path());
    let [unbroken, broken] = ["unbroken", "broken"].map(|name| root.path().join(name));
    let options = options(&data, 60);
    complete(&unbroken, &options);
    let mut child = train(&broken, &options).spawn().unwrap();
    let begun = || broken.join("checkpoint-a.safetensors").exists();
    assert!(wait_for(&mut child, begun), "it ended too early");
    std::thread::sleep(Duration::from_millis(50));
    let shard = data.join("part-2.npy");
    let whole = fs::read(&shard).unwrap();
    fs::write(&shard, &whole[..whole.len() / 3]).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("part-2.npy") && said.contains("--resume"), "{said}");
    // As it is, it cannot go on; nothing is lost by trying.
    let said = fails(&broken, "--resume", 1);
    assert!(said.contains("part-2.npy") && said.contains("truncated"), "{said}");
    // Other values of the same size are other data.
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&shard, &other).unwrap();
    let said = fails(&broken, "--resume", 1);
    assert!(said.contains("changed"), "{said}");
    fs::write(&shard, &whole).unwrap();
    complete(&broken, "--resume");
    assert_same(&unbroken, &broken);
}

/// The checkpoint cannot be written, since the disk is full: what was saved stays, and the run goes on once there is room.
#[test]
fn a_full_disk_loses_nothing_of_a_stream() {
    let root = tempfile::tempdir().unwrap();
    let data = shards(root.path());
    let [unbroken, disk] = ["unbroken", "disk"].map(|name| root.path().join(name));
    let Some(disk) = Disk::mount(disk, "160k") else { return };
    let options = options(&data, 200);
    complete(&unbroken, &options);
    let run = disk.0.join("run");
    let said = fails(&run, &options, 1);
    assert!(said.contains("cannot write") && said.contains("No space left"), "{said}");
    assert!(checkpoints(&run).iter().any(|path| Checkpoint::load(path).is_ok()));
    // Still full: still refused, still nothing lost.
    let said = fails(&run, "--resume", 1);
    assert!(said.contains("No space left"), "{said}");
    disk.enlarge("8m");
    complete(&run, "--resume");
    assert_same(&unbroken, &run);
}

/// Anonymous memory of a process, in KiB.
#[cfg(target_os = "linux")]
fn anonymous(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
#[cfg(target_os = "linux")]
fn memory_stays_below_the_budget_and_64_mib() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("large.npy");
    // 160 MiB, more than the limit allows for in memory.
    let (rows, width) = (160 << 10, 1024);
    let value = |i: usize| (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3];
    let values: Vec<u8> = (0..rows * width).map(value).collect();
    fs::write(&path, npy_u8(&format!("({rows}, {width})"), &values)).unwrap();
    drop(values);
    let budget = 8;
    let options = format!(
        "--data {} --stream --memory {budget}MiB --hidden 4 --batch 1000 --device cpu --epochs 1",
        path.display()
    );
    let mut child = train(&root.path().join("run"), &options).spawn().unwrap();
    let mut most = 0;
    let ended = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => most = most.max(anonymous(child.id()).unwrap_or(0)),
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(ended.success());
    assert!(most > 1 << 10, "it was not seen: {most} KiB");
    assert!(most < (budget + 64) << 10, "{most} KiB");
}
