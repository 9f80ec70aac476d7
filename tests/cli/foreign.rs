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

/// A file says itself how data become bits.
#[test]
fn grey_data_of_a_bare_file_are_binarised_as_its_metadata_say() {
    let folder = temporary();
    let at = folder.path();
    write_npy(at.join("v.npy"), &CASES, VISIBLE);
    write_bare(&at.join("bare.safetensors"), None);
    let said = say(at, "eval bare.safetensors --data v.npy").done();
    assert!(said.err.contains("harmonium.binarize = 0.5 in its file's metadata"), "{}", said.err);
    let metadata = HashMap::from([("harmonium.binarize".to_string(), "0.5".to_string())]);
    write_bare(&at.join("bare.safetensors"), Some(metadata));
    let said = say(at, "eval bare.safetensors --data v.npy").done();
    assert!(!said.err.contains("gives them no likelihood"), "{}", said.err);
    assert!(said.out.contains("mean log-likelihood: "), "{}", said.out);
    let said = say(at, "eval /dev/null");
    said.refused(1, &["/dev/null is neither a file nor a folder"]);
}

/// Tensors of f32 by name.
fn write_tensors(path: &Path, tensors: &[(&str, Vec<usize>, &[f32])]) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn names_of_other_programs() {
    let folder = temporary();
    let at = folder.path();
    let value = |k: usize| ((k * 7 % 11) as f32 - 5.0) / 4.0;
    let w: Vec<f32> = (0..VISIBLE * HIDDEN).map(value).collect();
    let turned: Vec<f32> =
        (0..HIDDEN).flat_map(|j| (0..VISIBLE).map(move |i| value(i * HIDDEN + j))).collect();
    let (b, a): (Vec<f32>, Vec<f32>) =
        ((3..3 + VISIBLE).map(value).collect(), (8..8 + HIDDEN).map(value).collect());
    write_npy(at.join("v.npy"), &CASES, VISIBLE);
    let (rows, columns) = (vec![VISIBLE, HIDDEN], vec![HIDDEN, VISIBLE]);
    write_tensors(
        &at.join("own.safetensors"),
        &[("W", rows.clone(), &w), ("b", vec![VISIBLE], &b), ("a", vec![HIDDEN], &a)],
    );
    say(at, "transform own.safetensors --data v.npy --out own.npy").done();
    let expected = npy(at.join("own.npy")).1;
    for (names, turn, map, told) in [
        (
            ["weights", "vbias", "hbias"],
            false,
            "",
            "W is read from weights, b (visible) from vbias",
        ),
        (
            ["components_", "intercept_visible_", "intercept_hidden_"],
            true,
            "",
            "components_, transposed",
        ),
        (["rbm.weight", "rbm.v_bias", "rbm.h_bias"], true, "", "transposed"),
        // Hinton's guide: a is the visible bias.
        (["W", "a", "b"], false, "--map b=a,a=b", "b (visible) from a"),
        (["W", "b", "a"], true, "--map W=W.T", "W, transposed"),
        (["u", "v", "h"], true, "--map W=u.T,b=v,a=h", "u, transposed"),
    ] {
        let (shape, values) = if turn { (&columns, &turned) } else { (&rows, &w) };
        let tensors = [
            (names[0], shape.clone(), &values[..]),
            (names[1], vec![VISIBLE], &b),
            (names[2], vec![HIDDEN], &a),
        ];
        write_tensors(&at.join("m.safetensors"), &tensors);
        let said =
            say(at, &format!("transform m.safetensors {map} --data v.npy --out h.npy")).done();
        assert!(said.err.contains(told), "{names:?}: {}", said.err);
        assert_eq!(npy(at.join("h.npy")).1, expected, "{names:?}");
    }
    // What cannot be told is asked, and never turned into advice that exchanges the layers.
    let hinton = [("W", rows, &w[..]), ("a", vec![VISIBLE], &b), ("b", vec![HIDDEN], &a)];
    write_tensors(&at.join("m.safetensors"), &hinton);
    let said = say(at, "transform m.safetensors --data v.npy --out h.npy");
    let said = said.refused(1, &["the other way round", "--map b=a,a=b", "--map W=W.T"]);
    assert!(!said.err.contains("store W"), "{}", said.err);
    say(at, "transform m.safetensors --map b=x --data v.npy --out h.npy")
        .refused(1, &["'x'", "a [4]"]);
    say(at, "transform m.safetensors --map x=b --data v.npy --out h.npy")
        .refused(2, &["'x=b'", "W=weights.T"]);
    train(at, "--data digits --limit 100 --out r").done();
    say(at, "eval r --map W=W.T").refused(2, &["map", "says itself"]);
    std::fs::write(at.join("m.pt"), b"PK\x03\x04\x14\0\0\0archive/data.pkl").unwrap();
    say(at, "eval m.pt").refused(1, &["zip archive", "safetensors", "docs/model-file.md"]);
    std::fs::write(at.join("m.h5"), b"\x89HDF\r\n\x1a\n\0\0\0\0").unwrap();
    say(at, "eval m.h5").refused(1, &["an HDF5 file", "docs/model-file.md"]);
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
