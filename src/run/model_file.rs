//! `model.safetensors`: a model of any kind in the format that other tools read.
//!
//! Tensors are f32. Metadata: `harmonium.format` = "1", `harmonium.model` for the kind, what it takes to build
//! the model again besides its tensors, and whatever else was stored there.
//!
//! | `harmonium.model` | tensors | further metadata |
//! |---|---|---|
//! | `rbm` | `W [I, J]`, `b [I]` (visible bias), `a [J]` (hidden bias), uncentred; where the data were standardised `data_mean [I]` and `data_std [I]` | `harmonium.visible`, `harmonium.hidden`: `bernoulli`, `gaussian`, `spin` (visible), `rectified` (hidden) or `softmax:STATES` |
//! | `network` | each parameter, named after its layer: `conv1.kernel`, `linear6.bias` | `harmonium.network`, `harmonium.input`, `harmonium.classes` as JSON |
//! | `dbn` | of each level from the data upwards `level1.W [I, J1]`, `level1.b [I]`, `level1.a [J1]`, …; after up-down training `level1.generative.W [I, J1]`, …; `data_mean` and `data_std` as of machines | `harmonium.dbn` as JSON; with labels `harmonium.classes` |
//! | `dbm` | `W1 [I, J1]`, `W2 [J1, J2]`, …, `b [I]`, `a1 [J1]`, `a2 [J2]`, …, uncentred; with a classifier its parameters as `classifier.linear1.weight`, …; `data_mean` and `data_std` as of machines | `harmonium.dbm` as JSON, `harmonium.mean_field`; with a classifier `harmonium.classifier` and `harmonium.classes` |
//! | `class-rbm` | `W [I + K, J]`, `b [I + K]`, `a [J]` of I values and K classes | `harmonium.visible`: `bernoulli+softmax:K`; `harmonium.classes` as JSON |
//! | `autoencoder` | each parameter, encoder first: `linear1.weight [I, J1]`, `linear1.bias [J1]`, …; of the decoder's layers `[units, inputs]`, as the encoder's layer that each undoes | `harmonium.autoencoder` as JSON |
//!
//! A bare file with the three tensors of a machine and no metadata, made elsewhere, is one; so is one with the names of
//! other programs ([`TensorNames`]).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint;
use super::foreign::{self, TensorNames};
use super::model_kind::{Expected, ModelKind, RBM};
use super::tensor_file::{Reader, header_bytes, write_values};
use crate::error::{Error, Result};
use crate::models::{self, Arrays, HostArray, Model};
use crate::run::atomic;
use crate::tensor::Tensor;

const FORMAT_KEY: &str = "harmonium.format";
const MODEL_KEY: &str = "harmonium.model";
const FORMAT: &str = "1";

/// What a model file holds, on the host.
///
/// ```
/// use harmonium::models::{Rbm, Units};
/// use harmonium::run::{ModelFile, ModelKind};
/// let mut rbm = Rbm::new(&harmonium::Device::cpu(), Units::bernoulli(6), Units::bernoulli(3), 42)?;
/// let file = ModelFile::of(&mut rbm)?;
/// assert_eq!(file.kind, ModelKind::Rbm);
/// assert_eq!(file.tensors["W"].shape, [6, 3]);
/// assert_eq!(file.metadata["harmonium.visible"], "bernoulli");
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModelFile {
    /// What it is a model of.
    pub kind: ModelKind,
    /// Its tensors by name.
    pub tensors: Arrays,
    /// All keys but for the format's and the kind's.
    pub metadata: BTreeMap<String, String>,
    /// What [`load`](ModelFile::load) changed or passed over, for the user to read. Not stored.
    pub notices: Vec<String>,
    path: PathBuf,
    /// Tensors of the file that are none of the kind's.
    ignored: Vec<String>,
}

impl ModelFile {
    /// An empty file.
    pub fn new(kind: ModelKind) -> Self {
        ModelFile {
            kind,
            tensors: Arrays::new(),
            metadata: BTreeMap::new(),
            notices: Vec::new(),
            path: PathBuf::new(),
            ignored: Vec::new(),
        }
    }

    /// The file of a model as it stands. A network's and a field's says nothing of how data become their input, nor how
    /// classes are called: [`Origin::file`](crate::jobs::network::Origin::file) of their jobs adds it, which
    /// [`Trained`](crate::jobs::Trained) needs to open them.
    ///
    /// # Errors
    /// [`Error::Run`] for a kind that is not known; device errors.
    pub fn of(model: &mut dyn Model) -> Result<Self> {
        let tensors = models::state::read(|visit| model.visit(visit))?;
        Self::described(model, tensors)
    }

    /// As [`of`](ModelFile::of), for asynchronous callers.
    ///
    /// # Errors
    /// As there, and [`Error::OutOfMemory`]: it takes copies on the device.
    pub async fn of_async(model: &mut dyn Model) -> Result<Self> {
        let tensors = models::state::read_async(|visit| model.visit(visit)).await?;
        Self::described(model, tensors)
    }

    fn described(model: &dyn Model, tensors: Arrays) -> Result<Self> {
        let Some(kind) = ModelKind::named(model.kind()) else {
            return Err(Error::run("model file", unknown(model.kind())));
        };
        Ok(ModelFile { tensors, metadata: model.description(), ..Self::new(kind) })
    }

    /// Writes the tensors into a model that was built from the file's description.
    ///
    /// # Errors
    /// [`Error::File`] where they are not those of the model, or where it is of another kind or is described otherwise;
    /// device errors.
    pub fn restore(&self, model: &mut dyn Model) -> Result<()> {
        if let Some((key, detail)) = self.kind.differs(&self.metadata, &*model) {
            return Err(self.wrong(key, detail));
        }
        let mut used = 0;
        let mut upload = |name: &str, tensor: &mut Tensor| {
            let (found, dims) = (self.tensors.get(name), tensor.shape().dims());
            if let Some(array) = found.filter(|array| array.shape == dims) {
                used += 1;
                return tensor.upload(&array.values);
            }
            let found = found.map_or("missing".into(), |a| format!("of shape {:?}", a.shape));
            let detail = format!("{name} is {found}, and the model's is {dims:?}");
            Err(self.wrong("tensors", detail))
        };
        model.visit(&mut models::Visit::each(&mut upload))?;
        if used < self.tensors.len() {
            let (held, kind) = (self.tensors.len(), self.kind);
            return Err(self.wrong("tensors", format!("{held} tensors, and the {kind} has {used}")));
        }
        Ok(())
    }

    /// Reads and checks a model.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read. [`Error::File`], naming the tensor or the metadata
    /// key, for everything that is wrong in it: not safetensors, truncated, a header that disagrees
    /// with the file's size, an unknown format or kind, missing tensors, shapes that do not fit,
    /// element types other than F32, F64, F16 and BF16, values that are not finite (in f32).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_as(path, &TensorNames::default())
    }

    /// The same of a machine made elsewhere, whose tensors have the names that `names` says, or known ones of other
    /// programs.
    ///
    /// # Errors
    /// As [`load`](ModelFile::load); [`Error::Setting`] where the file is harmonium's own, and needs no names.
    pub fn load_as(path: impl AsRef<Path>, names: &TensorNames) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        Self::parse(path, &bytes, names)
    }

    /// The same from memory; `name` is what errors and notices call it.
    ///
    /// # Errors
    /// As [`load`](ModelFile::load), but for reading.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self> {
        Self::parse(Path::new(name), bytes, &TensorNames::default())
    }

    fn parse(path: &Path, bytes: &[u8], names: &TensorNames) -> Result<Self> {
        let reader = Reader::open(path, bytes)?;
        let all = reader.names();
        let mut metadata = reader.metadata();
        let own = metadata.contains_key(FORMAT_KEY);
        let kind = kind_of(path, &mut metadata, &all)?;
        if (own || kind != ModelKind::Rbm) && !names.is_empty() {
            let detail =
                format!("{} says itself which tensor is which; leave it out", path.display());
            return Err(Error::setting("map", detail));
        }
        let mut file = ModelFile { metadata, path: path.into(), ..Self::new(kind) };
        let mut taken = Vec::new();
        if !own && kind == ModelKind::Rbm {
            let found = foreign::take(&reader, names, &mut file.notices)?;
            (file.tensors, taken) = (found.tensors, found.names);
        }
        let known = |name: &String| {
            let expected = kind.tensors();
            expected.is_empty() || expected.iter().any(|e| e.name == *name)
        };
        for name in all.into_iter().filter(|name| !taken.contains(name)) {
            let free = known(&name) && !file.tensors.contains_key(&name);
            let array = if free { reader.tensor(&name, &mut file.notices)? } else { None };
            match array {
                Some(array) => drop(file.tensors.insert(name, array)),
                None => file.ignored.push(name),
            }
        }
        if !file.ignored.is_empty() {
            let names = file.ignored.join(", ");
            file.notices.push(format!("{}: ignored {names}", path.display()));
        }
        file.check(path)?;
        Ok(file)
    }

    /// Writes the model, atomically. The same model gives the same bytes.
    ///
    /// # Errors
    /// [`Error::File`], naming the tensor, for what [`load`](ModelFile::load) would refuse: an older file
    /// then stays. [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let (header, values) = self.contents(path)?;
        atomic::write(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(&header)?;
            values.iter().try_for_each(|values| write_values(out, values))
        })
    }

    /// What [`save`](ModelFile::save) writes.
    ///
    /// # Errors
    /// As there, but for writing.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let (header, values) = self.contents(&self.path)?;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(values.into_iter().flatten().flat_map(|x| x.to_le_bytes()));
        Ok(bytes)
    }

    /// The header of the file, and its tensors' values in their order.
    fn contents(&self, path: &Path) -> Result<(Vec<u8>, Vec<&[f32]>)> {
        self.check(path)?;
        let mut metadata = self.metadata.clone();
        metadata.insert(FORMAT_KEY.into(), FORMAT.into());
        metadata.insert(MODEL_KEY.into(), self.kind.name().into());
        let expected = self.kind.tensors();
        let place = |name: &str| expected.iter().position(|e| e.name == name);
        let mut tensors: Vec<(&str, Vec<usize>, &[f32])> = self
            .tensors
            .iter()
            .map(|(name, array)| (name.as_str(), array.shape.clone(), &array.values[..]))
            .collect();
        tensors.sort_by_key(|(name, ..)| place(name).unwrap_or(expected.len()));
        let header = header_bytes(&metadata, &tensors)
            .map_err(|e| Error::file(path, "header", e.to_string()))?;
        Ok((header, tensors.into_iter().map(|(_, _, values)| values).collect()))
    }

    /// Where it was read; empty where it was not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A model within this file, of other tensors.
    pub(crate) fn part(&self, kind: ModelKind, tensors: Arrays) -> Self {
        ModelFile { tensors, path: self.path.clone(), ..Self::new(kind) }
    }

    /// The error that something at `place` of it is wrong.
    pub fn wrong(&self, place: impl Into<String>, detail: impl Into<String>) -> Error {
        Error::file(&self.path, place, detail)
    }

    /// Checks that it is of this kind.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn check_kind(&self, kind: ModelKind) -> Result<()> {
        match self.kind == kind {
            true => Ok(()),
            false => Err(wrong_kind(&self.path, self.kind, kind, "")),
        }
    }

    fn check(&self, path: &Path) -> Result<()> {
        let fail =
            |name: &str, detail: String| Err(Error::file(path, format!("tensor {name}"), detail));
        self.check_shapes(path)?;
        for (name, HostArray { shape, values }) in &self.tensors {
            if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(values.len()) {
                return fail(name, format!("{} values, expected {shape:?}", values.len()));
            }
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let place = index_text(at, shape);
                return fail(name, format!("the value at {place} is not a finite f32"));
            }
            let positive = self.kind.tensors().iter().any(|e| e.name == name && e.positive);
            if let Some(at) = values.iter().position(|&x| positive && x <= 0.0) {
                let found = values[at];
                return fail(name, format!("the value at [{at}] is {found}, expected above 0"));
            }
        }
        Ok(())
    }

    fn check_shapes(&self, path: &Path) -> Result<()> {
        let mut sizes: Vec<(&str, usize)> = Vec::new();
        let expected = self.kind.tensors();
        for Expected { name, dims, optional, .. } in expected {
            let fail = |detail: String| Err(Error::file(path, format!("tensor {name}"), detail));
            let Some(HostArray { shape, .. }) = self.tensors.get(*name) else {
                if *optional {
                    continue;
                }
                return fail(format!("missing; the file holds {}", self.names()));
            };
            if sizes.is_empty() {
                if shape.len() != dims.len() {
                    return fail(format!("shape {shape:?}, expected [{}]", dims.join(", ")));
                }
                if shape.contains(&0) {
                    return fail(format!("shape {shape:?}, expected one unit at least"));
                }
                sizes = dims.iter().copied().zip(shape.iter().copied()).collect();
            }
            let size = |dim: &&str| sizes.iter().find(|(name, _)| name == dim).map_or(0, |s| s.1);
            let fits: Vec<usize> = dims.iter().map(size).collect();
            if *shape != fits {
                let first = &expected[0].name;
                let whole = &self.tensors[*first].shape;
                return fail(format!("shape {shape:?}, expected {fits:?} ({first} is {whole:?})"));
            }
        }
        Ok(())
    }

    fn names(&self) -> String {
        let mut names: Vec<&str> =
            self.tensors.keys().chain(&self.ignored).map(String::as_str).collect();
        names.sort_unstable();
        if names.is_empty() { "no tensor".into() } else { names.join(", ") }
    }
}

/// The error that a file holds another kind than one that is expected; `why` says more.
pub(crate) fn wrong_kind(path: &Path, found: ModelKind, expected: ModelKind, why: &str) -> Error {
    let detail = format!("'{}', expected '{}'{why}", found.name(), expected.name());
    Error::file(path, format!("metadata {MODEL_KEY}"), detail)
}

/// Takes format and kind out of `metadata`, and checks them.
fn kind_of(
    path: &Path,
    metadata: &mut BTreeMap<String, String>,
    names: &[String],
) -> Result<ModelKind> {
    let fail =
        |key: &str, detail: String| Err(Error::file(path, format!("metadata {key}"), detail));
    if metadata.contains_key(checkpoint::FORMAT_KEY) {
        let detail = "this is a checkpoint, which holds the rest of training too; give the run's folder or its \
                      model.safetensors";
        return fail(checkpoint::FORMAT_KEY, detail.into());
    }
    let format = metadata.remove(FORMAT_KEY);
    if let Some(format) = format.as_ref().filter(|format| *format != FORMAT) {
        let detail =
            format!("format '{format}', this version reads '{FORMAT}'; use a newer harmonium");
        return fail(FORMAT_KEY, detail);
    }
    let Some(name) = metadata.remove(MODEL_KEY) else {
        // What harmonium wrote says what it is; what others wrote is a machine.
        return match format.is_some() && !names.iter().any(|name| name == RBM[0].name) {
            true => fail(MODEL_KEY, "missing, and the tensors are not those of a machine".into()),
            false => Ok(ModelKind::Rbm),
        };
    };
    match ModelKind::named(&name) {
        None => fail(MODEL_KEY, unknown(&name)),
        Some(kind) if format.is_none() && kind != ModelKind::Rbm => {
            fail(FORMAT_KEY, format!("missing, expected '{FORMAT}'"))
        }
        Some(kind) => Ok(kind),
    }
}

/// What is said of a kind that there is not.
fn unknown(name: &str) -> String {
    let known = ModelKind::ALL.map(|kind| format!("'{}'", kind.name())).join(" or ");
    format!("'{name}', expected {known}, the kinds that this version knows; use a newer harmonium")
}

/// Where the value number `at` of a tensor stands.
fn index_text(at: usize, shape: &[usize]) -> String {
    match *shape {
        [_, columns] if columns > 0 => format!("[{}, {}]", at / columns, at % columns),
        _ => format!("[{at}]"),
    }
}
