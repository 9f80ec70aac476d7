//! `sample`, `transform` and `reconstruct` on a run of the command's own.

use harmonium::data;

use super::{
    Said, assert_close, assert_picture, hidden_means, model, npy, run, say, shared, shared_run,
    sigmoid, temporary, visible_inputs, write_npy,
};

fn sample(folder: &std::path::Path, options: &str) -> Said {
    say(folder, &format!("sample {} {options}", shared_run()))
}

/// The bundled digits' training part as the shared run sees it.
fn digits() -> Vec<f32> {
    let cases = data::load("digits").unwrap().train.cases;
    cases.to_f32().into_iter().map(|x| f32::from(x >= 0.5)).collect()
}

#[test]
fn samples_are_states_and_the_seed_decides() {
    let folder = temporary();
    let said = sample(folder.path(), "--count 30 --steps 20 --out a.npy").done();
    assert_eq!(said.out, "30 chains after 20 Gibbs steps: a.npy\n");
    sample(folder.path(), "--count 30 --steps 20 --out b.npy").done();
    sample(folder.path(), "--count 30 --steps 20 --seed 2 --out c.npy").done();
    sample(folder.path(), "--count 30 --steps 21 --out d.npy").done();
    let read = |name: &str| npy(folder.path().join(name));
    let (shape, a) = read("a.npy");
    assert_eq!(shape, [30, 64]);
    assert!(a.iter().all(|x| *x == 0.0 || *x == 1.0));
    assert!(a.contains(&0.0) && a.contains(&1.0));
    assert!(a == read("b.npy").1 && a != read("c.npy").1 && a != read("d.npy").1);
    // Independent chains: no two alike on 64 units.
    let mut rows: Vec<&[f32]> = a.chunks(64).collect();
    rows.sort_by(|x, y| x.partial_cmp(y).unwrap());
    rows.dedup();
    assert!(rows.len() > 25, "{} different chains", rows.len());
}

#[test]
fn chains_beyond_one_block_are_their_own_and_do_not_depend_on_their_number() {
    let folder = temporary();
    sample(folder.path(), "--count 4100 --steps 3 --out many.npy").done();
    sample(folder.path(), "--count 4097 --steps 3 --out fewer.npy").done();
    let (shape, many) = npy(folder.path().join("many.npy"));
    assert_eq!(shape, [4100, 64]);
    assert_eq!(npy(folder.path().join("fewer.npy")).1[..], many[..4097 * 64]);
    // The second block does not repeat the first.
    let same = (0..4).filter(|i| many[(4096 + i) * 64..][..64] == many[i * 64..][..64]).count();
    assert!(same < 2, "{same} of 4 chains repeat");
    // And its starts are its own rows of --init.
    write_npy(folder.path().join("init.npy"), &many, 64);
    sample(folder.path(), "--init init.npy --steps 0 --out same.npy").done();
    assert_eq!(npy(folder.path().join("same.npy")).1, many);
}

#[test]
fn no_step_gives_the_starts() {
    let folder = temporary();
    sample(folder.path(), "--count 3000 --steps 0 --out start.npy").done();
    let (_, starts) = npy(folder.path().join("start.npy"));
    let model = model(&shared().0);
    for (column, &b) in model.b.iter().enumerate() {
        let mean = starts.iter().skip(column).step_by(64).sum::<f32>() / 3000.0;
        let p = sigmoid(f64::from(b));
        // Five standard deviations of 3,000 draws.
        let bound = 5.0 * (p * (1.0 - p) / 3000.0).sqrt() + 1e-3;
        assert!((f64::from(mean) - p).abs() < bound, "unit {column}: {mean}, expected {p}");
    }
    // Probabilities may be starts too.
    write_npy(folder.path().join("half.npy"), &[0.5; 64], 64);
    sample(folder.path(), "--init half.npy --steps 0 --out h.npy").done();
    assert_eq!(npy(folder.path().join("h.npy")), (vec![1, 64], vec![0.5; 64]));
    let said = sample(folder.path(), "--init half.npy --steps 1 --out h.npy").done();
    assert_eq!(said.out, "1 chain after 1 Gibbs step: h.npy\n");
    assert!(npy(folder.path().join("h.npy")).1.iter().all(|x| *x == 0.0 || *x == 1.0));
}

#[test]
fn wrong_starts_are_refused() {
    let folder = temporary();
    let write =
        |name: &str, values: &[f32], width| write_npy(folder.path().join(name), values, width);
    write("narrow.npy", &[0.0; 30], 10);
    let mut values = [0.0; 128];
    values[64 + 3] = 1.5;
    write("far.npy", &values, 64);
    write("two.npy", &[1.0; 128], 64);
    write("none.npy", &[], 64);
    std::fs::write(folder.path().join("text.npy"), "0,1,0").unwrap();
    for (options, code, parts) in [
        ("--init narrow.npy", 1, ["narrow.npy", "[3, 10], expected [chains, 64]"]),
        ("--init far.npy", 1, ["far.npy: row 1, column 3", "1.5 is outside [0, 1]"]),
        ("--init none.npy", 1, ["none.npy", "[0, 64]"]),
        ("--init text.npy", 1, ["text.npy", "byte"]),
        ("--init nowhere.npy", 1, ["cannot read", "nowhere.npy"]),
        ("--init two.npy --count 3", 2, ["count", "2 rows"]),
        ("--count 0", 2, ["count", "0 is too few"]),
        ("--count -1", 2, ["--count", "'-1'"]),
        ("--count 99999999999", 2, ["count", "too many"]),
        ("--steps -1", 2, ["--steps", "'-1'"]),
    ] {
        sample(folder.path(), &format!("{options} --out x.npy")).refused(code, &parts);
    }
    sample(folder.path(), "").refused(2, &["--out"]);
    assert!(!folder.path().join("x.npy").exists());
    // The number of rows may be said again.
    sample(folder.path(), "--init two.npy --count 2 --steps 1 --out x.npy").done();
    assert_eq!(npy(folder.path().join("x.npy")).0, [2, 64]);
}

#[test]
fn samples_as_pictures() {
    let folder = temporary();
    sample(folder.path(), "--count 16 --steps 5 --out x.png").done();
    let (width, height) = assert_picture(folder.path().join("x.png"));
    assert_eq!(width, height);
    let said = sample(folder.path(), "--count 410 --steps 1 --out many.PNG").done();
    assert!(said.err.contains("note: the picture shows the first 400 of 410"), "{}", said.err);
    assert_picture(folder.path().join("many.PNG"));
}

#[test]
fn models_that_are_none() {
    let folder = temporary();
    std::fs::write(folder.path().join("text"), "hello, this is no model").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for command in ["sample", "transform --data digits", "reconstruct --data digits"] {
        let with = |model: &str| say(folder.path(), &format!("{command} {model} --out x.npy"));
        with("nowhere").refused(1, &["nowhere does not exist", "run folder"]);
        with("empty").refused(1, &["empty has no model.safetensors"]);
        with("text").refused(1, &["text: byte 0", "safetensors"]);
        with("").refused(2, &["RUN|MODEL"]);
    }
    assert!(!folder.path().join("x.npy").exists());
}

#[test]
fn transform_gives_the_hidden_means() {
    let folder = temporary();
    let transform =
        |options: &str| say(folder.path(), &format!("transform {} {options}", shared_run()));
    let said = transform("--data digits --out h.npy").done();
    assert_eq!(said.out, "p(h|v) of 1500 cases (train part), [1500, 12]: h.npy\n");
    let (shape, h) = npy(folder.path().join("h.npy"));
    assert_eq!(shape, [1500, 12]);
    let v = digits();
    assert_close(&h, &hidden_means(&model(&shared().0), &v));
    // The threshold of the training data is applied to these raw numbers too.
    let raw: Vec<f32> = v.iter().map(|x| 0.3 + 0.4 * x).collect();
    write_npy(folder.path().join("raw.npy"), &raw, 64);
    transform("--data raw.npy --out again.npy").done();
    assert_eq!(npy(folder.path().join("again.npy")).1, h);

    transform("--data digits --split test --limit 7 --out test.npy").done();
    let test = data::load("digits").unwrap().test.unwrap().cases.limit(7).to_f32();
    let test: Vec<f32> = test.into_iter().map(|x| f32::from(x >= 0.5)).collect();
    assert_close(&npy(folder.path().join("test.npy")).1, &hidden_means(&model(&shared().0), &test));
    // A model file is as good as its run.
    let file = shared().0.join("model.safetensors");
    let arguments = ["transform", file.to_str().unwrap(), "--data", "digits", "--out", "file.npy"];
    run(folder.path(), &arguments).done();
    assert_eq!(npy(folder.path().join("file.npy")).1, h);
}

#[test]
fn data_of_more_than_one_block() {
    let folder = temporary();
    let three: Vec<f32> = digits().repeat(3);
    write_npy(folder.path().join("v.npy"), &three, 64);
    for command in ["transform", "reconstruct"] {
        say(folder.path(), &format!("{command} {} --data v.npy --out x.npy", shared_run())).done();
        let (shape, x) = npy(folder.path().join("x.npy"));
        assert_eq!(shape[0], 4500);
        let (first, rest) = x.split_at(x.len() / 3);
        assert!(first == &rest[..first.len()] && first == &rest[first.len()..], "{command}");
    }
}

#[test]
fn reconstruct_gives_means_and_their_error() {
    let folder = temporary();
    let with =
        |options: &str| say(folder.path(), &format!("reconstruct {} {options}", shared_run()));
    let said = with("--data digits --out r.npy").done();
    let (shape, r) = npy(folder.path().join("r.npy"));
    assert_eq!(shape, [1500, 64]);
    let (model, v) = (model(&shared().0), digits());
    let h = hidden_means(&model, &v);
    let expected: Vec<f64> = visible_inputs(&model, &h).into_iter().map(sigmoid).collect();
    assert_close(&r, &expected);
    let squares = v.iter().zip(&r).map(|(v, r)| f64::from(v - r).powi(2)).sum::<f64>() / 1500.0;
    assert!(said.out.contains(&format!("reconstruction error {squares:.4} ")), "{}", said.out);

    // The error is over all cases, the picture shows what it can.
    let drawn = with("--data digits --out r.png").done();
    assert_eq!(drawn.out.replace(".png", ".npy"), said.out);
    assert!(drawn.err.contains("note: the picture shows the first 400 of 1500"), "{}", drawn.err);
    assert_picture(folder.path().join("r.png"));
}

#[test]
fn data_that_do_not_fit() {
    let folder = temporary();
    write_npy(folder.path().join("narrow.npy"), &[0.0; 30], 10);
    write_npy(folder.path().join("far.npy"), &[2.0; 64], 64);
    for command in ["transform", "reconstruct"] {
        let with = |options: &str| {
            say(folder.path(), &format!("{command} {} --out x.npy {options}", shared_run()))
        };
        with("--data fashion").refused(1, &["784 values a case", "64 visible units"]);
        with("--data narrow.npy").refused(1, &["narrow.npy", "10 values a case"]);
        with("--data far.npy").refused(1, &["is 2, outside [0, 1]"]);
        with("--data narrow.npy --split test").refused(2, &["narrow.npy has no test part"]);
        with("--data digits --split all").refused(2, &["train, test"]);
        with("--data digits --limit 0").refused(2, &["limit", "0 is too few"]);
        with("--data nosuch").refused(1, &["'nosuch'"]);
        with("").refused(2, &["--data"]);
    }
    let png = format!("transform {} --data digits --out x.png", shared_run());
    say(folder.path(), &png).refused(2, &["x.png must end in .npy"]);
    assert!(!folder.path().join("x.npy").exists());
}
