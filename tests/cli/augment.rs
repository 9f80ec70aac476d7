//! Stacks that learn from distorted pictures.

use std::fs;

use harmonium::data;

use super::{json, say, temporary, text, write_npy};

/// Pictures a pixel beside where the training had them are read far better by a net that learnt from shifted ones.
#[test]
fn shifted_pictures_are_read_by_what_learnt_from_such() {
    let folder = temporary();
    let at = folder.path();
    let digits = data::load("digits").unwrap().test.unwrap();
    let width = digits.cases.width();
    let values = digits.cases.to_f32();
    let moved: Vec<f32> =
        (0..values.len()).map(|k| if k % 8 == 0 { 0.0 } else { values[k - 1] }).collect();
    write_npy(at.join("moved.npy"), &moved, width);
    let labels: Vec<String> = digits.labels.unwrap().iter().map(u32::to_string).collect();
    fs::write(at.join("labels.csv"), format!("label\n{}\n", labels.join("\n"))).unwrap();

    let line = "train dbn --layers 100 --pretrain-epochs 5 --learning-rate 0.001 --validation 0 --device cpu";
    say(at, &format!("{line} --epochs 30 --out plain")).done();
    let line = format!("{line} --augment shift=1.5,rotate=5");
    let said = say(at, &format!("{line} --epochs 30 --out whole")).done();
    let told = "training pictures of 8×8 are distorted by shift=1.5,rotate=5; what lies outside of them is 0\n";
    assert!(said.err.contains(told), "{}", said.err);
    let page = text(at.join("whole/report.html"));
    assert!(page.contains("training (distorted)") && page.contains("s error: level 1"));
    let error = |run: &str| {
        let line = format!("eval {run} --data moved.npy --labels labels.csv --device cpu --json");
        json(&say(at, &line).done().out)["error"].as_f64().unwrap()
    };
    let (plain, distorted) = (error("plain"), error("whole"));
    assert!(distorted < 0.75 * plain, "{plain} {distorted}");

    // Distortions are drawn by epoch and case: an interrupted training goes on to the same bits.
    say(at, &format!("{line} --epochs 12 --out run")).done();
    say(at, "train dbn --resume --epochs 30 --out run").done();
    let bytes = |run: &str| fs::read(at.join(run).join("model.safetensors")).unwrap();
    assert!(bytes("run") == bytes("whole"), "bit for bit");
    assert!(text(at.join("run/config.toml")).contains("augment = \"shift=1.5,rotate=5\""));
}

#[test]
fn the_whole_of_an_autoencoder_learns_from_them_and_its_levels_do_not() {
    let folder = temporary();
    let at = folder.path();
    let line =
        "train autoencoder --layers 20,5 --pretrain-epochs 3 --epochs 3 --limit 200 --device cpu";
    say(at, &format!("{line} --out plain")).done();
    say(at, &format!("{line} --augment scale=0.1 --classifier --out distorted")).done();
    let lines = |run: &str| -> Vec<serde_json::Value> {
        text(at.join(run).join("metrics.jsonl")).lines().map(json).collect()
    };
    let (plain, distorted) = (lines("plain"), lines("distorted"));
    for level in 0..6 {
        assert_eq!(plain[level]["level_error"], distorted[level]["level_error"]);
    }
    assert_ne!(plain[6]["train_squared_error"], distorted[6]["train_squared_error"]);
    assert_eq!(distorted[11]["stage"], "classifier");
}

#[test]
fn what_is_no_picture_is_not_distorted() {
    let folder = temporary();
    let at = folder.path();
    let rows: Vec<String> = (0..30).map(|k| format!("0.{k},0.5,0.{}", 30 - k)).collect();
    fs::write(at.join("t.csv"), rows.join("\n")).unwrap();
    say(at, "train autoencoder --data t.csv --labels none --layers 2 --augment shift=1")
        .refused(2, &["augment: distorts pictures, and the data are none"]);
    for (line, parts) in [
        ("autoencoder --augment blur", &["augment: 'blur' is none of shift"][..]),
        ("autoencoder --augment shift=1 --optimizer cg", &["augment: belongs to --optimizer sgd"]),
        ("dbn --augment shift=1 --no-classifier", &["augment: is about the classifier"]),
        ("dbn --augment shift=1 --visible gaussian", &["augment: each pixel is standardised"]),
    ] {
        say(at, &format!("train {line}")).refused(2, parts);
    }
    assert_eq!(super::names(at), ["t.csv"]);
}
