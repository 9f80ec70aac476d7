//! What several processes do with trained models: as one does, bit for bit.

use std::fs;
use std::path::Path;

use super::ranks::{on, program};
use super::{json, names, say, temporary, write_npy};
use crate::support::npy_u8;

/// Cases of each of two shards: together three pieces of 4,096, the last of which is short, so that of four ranks one has
/// none.
const SHARDS: [usize; 2] = [4600, 4500];

/// Pictures of 8×8 bytes and their classes.
fn data(folder: &Path) {
    fs::create_dir(folder.join("data")).unwrap();
    for (shard, rows) in SHARDS.into_iter().enumerate() {
        let class = |row: usize| (row * 7 + shard) % 3;
        let cases: Vec<u8> = (0..rows * 64)
            .map(|k| {
                let (row, pixel) = (k / 64, k % 64);
                let lit = pixel / 8 % 3 == class(row) || (row * 31 + pixel * 17) % 11 == 0;
                if lit { 255 } else { 0 }
            })
            .collect();
        let labels: Vec<u8> = (0..rows).map(|row| class(row) as u8).collect();
        let write = |name: &str, shape: String, values: &[u8]| {
            let path = folder.join(format!("data/{name}-{shard}.npy"));
            fs::write(path, npy_u8(&shape, values)).unwrap();
        };
        write("part", format!("({rows}, 8, 8)"), &cases);
        write("labels", format!("({rows},)"), &labels);
    }
}

/// What an evaluation says, but for what it took and on what.
fn figures(text: &str) -> serde_json::Value {
    let mut found = json(text);
    for key in ["seconds", "device"] {
        found.as_object_mut().unwrap().remove(key);
    }
    found
}

#[test]
fn ranks_apply_and_score_as_one_process_does() {
    let Some(program) = program() else { return };
    let folder = temporary();
    data(folder.path());
    let few = "--data data --limit 300 --validation 0 --epochs 1";
    for line in [
        format!("rbm --hidden 12 {few} --out rbm"),
        "lenet5-modern --data digits --limit 100 --epochs 1 --out net".into(),
        format!("autoencoder --layers 10,4 --pretrain none {few} --out auto"),
        "dbn --layers 12,8 --join-labels --pretrain-epochs 1 --data data --limit 300 --out dbn"
            .into(),
        format!("dbm --layers 12,8 {few} --out dbm"),
        format!("class-rbm --hidden 12 {few} --out class"),
        "crf --data words --layers 8 --epochs 1 --out field".into(),
        format!("rbm --hidden 8 {few} --trajectory --learning-rate 0.5 --out grown"),
    ] {
        say(folder.path(), &format!("train {line}")).done();
    }
    let weights: Vec<f32> = (0..SHARDS.iter().sum::<usize>()).map(|k| (k % 3) as f32).collect();
    write_npy(folder.path().join("w.npy"), &weights, 1);
    let pieces = "--data data --stream --memory 6MiB";
    let annealed = "--ais 40 --chains 6 --burn-in 20";
    for (line, out) in [
        ("transform rbm --data data", "npy"),
        ("transform rbm --data data --stream --memory 6MiB", "npy"),
        ("transform dbm --data data --level 2", "npy"),
        ("reconstruct rbm --data data", "npy"),
        ("reconstruct auto --data data", "png"),
        ("predict class --data data", "csv"),
        ("predict class --data data --stream --memory 6MiB", "csv"),
        ("predict net --data digits --limit 100", "csv"),
        (&format!("eval rbm --data data {annealed}"), "json"),
        (&format!("eval rbm --data data --stream --memory 6MiB {annealed}"), "json"),
        ("eval rbm --data data --exact", "json"),
        ("eval net --data digits", "json"),
        ("eval field --data words", "json"),
        ("predict field --data words --split train", "csv"),
        ("transform field --data words --split train", "npy"),
        ("eval rbm --data data --limit 5000 --ais 40 --chains 13 --ladder 4 --rounds 90", "json"),
        ("eval grown --data data --limit 5000 --exact --chains 11 --ladder --rounds 70", "json"),
        ("eval rbm --data data --limit 5000 --exact --chains 3 --diagnostics --burn-in 50", "json"),
        ("eval auto --data data", "json"),
        (&format!("eval dbn --data data {annealed} --limit 5000"), "json"),
        (&format!("eval dbm --data data {annealed} --limit 5000"), "json"),
        (&format!("eval dbn {pieces} {annealed} --limit 5000"), "json"),
        (&format!("eval dbm {pieces} {annealed} --limit 5000"), "json"),
        (&format!("eval class {pieces} {annealed} --limit 5000"), "json"),
        (&format!("eval class --data data {annealed}"), "json"),
        ("eval rbm --data data --exact --weights w.npy", "json"),
        ("eval auto --data data --weights w.npy", "json"),
        (&format!("eval dbn --data data {annealed} --limit 5000 --weights w.npy"), "json"),
        (&format!("eval dbm --data data {annealed} --limit 5000 --weights w.npy"), "json"),
    ] {
        let how = |name: &str| match out {
            "json" if line.starts_with("eval field") => format!("{line} --json"),
            "json" => format!("{line} --json --per-case {name}.csv"),
            _ => format!("{line} --out {name}.{out}"),
        };
        let one = say(folder.path(), &how("one")).done();
        for count in [2, 4] {
            let name = format!("of{count}");
            let said = on(&program, folder.path(), count, &how(&name)).done();
            let place = |name: &str| folder.path().join(format!("{name}.{out}"));
            match out {
                "json" => {
                    assert_eq!(figures(&said.out), figures(&one.out), "{line}, {count} ranks");
                    let each =
                        |name: &str| fs::read(folder.path().join(format!("{name}.csv"))).ok();
                    let scored = each(&name);
                    assert!(scored == each("one"), "{line}, {count} ranks: cases score otherwise");
                    assert!(scored.is_some() || line.starts_with("eval field"), "{line}");
                }
                _ => {
                    let [found, expected] = [&name[..], "one"].map(|n| fs::read(place(n)).unwrap());
                    assert!(found == expected, "{line}, {count} ranks");
                    // One voice, and the same words but for the file.
                    assert_eq!(said.out.replace(&name, "one"), one.out, "{line}, {count} ranks");
                }
            }
        }
    }
    // A failure of all is told once, and nothing is left behind.
    let before = names(folder.path());
    let said = on(&program, folder.path(), 3, "predict rbm --data data --out none.csv");
    assert_ne!(said.code, 0);
    assert_eq!(said.err.matches("error: ").count(), 1, "{}", said.err);
    assert_eq!(names(folder.path()), before);
}
