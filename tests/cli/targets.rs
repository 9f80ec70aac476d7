//! Results do not take the place of what they are made from, and say what they replace.

use std::fs;
use std::path::Path;

use harmonium::run::png_file::write_grey_png;

use super::{Said, npy, say, shared_run, temporary, write_npy};

/// Refused as `name` reads the file, which stays as it was.
fn refused(at: &Path, line: &str, name: &str, file: &str) {
    let before = fs::read(at.join(file)).unwrap();
    say(at, line).refused(2, &["out: ", name, file, "write it to another file"]);
    assert_eq!(fs::read(at.join(file)).unwrap(), before, "{line}");
}

fn replaces(said: &Said, file: &str) -> bool {
    said.err.contains(&format!("note: {file} is there already, and is replaced"))
}

#[test]
fn a_result_never_replaces_what_it_is_made_from() {
    let folder = temporary();
    let (at, run) = (folder.path(), shared_run());
    let values: Vec<f32> = (0..5 * 64).map(|k| (k % 2) as f32).collect();
    write_npy(at.join("mine.npy"), &values, 64);
    fs::create_dir(at.join("inner")).unwrap();
    for out in ["mine.npy", "./mine.npy", "inner/../mine.npy"] {
        refused(at, &format!("transform {run} --data mine.npy --out {out}"), "--data", "mine.npy");
    }
    refused(at, &format!("reconstruct {run} --data mine.npy --out mine.npy"), "--data", "mine.npy");
    refused(at, &format!("sample {run} --init mine.npy --out mine.npy"), "--init", "mine.npy");
    refused(at, &format!("decode {run} mine.npy --out mine.npy"), "decode", "mine.npy");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("mine.npy", at.join("soft.npy")).unwrap();
        fs::hard_link(at.join("mine.npy"), at.join("hard.npy")).unwrap();
        for (data, out) in
            [("mine.npy", "soft.npy"), ("soft.npy", "mine.npy"), ("mine.npy", "hard.npy")]
        {
            let line = format!("transform {run} --data {data} --out {out}");
            refused(at, &line, "--data", "mine.npy");
        }
    }
    write_grey_png(at.join("a.png"), 12, 12, &[9; 144]).unwrap();
    refused(at, "filter sobel a.png --out a.png", "filter", "a.png");
    write_npy(at.join("kernel.npy"), &[0.0, 1.0, 0.0, 0.0], 2);
    refused(at, "filter kernel.npy a.png --out kernel.npy", "filter", "kernel.npy");
    fs::copy(Path::new(run).join("model.safetensors"), at.join("m.safetensors")).unwrap();
    refused(at, "export m.safetensors --out m.safetensors", "export", "m.safetensors");
    fs::create_dir(at.join("run")).unwrap();
    fs::rename(at.join("m.safetensors"), at.join("run/model.safetensors")).unwrap();
    let line = "export run --out run/model.safetensors";
    refused(at, line, "export", "run/model.safetensors");
    // A file of a folder of data is an input, another file in it is none.
    fs::create_dir(at.join("shards")).unwrap();
    write_npy(at.join("shards/part-0.npy"), &values, 64);
    let line = format!("transform {run} --data shards --out shards/part-0.npy");
    refused(at, &line, "--data", "shards/part-0.npy");
    let line = format!("transform {run} --data shards --out shards/hidden.npy");
    assert!(!replaces(&say(at, &line).done(), "shards/hidden.npy"));
    assert!(replaces(&say(at, &line).done(), "shards/hidden.npy"));
    assert_eq!(npy(at.join("shards/hidden.npy")).0, [5, 12]);
    // What is refused replaces nothing, and says nothing of it.
    for line in [
        format!("transform {run} --data none.npy --out shards/hidden.npy"),
        format!("transform {run} --data shards --level 1 --out shards/hidden.npy"),
        "transform none --data shards --out shards/hidden.npy".into(),
    ] {
        let said = say(at, &line);
        assert!(said.code != 0 && !replaces(&said, "shards/hidden.npy"), "{}", said.err);
    }
    // And what lies in a run's folder beside its models.
    let line = "sample run --count 4 --steps 1 --out run/samples.png";
    say(at, line).done();
    assert!(replaces(&say(at, line).done(), "run/samples.png"));
}
