//! Models there and back, models made elsewhere, and broken ones.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use harmonium::Device;
use harmonium::jobs::TrainedRbm;
use harmonium::jobs::rbm::Origin;
use harmonium::models::{ClassRbm, HostArray, Model, Rbm, UnitKind, Units};
use harmonium::run::{ModelFile, ModelKind};
use proptest::prelude::*;
use safetensors::{Dtype, tensor::TensorView};

const I: usize = 3;
const J: usize = 2;
/// Exact in f16 and bf16, and no two alike.
const W: [f32; 6] = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5];
const B: [f32; 3] = [0.125, -0.5, 3.0];
const A: [f32; 2] = [-2.0, 0.375];

fn array(shape: &[usize], values: &[f32]) -> HostArray {
    HostArray { shape: shape.to_vec(), values: values.to_vec() }
}

fn model() -> ModelFile {
    let mut file = ModelFile::new(ModelKind::Rbm);
    for (name, shape, values) in [
        ("W", &[I, J][..], &W[..]),
        ("b", &[I], &B),
        ("a", &[J], &A),
        ("data_mean", &[I], &[0.0, -0.0, 1e-30]),
        ("data_std", &[I], &[1.0, f32::MIN_POSITIVE, f32::MAX]),
    ] {
        file.tensors.insert(name.into(), array(shape, values));
    }
    file.metadata = BTreeMap::from([
        ("harmonium.visible".into(), "gaussian".into()),
        ("harmonium.image".into(), "1x3 \"é\"".into()),
    ]);
    file
}

/// The model with a tensor of other values.
fn changed(name: &str, values: &[f32]) -> ModelFile {
    let mut file = model();
    file.tensors.get_mut(name).unwrap().values = values.to_vec();
    file
}

fn assert_same(a: &ModelFile, b: &ModelFile) {
    assert_eq!((a.kind, &a.tensors, &a.metadata), (b.kind, &b.tensors, &b.metadata));
    assert_eq!(a.notices, b.notices);
}

/// A machine on the device, and what its file holds.
struct Loaded {
    file: ModelFile,
    trained: TrainedRbm,
}

impl Loaded {
    fn values(&self) -> [&[f32]; 3] {
        ["W", "b", "a"].map(|name| &self.file.tensors[name].values[..])
    }

    fn visible(&self) -> UnitKind {
        self.trained.rbm.visible().kind()
    }
}

/// A tensor made elsewhere.
struct Tensor(&'static str, Dtype, Vec<usize>, Vec<u8>);

fn f32s(name: &'static str, shape: &[usize], values: &[f32]) -> Tensor {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Tensor(name, Dtype::F32, shape.to_vec(), bytes)
}

/// The three tensors, each value turned into bytes by `bytes`.
fn three(dtype: Dtype, bytes: impl Fn(f32) -> Vec<u8>) -> Vec<Tensor> {
    let tensor = |name, shape: &[usize], values: &[f32]| {
        Tensor(name, dtype, shape.to_vec(), values.iter().flat_map(|&x| bytes(x)).collect())
    };
    vec![tensor("W", &[I, J], &W), tensor("b", &[I], &B), tensor("a", &[J], &A)]
}

fn plain() -> Vec<Tensor> {
    three(Dtype::F32, |x| x.to_le_bytes().to_vec())
}

fn bytes_of(tensors: &[Tensor], metadata: &[(&str, &str)]) -> Vec<u8> {
    let views = tensors.iter().map(|Tensor(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let metadata = (!metadata.is_empty()).then_some(metadata);
    safetensors::serialize(views, metadata).unwrap()
}

fn in_folder(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn load(bytes: &[u8], visible: Option<UnitKind>) -> harmonium::Result<Loaded> {
    let (_folder, path) = in_folder(bytes);
    load_at(&path, visible)
}

fn load_at(path: &Path, visible: Option<UnitKind>) -> harmonium::Result<Loaded> {
    let file = ModelFile::load(path)?;
    let trained = TrainedRbm::from_file(file.clone(), &Device::cpu(), visible)?;
    Ok(Loaded { file, trained })
}

fn load_tensors(tensors: &[Tensor], metadata: &[(&str, &str)]) -> harmonium::Result<Loaded> {
    load(&bytes_of(tensors, metadata), None)
}

fn with(mut tensors: Vec<Tensor>, tensor: Tensor) -> Vec<Tensor> {
    tensors.retain(|Tensor(name, ..)| *name != tensor.0);
    tensors.push(tensor);
    tensors
}

fn without(mut tensors: Vec<Tensor>, unwanted: &str) -> Vec<Tensor> {
    tensors.retain(|Tensor(name, ..)| *name != unwanted);
    tensors
}

#[track_caller]
fn fails(result: harmonium::Result<Loaded>, expected: &[&str]) {
    let text = result.err().expect("it was taken").to_string();
    for part in expected.iter().chain(&["m.safetensors"]) {
        assert!(text.contains(part), "expected {part:?} in {text:?}");
    }
}

#[test]
fn round_trip_keeps_every_bit() {
    let (_folder, path) = in_folder(b"an older file");
    model().save(&path).unwrap();
    let back = ModelFile::load(&path).unwrap();
    assert_same(&back, &model());
    assert!(back.tensors["data_mean"].values[1].is_sign_negative());
    load_at(&path, Some(UnitKind::Gaussian)).unwrap();

    let mut bare = model();
    bare.tensors.retain(|name, _| !name.starts_with("data_"));
    bare.save(&path).unwrap();
    assert_same(&ModelFile::load(&path).unwrap(), &bare);
}

/// As a page does, which has no files.
#[test]
fn a_model_in_memory_is_the_file() {
    let (_folder, path) = in_folder(b"");
    model().save(&path).unwrap();
    let bytes = model().to_bytes().unwrap();
    assert_eq!(bytes, fs::read(&path).unwrap());
    assert_same(&ModelFile::from_bytes("dropped", &bytes).unwrap(), &model());
    let error = ModelFile::from_bytes("dropped", &bytes[..40]).unwrap_err().to_string();
    assert!(error.contains("dropped") && error.contains("truncated"), "{error}");
    let mut broken = model();
    broken.tensors.insert("W".into(), array(&[I, J], &[f32::NAN; I * J]));
    assert!(broken.to_bytes().unwrap_err().to_string().contains("not a finite"));
}

#[test]
fn a_model_is_read_from_its_device_without_waiting() {
    let devices = crate::support::gpus().iter().cloned().chain([Device::cpu()]);
    for device in devices {
        let units = [Units::bernoulli(I), Units::bernoulli(J)];
        let mut rbm = Rbm::new(&device, units[0], units[1], 1).unwrap();
        rbm.set_weights(harmonium::Tensor::from_f32(&device, &[I, J], &W).unwrap()).unwrap();
        let origin = Origin { seed: 7, ..Origin::default() };
        let file = pollster::block_on(origin.file_async(&mut rbm)).unwrap();
        assert_eq!(file.tensors["W"], array(&[I, J], &W));
        assert_same(&file, &origin.file(&mut rbm).unwrap());
    }
}

#[test]
fn other_tools_read_what_is_saved_and_the_bytes_never_change() {
    let (_folder, path) = in_folder(b"");
    model().save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!(metadata["harmonium.format"], "1");
    assert_eq!(metadata["harmonium.model"], "rbm");
    assert_eq!(metadata["harmonium.visible"], "gaussian");
    assert_eq!(metadata["harmonium.image"], "1x3 \"é\"");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let w = tensors.tensor("W").unwrap();
    assert_eq!((w.dtype(), w.shape()), (Dtype::F32, &[I, J][..]));
    assert_eq!(w.data(), bytemuck::cast_slice::<f32, u8>(&W));
    assert_eq!(tensors.tensor("data_std").unwrap().shape(), [I]);

    let mut more = model();
    for k in 0..20 {
        more.metadata.insert(format!("key {k}"), "x".into());
    }
    let save = |model: &ModelFile| {
        model.save(&path).unwrap();
        fs::read(&path).unwrap()
    };
    assert_eq!(save(&more), save(&more.clone()));
}

#[test]
fn a_bare_file_is_bernoulli_unless_the_caller_knows_better() {
    let bytes = bytes_of(&plain(), &[]);
    let file = load(&bytes, None).unwrap();
    assert_eq!(file.visible(), UnitKind::Bernoulli);
    let rbm = &file.trained.rbm;
    assert_eq!((rbm.visible_count(), rbm.hidden_count()), (I, J));
    assert_eq!(file.values(), [&W[..], &B[..], &A[..]]);
    assert!(file.trained.notices.is_empty());
    assert!(file.trained.origin.preprocessing.mean.is_none());
    let file = load(&bytes, Some(UnitKind::Gaussian)).unwrap();
    assert_eq!(file.visible(), UnitKind::Gaussian);
}

#[test]
fn other_element_types_are_converted_with_a_notice() {
    let kinds = [
        ("F64", three(Dtype::F64, |x| f64::from(x).to_le_bytes().to_vec())),
        ("F16", three(Dtype::F16, |x| f16::from_f32(x).to_le_bytes().to_vec())),
        ("BF16", three(Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes().to_vec())),
    ];
    for (kind, tensors) in kinds {
        let file = load_tensors(&tensors, &[("format", "pt")]).unwrap();
        assert_eq!(file.values(), [&W[..], &B[..], &A[..]], "{kind}");
        let notices = &file.trained.notices;
        assert_eq!(notices.len(), 3);
        let notice = format!("tensor W converted from {kind} to F32");
        assert!(notices[0].contains(&notice), "{notices:?}");
        assert_eq!(file.trained.origin.metadata["format"], "pt");
    }
}

#[test]
fn unaligned_data_are_read() {
    // One byte in front moves every f32 off its alignment.
    let info = |shape: &str, start: usize, end: usize| {
        format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    let header = format!(
        r#"{{"0":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}},"W":{},"b":{},"a":{}}}"#,
        info("[3,2]", 1, 25),
        info("[3]", 25, 37),
        info("[2]", 37, 45)
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.push(9);
    bytes.extend(W.iter().chain(&B).chain(&A).flat_map(|x| x.to_le_bytes()));
    let file = load(&bytes, None).unwrap();
    assert_eq!(file.values(), [&W[..], &B[..], &A[..]]);
    let notices = &file.trained.notices;
    assert!(notices[0].contains("ignored 0"), "{notices:?}");
}

#[test]
fn metadata_decide_and_contradictions_are_refused() {
    let gaussian = bytes_of(&plain(), &[("harmonium.visible", "gaussian")]);
    assert_eq!(load(&gaussian, None).unwrap().visible(), UnitKind::Gaussian);
    fails(load(&gaussian, Some(UnitKind::Bernoulli)), &["bernoulli asked", "are gaussian"]);
    let bernoulli = bytes_of(&plain(), &[("harmonium.visible", "bernoulli")]);
    fails(load(&bernoulli, Some(UnitKind::Gaussian)), &["gaussian asked", "are bernoulli"]);
    let key = |key, value| load_tensors(&plain(), &[(key, value)]);
    fails(key("harmonium.format", "2"), &["harmonium.format", "'2'", "reads '1'"]);
    fails(key("harmonium.model", "dbx"), &["harmonium.model", "'dbx'", "expected 'rbm'"]);
    fails(key("harmonium.visible", "softmax"), &["harmonium.visible", "'softmax'"]);
}

#[test]
fn wrong_tensors_are_named() {
    fails(load_tensors(&[], &[]), &["tensor W: missing", "no tensor"]);
    fails(
        load_tensors(&without(plain(), "W"), &[]),
        &["tensor W: missing; the file holds a [2], b [3]"],
    );
    fails(load_tensors(&without(plain(), "b"), &[]), &["tensor b: missing"]);
    fails(load_tensors(&without(plain(), "a"), &[]), &["tensor a: missing"]);
    let put = |tensor| load_tensors(&with(plain(), tensor), &[]);
    fails(put(f32s("W", &[6], &W)), &["tensor W: shape [6], expected [visible units"]);
    fails(
        put(f32s("W", &[2, 3], &W)),
        &["tensor W: W [2, 3], b [3] and a [2]", "one row per", "--map W=W.T"],
    );
    let shape = ["tensor b: shape [2], expected [3]", "W is [3, 2]"];
    fails(put(f32s("b", &[2], &A)), &shape);
    fails(put(f32s("a", &[2, 2], &W[..4])), &["tensor a: shape [2, 2], expected [2]"]);
    // PyTorch keeps biases as rows.
    assert_eq!(put(f32s("a", &[1, 2], &A)).unwrap().file.tensors["a"].shape, [2]);
    fails(put(f32s("data_mean", &[2], &A)), &["tensor data_mean: shape [2], expected [3]"]);
    let integers = Tensor("b", Dtype::I32, vec![3], vec![0; 12]);
    fails(put(integers), &["tensor b: element type I32, expected F32"]);
    let empty = [f32s("W", &[0, 2], &[]), f32s("b", &[0], &[]), f32s("a", &[2], &A)];
    fails(load_tensors(&empty, &[]), &["tensor W: shape [0, 2], expected one unit"]);
}

#[test]
fn wrong_values_are_named() {
    let put = |tensor| load_tensors(&with(plain(), tensor), &[]);
    let mut w = W;
    w[3] = f32::NAN;
    fails(put(f32s("W", &[I, J], &w)), &["tensor W: the value at [1, 1] is not a finite"]);
    fails(put(f32s("a", &[J], &[0.0, f32::INFINITY])), &["tensor a: the value at [1]"]);
    let large = [0.0, 1e300, 0.0].iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    fails(put(Tensor("b", Dtype::F64, vec![I], large)), &["tensor b: the value at [1]"]);
    let std = |std| put(f32s("data_std", &[I], &[1.0, 1.0, std]));
    fails(std(0.0), &["tensor data_std: the value at [2] is 0, expected above 0"]);
    fails(std(-1.0), &["tensor data_std: the value at [2] is -1, expected above 0"]);
}

#[test]
fn broken_files_are_explained() {
    let bytes = bytes_of(&plain(), &[]);
    fails(load(b"", None), &["0 bytes, too few"]);
    fails(load(&bytes[..7], None), &["7 bytes, too few"]);
    fails(load(&bytes[..20], None), &["the header claims", "the file holds 12"]);
    fails(load(&bytes[..bytes.len() - 1], None), &["take 44 bytes, the file holds 43"]);
    let mut longer = bytes.clone();
    longer.push(0);
    fails(load(&longer, None), &["take 44 bytes, the file holds 45"]);
    let mut huge = bytes.clone();
    huge[..8].fill(0xff);
    fails(load(&huge, None), &["the header claims 18446744073709551615 bytes"]);
    fails(load(b"\x02\0\0\0\0\0\0\0no", None), &["header:", "no safetensors file"]);
    let overlap = br#"{"W":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}"#;
    let mut file = (overlap.len() as u64).to_le_bytes().to_vec();
    file.extend(overlap);
    file.extend([0; 8]);
    fails(load(&file, None), &["header:", "invalid offset for tensor `W`"]);
    let text = ModelFile::load("nowhere/m.safetensors").unwrap_err().to_string();
    assert!(text.contains("cannot read nowhere/m.safetensors"), "{text}");
}

#[test]
fn a_model_that_could_not_be_read_is_not_saved() {
    let (_folder, path) = in_folder(b"");
    model().save(&path).unwrap();
    let old = fs::read(&path).unwrap();
    let refuse = |model: ModelFile, expected: &str| {
        let text = model.save(&path).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
        assert_eq!(fs::read(&path).unwrap(), old);
    };
    refuse(changed("a", &[0.0, f32::NAN]), "tensor a: the value at [1]");
    refuse(changed("b", &[0.0; 4]), "tensor b: 4 values, expected [3]");
    refuse(changed("data_std", &[0.0; 3]), "data_std: the value at [0] is 0");
    let mut wide = model();
    wide.tensors.insert("b".into(), array(&[4], &[0.0; 4]));
    refuse(wide, "tensor b: shape [4], expected [3] (W is [3, 2])");
    let missing = Path::new("nowhere/m.safetensors");
    let text = model().save(missing).unwrap_err().to_string();
    assert!(text.contains("cannot write nowhere/m.safetensors"), "{text}");
}

#[test]
fn tensors_are_not_restored_into_another_model() {
    let machine = |visible: UnitKind, hidden: UnitKind| {
        let [visible, hidden] =
            [(visible, 3), (hidden, 2)].map(|(kind, n)| Units::new(kind, n).unwrap());
        Rbm::new(&Device::cpu(), visible, hidden, 1).unwrap()
    };
    let [plain, gaussian] = [UnitKind::Bernoulli, UnitKind::Gaussian];
    let file = ModelFile::of(&mut machine(gaussian, plain)).unwrap();
    file.restore(&mut machine(gaussian, plain)).unwrap();
    let refuse = |file: &ModelFile, model: &mut dyn Model, words: [&str; 2]| {
        let text = file.restore(model).unwrap_err().to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(!text.starts_with(':'), "{text}");
    };
    refuse(&file, &mut machine(plain, plain), ["harmonium.visible: gaussian", "is bernoulli"]);
    let rectified = ModelFile::of(&mut machine(gaussian, UnitKind::Rectified)).unwrap();
    refuse(&rectified, &mut machine(gaussian, plain), ["harmonium.hidden: rectified", "bernoulli"]);
    let mut classes = ClassRbm::new(&Device::cpu(), [2, 1], 2, 1).unwrap();
    let of_classes = ModelFile::of(&mut classes).unwrap();
    refuse(&of_classes, &mut machine(plain, plain), ["class", "restricted Boltzmann machine"]);
    let mut other = Rbm::new(&Device::cpu(), Units::gaussian(3), Units::bernoulli(4), 1).unwrap();
    refuse(&file, &mut other, ["tensors: W", "[3, 4]"]);
}

#[test]
fn kinds_have_one_spelling() {
    for (kind, text) in [(UnitKind::Bernoulli, "bernoulli"), (UnitKind::Gaussian, "gaussian")] {
        assert_eq!(kind.to_string(), text);
        assert_eq!(text.parse::<UnitKind>().unwrap(), kind);
        assert_eq!(serde_json::to_value(kind).unwrap(), text);
    }
    let text = "Gauss".parse::<UnitKind>().unwrap_err().to_string();
    assert!(text.contains("'Gauss' is none of bernoulli, gaussian, spin and softmax"), "{text}");
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = load(&bytes, None);
    }

    /// A header of arbitrary text, so that it reaches the parser.
    #[test]
    fn any_header_never_panics(text in "[{}\\[\\]\":,Wab0-9eFdtypshaof_]{0,120}", data in 0usize..50) {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.bytes());
        bytes.extend(vec![0; data]);
        let _ = load(&bytes, None);
    }

    #[test]
    fn any_offsets_and_shapes_never_panic(
        shape in prop::collection::vec(any::<u64>(), 0..4), start: u64, end: u64, small in 0u64..60,
    ) {
        for end in [end, small] {
            let text = format!(
                r#"{{"W":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}},
                "a":{{"dtype":"F4","shape":{shape:?},"data_offsets":[0,{start}]}}}}"#
            );
            let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
            bytes.extend(text.bytes());
            bytes.extend([0; 44]);
            prop_assert!(load(&bytes, None).is_err());
        }
    }

    #[test]
    fn a_damaged_file_never_panics(position in 0usize..400, byte: u8, keep in 0usize..400) {
        let mut bytes = bytes_of(&plain(), &[("harmonium.visible", "gaussian")]);
        let last = bytes.len() - 1;
        bytes[position.min(last)] = byte;
        let _ = load(&bytes, None);
        bytes.truncate(keep.min(last));
        prop_assert!(load(&bytes, None).is_err());
    }
}

/// Machines of every pair of kinds that there can be come back as they were.
#[test]
fn kinds_of_units_return() {
    let kinds = [UnitKind::Bernoulli, UnitKind::Gaussian, UnitKind::Softmax(3)];
    let visible = kinds.iter().chain(&[UnitKind::Labelled(2)]);
    for (visible, hidden) in visible.flat_map(|v| kinds.iter().map(move |h| (*v, *h))) {
        if visible == UnitKind::Gaussian && hidden == UnitKind::Gaussian {
            continue;
        }
        let units = |kind, count| Units::new(kind, count).unwrap();
        let mut rbm = Rbm::new(&Device::cpu(), units(visible, 6), units(hidden, 9), 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        Origin::default().file(&mut rbm).unwrap().save(&path).unwrap();
        let again = load_at(&path, None).unwrap().trained;
        assert_eq!((again.rbm.visible(), again.rbm.hidden()), (rbm.visible(), rbm.hidden()));
        assert!(again.notices.is_empty(), "{:?}", again.notices);
        let v = harmonium::Tensor::zeros(rbm.device(), &[1, 6]).unwrap();
        let means = |rbm: &Rbm| rbm.mean_h_from_v(&v).unwrap().to_vec().unwrap();
        assert_eq!(means(&again.rbm), means(&rbm));
    }
}
