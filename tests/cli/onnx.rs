//! `export --onnx`: which models have the form, and what is refused. What other programs make of the files is held against
//! ours by `scripts/check-onnx`.

use std::fs;

use super::{autoencoder, class_rbm, crf, dbm, dbn, names, network, say, shared_run, temporary};

/// Whether these bytes occur in a file.
fn holds(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn networks_autoencoders_and_machines_become_graphs() {
    let folder = temporary();
    let cnn = network::runs().join("cnn");
    for (run, words) in [
        (cnn.to_str().unwrap(), vec!["Conv", "Gemm", "probabilities", "conv1.kernel", "classes"]),
        (autoencoder::shared().to_str().unwrap(), vec!["Gemm", "code", "reconstruction"]),
        (shared_run(), vec!["Gemm", "Sigmoid", "hidden", "W"]),
        (
            dbn::shared().to_str().unwrap(),
            vec!["level1.W", "level3.U", "Softplus", "probabilities"],
        ),
        (class_rbm::shared().to_str().unwrap(), vec!["GreaterOrEqual", "scores", "probabilities"]),
    ] {
        let said = say(folder.path(), &format!("export {run} --onnx m.onnx")).done();
        assert!(said.out.contains("operator set 17: m.onnx"), "{}", said.out);
        let file = fs::read(folder.path().join("m.onnx")).unwrap();
        for word in ["harmonium", "input"].iter().chain(&words) {
            assert!(holds(&file, word), "{run}: no {word}");
        }
        // The same model is the same file.
        say(folder.path(), &format!("export {run} --onnx again.onnx")).done();
        assert_eq!(fs::read(folder.path().join("again.onnx")).unwrap(), file);
    }
}

#[test]
fn what_has_no_such_form_is_refused_and_nothing_is_written() {
    let folder = temporary();
    let at = folder.path();
    let export = |run: &str, options: &str| say(at, &format!("export {run} {options}"));
    export(dbm::shared().to_str().unwrap(), "--onnx m.onnx")
        .refused(2, &["deep Boltzmann machine"]);
    export(crf::shared().to_str().unwrap(), "--onnx m.onnx")
        .refused(2, &["conditional random field"]);
    export(shared_run(), "--onnx m.pb").refused(2, &["m.pb does not end in .onnx"]);
    export(shared_run(), "--onnx m.onnx --out m.safetensors").refused(2, &["--onnx", "--out"]);
    export(shared_run(), "").refused(2, &["--out"]);
    say(
        at,
        "train rbm --data digits --binarize resample --epochs 1 --hidden 3 --out drawn --quiet",
    )
    .done();
    export("drawn", "--onnx m.onnx").refused(2, &["drawn anew", "--binarize"]);
    assert_eq!(names(at), ["drawn"]);
}
