//! Networks' files there and back, and broken ones.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use harmonium::data::PictureInput;
use harmonium::jobs::TrainedNetwork;
use harmonium::jobs::network::Origin;
use harmonium::layers::LayerSpec;
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, NetworkSpec, Rbm, Units, lenet5};
use harmonium::run::{ModelFile, ModelKind};
use harmonium::training::HostArray;
use harmonium::{Device, Error, Tensor};
use safetensors::SafeTensors;

/// A small network of every kind of layer that has parameters.
fn file() -> ModelFile {
    let layers = "[[layers]]\ntype = 'conv'\nmaps = 2\nkernel = [2, 3]\nbias = false\n\
                  [[layers]]\ntype = 'subsample'\nsize = 2\nactivation = 'tanh'\n\
                  [[layers]]\ntype = 'linear'\nunits = 3\n";
    let layers: BTreeMap<String, Vec<LayerSpec>> = toml::from_str(layers).unwrap();
    let mut spec = NetworkSpec::new([1, 5, 6], 3).output(OutputSpec::Softmax);
    spec.layers = layers["layers"].clone();
    let mut network = Network::new(&Device::cpu(), &spec, 7).unwrap();
    let classes = ["cat", "dog", "\"öwl\""].map(String::from).to_vec();
    let origin = Origin { seed: 7, ..Origin::new(PictureInput::plain([5, 6]), classes) };
    origin.file(&mut network).unwrap()
}

fn in_folder(file: &ModelFile) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.safetensors");
    file.save(&path).unwrap();
    (folder, path)
}

fn load(path: &Path) -> harmonium::Result<TrainedNetwork> {
    TrainedNetwork::from_file(ModelFile::load(path)?, &Device::cpu())
}

/// Why the network of a file cannot be had, by reading or by building it.
#[track_caller]
fn refused(path: &Path, parts: &[&str]) {
    let found = load(path);
    let text = found.expect_err("it was taken").to_string();
    for part in parts {
        assert!(text.contains(part), "expected {part:?} in {text:?}");
    }
}

/// The file with its metadata changed.
fn with_metadata(path: &Path, change: impl Fn(&mut HashMap<String, String>)) {
    let bytes = fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    change(&mut metadata);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    fs::write(path, safetensors::serialize(tensors.tensors(), Some(metadata)).unwrap()).unwrap();
}

#[test]
fn round_trip_keeps_every_bit() {
    let mut file = file();
    file.tensors.get_mut("subsample2.bias").unwrap().values[0] = -0.0;
    let (_folder, path) = in_folder(&file);
    let back = ModelFile::load(&path).unwrap();
    assert_eq!((&back.tensors, &back.metadata), (&file.tensors, &file.metadata));
    assert!(back.tensors["subsample2.bias"].values[0].is_sign_negative());
    assert_eq!(back.kind, ModelKind::Network);
    let names: Vec<&str> = back.tensors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "conv1.kernel",
            "linear3.bias",
            "linear3.weight",
            "subsample2.bias",
            "subsample2.coefficient"
        ]
    );
    // The same bytes each time, and other tools read them.
    let bytes = fs::read(&path).unwrap();
    back.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("conv1.kernel").unwrap().shape(), [2, 1, 2, 3]);
    // The network answers as the one that was saved.
    let x: Vec<f32> = (0..60).map(|i| (i as f32 * 0.7).sin()).collect();
    let answer = |file: &ModelFile| {
        let device = Device::cpu();
        let x = Tensor::from_f32(&device, &[2, 1, 5, 6], &x).unwrap();
        let mut trained = TrainedNetwork::from_file(file.clone(), &device).unwrap();
        assert_eq!((trained.origin.seed, trained.origin.classes.len()), (7, 3));
        // And saved again it is the same file.
        let again = trained.origin.file(&mut trained.network).unwrap();
        assert_eq!((&again.tensors, &again.metadata), (&file.tensors, &file.metadata));
        trained.network.probabilities(&x).unwrap().to_vec().unwrap()
    };
    assert_eq!(answer(&back), answer(&file));
}

#[test]
fn lenet5_keeps_its_table_and_its_output_units() {
    for output in [OutputSpec::Rbf { j: 2.5 }, OutputSpec::Softmax] {
        let spec = lenet5::published(output, 10);
        let mut network = Network::new(&Device::cpu(), &spec, 1).unwrap();
        let classes = (0..10).map(|c| c.to_string()).collect();
        let file = Origin::new(PictureInput::lenet5(), classes).file(&mut network);
        let (_folder, path) = in_folder(&file.unwrap());
        let again = load(&path).unwrap().network;
        assert_eq!(*again.spec(), spec);
        assert_eq!(again.trained(), network.trained());
    }
}

#[test]
fn cut_off_files_are_refused() {
    let (_folder, path) = in_folder(&file());
    let bytes = fs::read(&path).unwrap();
    for length in [0, 5, 8, 200, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        refused(&path, &["n.safetensors"]);
    }
    fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    refused(&path, &["n.safetensors", "it is truncated or corrupt"]);
    let mut longer = bytes.clone();
    longer.extend([0; 4]);
    fs::write(&path, longer).unwrap();
    refused(&path, &["n.safetensors", "corrupt"]);
    assert!(matches!(ModelFile::load(path.with_extension("none")), Err(Error::Io { .. })));
}

#[test]
fn wrong_tensors_are_named() {
    let whole = file();
    let altered = |change: &dyn Fn(&mut BTreeMap<String, HostArray>)| {
        let mut file = whole.clone();
        change(&mut file.tensors);
        file
    };
    let missing = altered(&|t| drop(t.remove("linear3.bias")));
    for (file, parts) in [
        (missing, &["linear3.bias is missing", "[3]"][..]),
        (
            altered(&|t| t.get_mut("linear3.weight").unwrap().shape = vec![3, 8]),
            &["linear3.weight is of shape [3, 8]", "[8, 3]"],
        ),
        (
            altered(&|t| {
                let array = HostArray { shape: vec![1], values: vec![1.0] };
                t.insert("extra".into(), array);
            }),
            &["6 tensors, and the network has 5"],
        ),
        (
            altered(&|t| {
                let array = t.remove("conv1.kernel").unwrap();
                t.insert("conv2.kernel".into(), array);
            }),
            &["conv1.kernel is missing"],
        ),
    ] {
        let (_folder, path) = in_folder(&file);
        refused(&path, parts);
    }
    // What is not finite is not written, and not read.
    for (value, at, place) in [(f32::NAN, 4, "[1, 1]"), (f32::INFINITY, 0, "[0, 0]")] {
        let bad = altered(&|t| t.get_mut("linear3.weight").unwrap().values[at] = value);
        let (_folder, path) = in_folder(&whole);
        let before = fs::read(&path).unwrap();
        let text = bad.save(&path).unwrap_err().to_string();
        for part in ["n.safetensors", "tensor linear3.weight", place] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(fs::read(&path).unwrap(), before, "the older file stays");
        let weight: Vec<u8> =
            whole.tensors["linear3.weight"].values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let start = before.windows(weight.len()).position(|w| w == weight).unwrap();
        let mut bytes = before.clone();
        bytes[start + 4 * at..][..4].copy_from_slice(&value.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        refused(&path, &["n.safetensors", "tensor linear3.weight", place, "not a finite f32"]);
    }
}

#[test]
fn wrong_metadata_are_named() {
    let set = |key: &'static str, value: &'static str| {
        move |metadata: &mut HashMap<String, String>| {
            metadata.insert(key.into(), value.into());
        }
    };
    let check = |change: &dyn Fn(&mut HashMap<String, String>), parts: &[&str]| {
        let (_folder, path) = in_folder(&file());
        with_metadata(&path, change);
        refused(&path, parts);
    };
    for key in ["format", "model", "network", "input", "classes"] {
        let key = format!("harmonium.{key}");
        let change = |metadata: &mut HashMap<String, String>| drop(metadata.remove(&key));
        check(&change, &["n.safetensors", &format!("metadata {key}: missing")]);
    }
    check(
        &set("harmonium.model", "rbm"),
        &["n.safetensors", "tensor W: missing; the file holds conv1"],
    );
    let mut rbm = Rbm::new(&Device::cpu(), Units::bernoulli(4), Units::bernoulli(3), 1).unwrap();
    let (_folder, path) = in_folder(&ModelFile::of(&mut rbm).unwrap());
    refused(&path, &["n.safetensors", "harmonium.model", "'rbm', expected 'network'"]);
    check(&set("harmonium.format", "9"), &["harmonium.format", "'9'"]);
    check(&set("harmonium.network", "{"), &["metadata harmonium.network"]);
    check(&set("harmonium.input", "[]"), &["metadata harmonium.input"]);
    check(&set("harmonium.classes", "[\"a\", 1]"), &["metadata harmonium.classes"]);
    check(&set("harmonium.classes", "[\"a\"]"), &["metadata harmonium.input", "1 classes", "3"]);
    let input = "{\"size\":[5,7],\"margin\":[0,0],\"background\":0,\"foreground\":1}";
    check(&set("harmonium.input", input), &["metadata harmonium.input", "[1, 5, 7]"]);
    let input = "{\"size\":[5,0],\"margin\":[0,3],\"background\":0,\"foreground\":1}";
    check(&set("harmonium.input", input), &["metadata harmonium.input", "use 1 to 4096"]);
    // A description that makes no network, and one of more than there is room for.
    let replace = |from: &'static str, to: &'static str| {
        move |metadata: &mut HashMap<String, String>| {
            let text = metadata["harmonium.network"].clone();
            assert!(text.contains(from), "{text}");
            metadata.insert("harmonium.network".into(), text.replace(from, to));
        }
    };
    check(&replace("\"units\":3", "\"units\":4"), &["last layer gives [4]"]);
    check(&replace("\"units\":3", "\"units\":0"), &["linear3", "units: 0 is too few"]);
    check(&replace("\"units\":3", "\"unitz\":3"), &["metadata harmonium.network", "unitz"]);
    for huge in ["\"units\":999999999999", "\"units\":18446744073709551615"] {
        check(&replace("\"units\":3", huge), &["linear3", "more than 2147483647 elements"]);
    }
    check(&replace("\"maps\":2", "\"maps\":4294967296"), &["conv1", "more than 2147483647"]);
}
