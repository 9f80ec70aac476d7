//! What people have, trained with one command; and what is said of it.

use std::fs;
use std::io::Write;
use std::path::Path;

use harmonium::run::png_file::write_grey_png;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{Said, npy, say, temporary, text};

/// `n` pictures of 28×28 of ten classes, a bright bar whose place and direction is the class.
fn bars(n: usize) -> Vec<(usize, Vec<u8>)> {
    let picture = |i: usize| {
        let class = i % 10;
        let at = class % 5 * 28 / 5;
        let pixel = |k: usize| {
            let (along, across) = if class < 5 { (k / 28, k % 28) } else { (k % 28, k / 28) };
            let bar = (at..at + 5).contains(&along) && (2..26).contains(&across);
            if bar { 230 } else { (k * 7 + i * 13) as u8 % 30 }
        };
        (class, (0..784).map(pixel).collect())
    };
    (0..n).map(picture).collect()
}

fn kaggle(path: &Path, n: usize, labels: bool) {
    let mut out = String::new();
    out.push_str(if labels { "label," } else { "" });
    let names: Vec<String> = (0..784).map(|k| format!("pixel{k}")).collect();
    out.push_str(&(names.join(",") + "\n"));
    for (class, pixels) in bars(n) {
        let cells: Vec<String> = pixels.iter().map(u8::to_string).collect();
        let label = if labels { format!("{class},") } else { String::new() };
        out.push_str(&(label + &cells.join(",") + "\n"));
    }
    fs::write(path, out).unwrap();
}

fn array(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out.extend(bytes);
    out
}

fn pictures_npy(n: usize) -> Vec<u8> {
    let pixels: Vec<u8> = bars(n).into_iter().flat_map(|(_, pixels)| pixels).collect();
    array("|u1", &format!("({n}, 28, 28)"), &pixels)
}

fn labels_npy(n: usize) -> Vec<u8> {
    let classes: Vec<u8> =
        bars(n).into_iter().flat_map(|(class, _)| (class as i64).to_le_bytes()).collect();
    array("<i8", &format!("({n},)"), &classes)
}

fn train(at: &Path, options: &str) -> Said {
    say(at, &format!("train lenet5-modern --epochs 1 --force {options}")).done()
}

#[track_caller]
fn says(said: &Said, parts: &[&str]) {
    for part in parts {
        assert!(said.err.contains(part), "{part:?} is not in {}", said.err);
    }
}

#[test]
fn a_kaggle_table() {
    let folder = temporary();
    let at = folder.path();
    kaggle(&at.join("train.csv"), 200, true);
    kaggle(&at.join("test.csv"), 7, false);
    let said = train(at, "--data train.csv --out net");
    says(&said, &["names the columns", "('label') holds the labels", "x/255", "10 classes"]);
    // The test part as it comes: without labels.
    let said = say(at, "predict net --data test.csv --out p.csv").done();
    assert!(said.out.contains("7 predictions"), "{}", said.out);
    let (head, lines) = (
        text(at.join("p.csv")).lines().next().unwrap().to_string(),
        text(at.join("p.csv")).lines().count(),
    );
    assert_eq!((head.starts_with("case,predicted,p(0)"), lines), (true, 8));
    // What was left out while training is left out again.
    let said = say(at, "eval net --split train").done();
    assert!(said.out.contains("of 200 cases"), "{}", said.out);
    let said = say(at, "train rbm --data train.csv --epochs 1 --hidden 8 --out rbm").done();
    says(&said, &["holds the labels", "x/255", "of 784 values"]);
    say(at, "transform rbm --data test.csv --out h.npy").done();
    assert_eq!(npy(at.join("h.npy")).0, [7, 8]);
    // Both as a folder.
    let inner = at.join("both");
    fs::create_dir(&inner).unwrap();
    for name in ["train.csv", "test.csv"] {
        fs::rename(at.join(name), inner.join(name)).unwrap();
    }
    says(&train(at, "--data both --out net2"), &["test part has no labels", "10 classes"]);
}

#[test]
fn a_keras_archive() {
    let folder = temporary();
    let at = folder.path();
    let mut zip = ZipWriter::new(fs::File::create(at.join("mnist.npz")).unwrap());
    for (name, bytes) in [
        ("x_test", pictures_npy(20)),
        ("x_train", pictures_npy(100)),
        ("y_train", labels_npy(100)),
        ("y_test", labels_npy(20)),
    ] {
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
    let said = train(at, "--data mnist.npz --out net");
    says(
        &said,
        &[
            "read x_train with the labels y_train, x_test with the labels y_test",
            "20 for testing of 10 classes",
        ],
    );
    says(
        &say(at, "train rbm --data mnist.npz --epochs 1 --hidden 8 --out rbm").done(),
        &["read x_train"],
    );
    says(
        &say(at, "predict net --data mnist.npz --array x_train --limit 3").done(),
        &["read x_train"],
    );
    say(at, "predict net --data mnist.npz --array x")
        .refused(2, &["array", "'x'", "x_train [100, 28, 28]"]);
}

#[test]
fn folders_of_pictures_and_other_names() {
    let folder = temporary();
    let at = folder.path();
    for (i, (class, pixels)) in bars(40).into_iter().enumerate() {
        let path = at.join(format!("zoo/animal {class}"));
        fs::create_dir_all(&path).unwrap();
        write_grey_png(path.join(format!("{i}.png")), 28, 28, &pixels).unwrap();
    }
    let said = train(at, "--data zoo --out net");
    says(&said, &["40 pictures", "10 classes (animal 0, animal 1"]);
    let one = say(at, "predict net --data zoo --limit 2 --out p.csv").done();
    assert!(one.out.contains("of 2 are wrong"), "{}", one.out);
    assert!(text(at.join("p.csv")).contains("animal 1"));
    says(&say(at, "train rbm --data zoo --epochs 1 --hidden 8 --out rbm").done(), &["40 pictures"]);

    // Letters count from 1, in EMNIST's names.
    let write = |name: &str, kind: u8, dims: &[u32], bytes: &[u8]| {
        let mut out = vec![0, 0, kind, dims.len() as u8];
        dims.iter().for_each(|d| out.extend(d.to_be_bytes()));
        out.extend(bytes);
        fs::create_dir_all(at.join("gzip")).unwrap();
        fs::write(at.join("gzip").join(name), out).unwrap();
    };
    let (classes, pixels): (Vec<usize>, Vec<Vec<u8>>) = bars(40).into_iter().unzip();
    write("emnist-letters-train-images-idx3-ubyte", 8, &[40, 28, 28], &pixels.concat());
    let labels: Vec<u8> = classes.iter().map(|&class| class as u8 + 1).collect();
    write("emnist-letters-train-labels-idx1-ubyte", 8, &[40], &labels);
    let said = train(at, "--data gzip --out letters");
    says(&said, &["run from 1 to 10: 10 classes", "rows and columns exchanged"]);
    say(at, "predict letters --data gzip --limit 10 --out p.csv").done();
    let table = text(at.join("p.csv"));
    let head = table.lines().next().unwrap();
    assert!(head.starts_with("case,predicted,true,p(1),") && head.ends_with("p(10)"), "{head}");
    let truth: Vec<&str> =
        table.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
    assert_eq!(truth, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    // Labels that the network does not know.
    fs::write(at.join("x.npy"), pictures_npy(2)).unwrap();
    fs::write(at.join("y.csv"), "1\n77\n").unwrap();
    say(at, "eval letters --data x.npy --labels y.csv")
        .refused(1, &["case 1 has the label 77", "10 classes: 1, 2, 3"]);
    // A part of the classes is matched by name.
    fs::write(at.join("y.csv"), "1\n2\n").unwrap();
    say(at, "eval letters --data x.npy --labels y.csv").done();
}

#[test]
fn the_scale_of_the_training_is_that_of_its_data() {
    let folder = temporary();
    let at = folder.path();
    let small: Vec<u8> =
        bars(60).into_iter().flat_map(|(_, pixels)| pixels).map(|x| x / 16).collect();
    fs::write(at.join("x.npy"), array("|u1", "(60, 28, 28, 1)", &small)).unwrap();
    fs::write(at.join("y.npy"), labels_npy(60)).unwrap();
    says(
        &train(at, "--data x.npy --labels y.npy --out dark"),
        &["the largest value is 14 of 255", "--scale 14"],
    );
    let said = train(at, "--data x.npy --labels y.npy --scale 14 --out net");
    assert!(!said.err.contains("darker"), "{}", said.err);
    assert!(text(at.join("net/config.toml")).contains("scale = 14"));
    let first = say(at, "eval net --split train --json").done().out;
    let again = say(at, "eval net --data x.npy --labels y.npy --scale 14 --json").done().out;
    let loss = |text: &str| super::json(text)["loss"].as_f64().unwrap();
    assert_eq!(loss(&first), loss(&again));
    say(at, "train rbm --data x.npy --binarize 0.5 --out rbm")
        .refused(2, &["binarize", "no value reaches 0.5", "--scale"]);
    say(at, "train rbm --data x.npy --scale 14 --binarize 0.5 --epochs 1 --hidden 4 --out rbm")
        .done();
    say(at, "train rbm --data x.npy --scale 0 --out r").refused(2, &["scale: 0 is outside (0, "]);
}

#[test]
fn pictures_without_ground_and_without_contrast() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("x.npy"), pictures_npy(300)).unwrap();
    fs::write(at.join("y.npy"), labels_npy(300)).unwrap();
    say(at, "train lenet5-modern --data x.npy --labels y.npy --epochs 4 --out net").done();
    for (class, pixels) in bars(10).into_iter().skip(1).step_by(4) {
        // Black strokes on a transparent ground: grey and alpha.
        let file = fs::File::create(at.join("ink.png")).unwrap();
        let mut png = png::Encoder::new(file, 28, 28);
        png.set_color(png::ColorType::GrayscaleAlpha);
        png.set_depth(png::BitDepth::Eight);
        let bytes: Vec<u8> =
            pixels.iter().flat_map(|&x| [0, if x < 100 { 0 } else { x }]).collect();
        png.write_header().unwrap().write_image_data(&bytes).unwrap();
        for turn in ["", " --invert"] {
            let said = say(at, &format!("predict net --data ink.png{turn}")).done();
            assert!(said.out.starts_with(&format!("ink.png: {class}\n")), "{}", said.out);
            says(&said, &["transparent", "white ground"]);
        }
    }
    write_grey_png(at.join("blank.png"), 28, 28, &[77; 784]).unwrap();
    say(at, "predict net --data blank.png").refused(1, &["blank.png", "all pixels are alike"]);
    let two: Vec<u8> = [vec![0; 784], bars(2)[1].1.clone()].concat();
    fs::write(at.join("two.npy"), array("|u1", "(2, 28, 28)", &two)).unwrap();
    let said = say(at, "predict net --data two.npy --out p.csv").done();
    says(&said, &["of 2 pictures 1", "no class"]);
    assert!(text(at.join("p.csv")).contains("\n0,,"), "{}", text(at.join("p.csv")));
}

#[test]
fn eval_takes_negative_numbers_as_others_do() {
    let folder = temporary();
    for option in ["--limit", "--ais", "--chains", "--burn-in", "--seed"] {
        say(folder.path(), &format!("eval run {option} -5"))
            .refused(2, &["-5", "a whole number is expected, 0 or above"]);
    }
}
