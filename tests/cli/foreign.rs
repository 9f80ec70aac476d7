//! Models made elsewhere: bare files with W, b and a; what the units are; standardised data.

use std::collections::HashMap;
use std::path::Path;

use harmonium::data;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{
    assert_close, hidden_means, machine, model, npy, say, sigmoid, temporary, train,
    visible_inputs, write_npy,
};

const VISIBLE: usize = 4;
const HIDDEN: usize = 3;

/// A machine of 4 visible and 3 hidden units in f64, with nothing said of it.
fn write_bare(path: &Path, metadata: Option<HashMap<String, String>>) {
    let bytes = |n: usize, k: f64| -> Vec<u8> {
        (0..n).flat_map(|i| ((i as f64 * 0.7 + k).sin() * 2.0).to_le_bytes()).collect()
    };
    let (w, b, a) = (bytes(VISIBLE * HIDDEN, 0.0), bytes(VISIBLE, 1.0), bytes(HIDDEN, 2.0));
    let view = |shape: Vec<usize>, data| TensorView::new(Dtype::F64, shape, data).unwrap();
    let tensors = [
        ("W", view(vec![VISIBLE, HIDDEN], &w)),
        ("b", view(vec![VISIBLE], &b)),
        ("a", view(vec![HIDDEN], &a)),
    ];
    std::fs::write(path, safetensors::serialize(tensors, metadata).unwrap()).unwrap();
}

const CASES: [f32; 12] = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.25, 0.5, 0.75, 1.0];

#[test]
fn a_bare_file_is_a_bernoulli_machine() {
    let folder = temporary();
    let path = folder.path().join("bare.safetensors");
    write_bare(&path, None);
    write_npy(folder.path().join("v.npy"), &CASES, VISIBLE);
    let model = machine(&path);
    let h = hidden_means(&model, &CASES);

    let said = say(folder.path(), "transform bare.safetensors --data v.npy --out h.npy").done();
    assert!(
        said.err.contains("note: ") && said.err.contains("tensor W converted from F64"),
        "{}",
        said.err
    );
    assert_close(&npy(folder.path().join("h.npy")).1, &h);

    say(folder.path(), "reconstruct bare.safetensors --data v.npy --out r.npy").done();
    let expected: Vec<f64> = visible_inputs(&model, &h).into_iter().map(sigmoid).collect();
    assert_close(&npy(folder.path().join("r.npy")).1, &expected);

    say(folder.path(), "sample bare.safetensors --count 9 --steps 4 --out s.npy").done();
    let (shape, states) = npy(folder.path().join("s.npy"));
    assert_eq!(shape, [9, VISIBLE as u64]);
    assert!(states.iter().all(|x| *x == 0.0 || *x == 1.0));
    for line in [
        "sample bare.safetensors --out s.png",
        "reconstruct bare.safetensors --data v.npy --out r.png",
    ] {
        say(folder.path(), line).done();
    }
}

#[test]
fn the_visible_option_speaks_where_the_file_is_silent() {
    let folder = temporary();
    let path = folder.path().join("bare.safetensors");
    write_bare(&path, None);
    write_npy(folder.path().join("v.npy"), &CASES.map(|x| x * 3.0 - 1.0), VISIBLE);
    say(folder.path(), "transform bare.safetensors --data v.npy --out h.npy")
        .refused(1, &["v.npy", "outside [0, 1]"]);
    let v: Vec<f32> = CASES.iter().map(|x| x * 3.0 - 1.0).collect();
    let model = machine(&path);
    let h = hidden_means(&model, &v);
    let gaussian = "bare.safetensors --visible gaussian";
    say(folder.path(), &format!("transform {gaussian} --data v.npy --out h.npy")).done();
    assert_close(&npy(folder.path().join("h.npy")).1, &h);
    // A Gaussian unit's mean is its input, of any size.
    say(folder.path(), &format!("reconstruct {gaussian} --data v.npy --out r.npy")).done();
    assert_close(&npy(folder.path().join("r.npy")).1, &visible_inputs(&model, &h));
    say(folder.path(), &format!("sample {gaussian} --count 50 --steps 3 --out s.npy")).done();
    let states = npy(folder.path().join("s.npy")).1;
    assert!(states.iter().all(|x| x.is_finite()) && states.iter().any(|x| x.fract() != 0.0));
    // Starts may have any value too.
    say(folder.path(), &format!("sample {gaussian} --init v.npy --steps 0 --out s.npy")).done();
    assert_eq!(npy(folder.path().join("s.npy")).1, v);

    let says = HashMap::from([("harmonium.visible".to_string(), "gaussian".to_string())]);
    write_bare(&folder.path().join("told.safetensors"), Some(says));
    say(folder.path(), "transform told.safetensors --visible gaussian --data v.npy --out t.npy")
        .done();
    assert_eq!(npy(folder.path().join("t.npy")).1, npy(folder.path().join("h.npy")).1);
    say(folder.path(), "sample told.safetensors --visible bernoulli --out s.npy")
        .refused(2, &["visible", "bernoulli asked for", "gaussian"]);
    say(folder.path(), "sample told.safetensors --visible grey --out s.npy")
        .refused(2, &["'grey'"]);
}

#[test]
fn standardisation_is_applied_again_from_the_file() {
    let folder = temporary();
    train(folder.path(), "--visible gaussian --out g").done();
    let model = model(&folder.path().join("g"));
    let (mean, std) = (model.data_mean.clone().unwrap(), model.data_std.clone().unwrap());
    let digits = data::load("digits").unwrap().train.cases.limit(50).to_f32();
    let v: Vec<f32> = digits
        .chunks(64)
        .flat_map(|row| row.iter().zip(&mean).zip(&std).map(|((x, m), s)| (x - m) / s))
        .collect();
    let h = hidden_means(&model, &v);
    say(folder.path(), "transform g --data digits --limit 50 --out h.npy").done();
    assert_close(&npy(folder.path().join("h.npy")).1, &h);
    let said = say(folder.path(), "reconstruct g --data digits --limit 50 --out r.npy").done();
    assert!(said.err.contains("standardised space"), "{}", said.err);
    assert_close(&npy(folder.path().join("r.npy")).1, &visible_inputs(&model, &h));
    let said = say(folder.path(), "sample g --count 5 --steps 2 --out s.npy").done();
    assert!(said.err.contains("standardised space"), "{}", said.err);
}
