//! `devices`, `verify`, help, exit codes, and outputs that nobody reads or that are full.

use std::fs;
use std::process::Stdio;

use super::{command, finish, json, run, say, shared_run, temporary};

#[test]
fn help_version_and_wrong_usage() {
    let folder = temporary();
    let help = say(folder.path(), "--help").done();
    for word in ["devices", "train", "sample", "transform", "reconstruct", "filter", "verify"] {
        assert!(help.out.contains(word), "{}", help.out);
    }
    assert!(say(folder.path(), "--version").done().out.contains(env!("CARGO_PKG_VERSION")));
    for line in ["train rbm", "sample", "transform", "reconstruct", "filter", "verify", "devices"] {
        let said = say(folder.path(), &format!("{line} --help")).done();
        assert!(said.out.contains("Usage") && said.err.is_empty(), "{line}");
    }
    assert_eq!(say(folder.path(), "").code, 2);
    assert_eq!(say(folder.path(), "train").code, 2);
    say(folder.path(), "dream").refused(2, &["'dream'"]);
    say(folder.path(), "devices --yaml").refused(2, &["--yaml"]);
    assert!(super::names(folder.path()).is_empty());
}

#[test]
fn devices_are_listed_with_what_auto_takes() {
    let folder = temporary();
    let said = finish(&mut command(folder.path(), &["devices"])).done();
    assert!(said.out.starts_with("cpu ") && said.out.contains("--device auto takes"), "{said:?}");
    let report = json(&finish(&mut command(folder.path(), &["devices", "--json"])).done().out);
    let adapters = report["adapters"].as_array().unwrap();
    assert_eq!(report["cpu"]["backend"], "cpu");
    assert!(report["auto"].as_str().is_some_and(|auto| !auto.is_empty()));
    for (index, adapter) in adapters.iter().enumerate() {
        assert_eq!(adapter["index"], index);
        let name = adapter["name"].as_str().unwrap();
        assert!(said.out.contains(name), "{name}");
        assert!(adapter["max_storage_binding_bytes"].as_u64().unwrap() > 0);
    }
    // Auto takes a hardware GPU or none.
    let hardware = adapters.iter().position(|a| a["kind"] == "hardware" && a["unusable"].is_null());
    assert_eq!(report["auto_index"].as_u64(), hardware.map(|index| index as u64));
}

#[test]
fn an_unknown_device_is_refused_with_those_there_are() {
    let folder = temporary();
    for line in [
        "train rbm --epochs 1 --device nonsense",
        "verify --device nonsense",
        &format!("sample {} --out x.npy --device nonsense", shared_run()),
    ] {
        say(folder.path(), line).refused(1, &["'nonsense'", "cpu"]);
    }
    say(folder.path(), "train rbm --device 99").refused(1, &["'99'", "cpu"]);
    let mut by_variable = command(folder.path(), &["train", "rbm"]);
    finish(by_variable.env("HARMONIUM_DEVICE", "nonsense")).refused(1, &["'nonsense'"]);
    assert!(super::names(folder.path()).is_empty());
}

#[test]
fn verify_says_when_it_compared_nothing() {
    let folder = temporary();
    let said = say(folder.path(), "verify --device cpu").done();
    assert!(said.out.contains("nothing was compared"), "{}", said.out);
    assert!(!said.out.contains("agree"), "{}", said.out);
    let said = say(folder.path(), "verify --device cpu --report found.json").done();
    assert!(said.err.contains("report: found.json"), "{}", said.err);
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("found.json")).unwrap()).unwrap();
    assert_eq!(
        (&report["devices"], &report["harmonium"]),
        (&serde_json::json!([]), &env!("CARGO_PKG_VERSION").into())
    );
    say(folder.path(), "verify --device cpu --report found.txt").refused(2, &[".json"]);
    say(folder.path(), "verify --device").refused(2, &["--device"]);
    say(folder.path(), "verify poool --device cpu")
        .refused(2, &["kernel: none is called 'poool'; there are sample, ", "pool2d"]);
    say(folder.path(), "verify --sloppy").refused(2, &["--sloppy"]);
}

/// As in `harmonium devices | true`.
#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = temporary();
    for line in [
        "devices",
        "devices --json",
        "verify --device cpu",
        "train rbm --epochs 1 --hidden 3 --profile",
        &format!("sample {} --steps 1 --out x.npy", shared_run()),
        &format!("transform {} --data digits --out y.npy", shared_run()),
        &format!("reconstruct {} --data digits --out z.npy", shared_run()),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = command(folder.path(), &words);
        command.env("HARMONIUM_DEVICE", "cpu").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        assert!(!error.contains("panicked") && !error.contains("error:"), "{line}: {error}");
    }
    // What was to be made is there all the same.
    assert_eq!(super::names(folder.path()), ["runs", "x.npy", "y.npy", "z.npy"]);
}

#[test]
fn errors_that_nobody_reads_are_no_panic() {
    let folder = temporary();
    let mut command = command(folder.path(), &["train", "rbm", "--data", "nosuch"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    use std::os::unix::fs::symlink;
    let folder = temporary();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for line in ["devices", "devices --json", "train rbm --epochs 1 --hidden 3"] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = command(folder.path(), &words);
        command.env("HARMONIUM_DEVICE", "cpu").stdout(full()).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}: {error}");
        assert!(error.contains("cannot write standard output: No space left"), "{line}: {error}");
        assert!(!error.contains("panicked"), "{line}: {error}");
    }
    for name in ["full.npy", "full.png"] {
        symlink("/dev/full", folder.path().join(name)).unwrap();
        run(folder.path(), &["sample", shared_run(), "--steps", "1", "--out", name])
            .refused(1, &["cannot write", name, "No space left"]);
    }
}

#[test]
fn an_output_that_cannot_be_made_is_named() {
    let folder = temporary();
    fs::write(folder.path().join("file"), "x").unwrap();
    fs::create_dir(folder.path().join("folder.npy")).unwrap();
    let sample =
        |out: &str| run(folder.path(), &["sample", shared_run(), "--steps", "1", "--out", out]);
    sample("nowhere/x.npy").refused(1, &["cannot write nowhere/x.npy", "does not exist"]);
    sample("file/x.npy").refused(1, &["cannot write file/x.npy"]);
    sample("folder.npy").refused(1, &["cannot write folder.npy", "it is a folder"]);
    sample("x.jpg").refused(2, &["x.jpg must end in .npy or .png"]);
    sample("npy").refused(2, &["npy must end in .npy or .png"]);
    say(folder.path(), "train rbm --epochs 1 --out file/run").refused(1, &["file/run"]);
    assert_eq!(super::names(folder.path()), ["file", "folder.npy"]);
}

/// Root may write anywhere, so this test is for users alone.
#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = temporary();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("not run: this user may write to a folder without write permission");
        return;
    }
    say(&closed, "train rbm --epochs 1").refused(1, &["cannot create runs", "denied"]);
    run(folder.path(), &["sample", shared_run(), "--steps", "1", "--out", "closed/x.npy"])
        .refused(1, &["cannot write closed/x.npy", "denied"]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
}
