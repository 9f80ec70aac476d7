//! `model.safetensors` of a classifier: its parameters, and in the metadata all that it takes to use them.
//!
//! Tensors are named after their layers (`conv1.kernel [O, C, KH, KW]`, `linear6.weight [inputs, units]`,
//! `….bias`, `….coefficient`), f32. Metadata `harmonium.format` = "1", `harmonium.model` = "network",
//! `harmonium.network`, `harmonium.input` and `harmonium.classes` as JSON (the network's description, what is
//! done to pictures, the classes' names), and whatever else was stored there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::model_file::{
    FORMAT, FORMAT_KEY, MODEL_KEY, Reader, header_bytes, index_text, write_values,
};
use crate::data::PictureInput;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::{Network, NetworkSpec};
use crate::run::atomic;
use crate::training::HostArray;

const MODEL: &str = "network";
const NETWORK_KEY: &str = "harmonium.network";
const INPUT_KEY: &str = "harmonium.input";
const CLASSES_KEY: &str = "harmonium.classes";

/// What a classifier's file holds, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkFile {
    /// The network's description.
    pub spec: NetworkSpec,
    /// What is done to pictures first.
    pub input: PictureInput,
    /// A name for each class.
    pub classes: Vec<String>,
    /// The parameters by name, finite.
    pub tensors: BTreeMap<String, HostArray>,
    /// Further keys, kept as they are.
    pub metadata: BTreeMap<String, String>,
}

/// What kind of model a file holds: its `harmonium.model`; `rbm` where there is none.
///
/// # Errors
/// [`Error::Io`], and [`Error::File`] where it is no safetensors file.
pub fn model_kind(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let reader = Reader::open(path, &bytes)?;
    let kind = reader.header.metadata().as_ref().and_then(|m| m.get(MODEL_KEY));
    Ok(kind.cloned().unwrap_or_else(|| "rbm".into()))
}

impl NetworkFile {
    /// The file of a network as it stands.
    ///
    /// # Errors
    /// Device errors.
    pub fn of(
        network: &Network,
        input: PictureInput,
        classes: Vec<String>,
        metadata: BTreeMap<String, String>,
    ) -> Result<Self> {
        let array = |p: &crate::layers::Parameter| {
            let shape = p.value.shape().dims().to_vec();
            Ok((p.name.clone(), HostArray { shape, values: p.value.to_vec()? }))
        };
        let tensors = network.layers().parameters().map(array).collect::<Result<_>>()?;
        Ok(NetworkFile { spec: network.spec().clone(), input, classes, tensors, metadata })
    }

    /// The network on a device.
    ///
    /// # Errors
    /// [`Error::Setting`] where the description makes no network, [`Error::Run`] where the tensors are not its
    /// parameters; device errors.
    pub fn network(&self, device: &Device) -> Result<Network> {
        let mut network = Network::new(device, &self.spec, 1)?;
        let mut used = 0;
        for parameter in network.layers_mut().parameters_mut() {
            let found = self.tensors.get(&parameter.name);
            let dims = parameter.value.shape().dims();
            match found.filter(|array| array.shape == dims) {
                Some(array) => parameter.value.upload(&array.values)?,
                None => {
                    let found =
                        found.map_or("missing".into(), |a| format!("of shape {:?}", a.shape));
                    let name = &parameter.name;
                    let detail = format!("{name} is {found}, and the network's is {dims:?}");
                    return Err(Error::run("model file", detail));
                }
            }
            used += 1;
        }
        if used < self.tensors.len() {
            let detail = format!("{} tensors, and the network has {used}", self.tensors.len());
            return Err(Error::run("model file", detail));
        }
        Ok(network)
    }

    /// Reads and checks a model.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`], naming the tensor or the metadata key, for everything that is wrong in
    /// it.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let reader = Reader::open(path, &bytes)?;
        let pairs = reader.header.metadata().iter().flatten();
        let mut metadata: BTreeMap<String, String> =
            pairs.map(|(k, v)| (k.clone(), v.clone())).collect();
        let fail = |key: &str, detail: String| Error::file(path, format!("metadata {key}"), detail);
        for (key, expected) in [(MODEL_KEY, MODEL), (FORMAT_KEY, FORMAT)] {
            match metadata.remove(key) {
                Some(found) if found == expected => {}
                found => {
                    let found = found.map_or("missing".into(), |f| format!("'{f}'"));
                    return Err(fail(key, format!("{found}, expected '{expected}'")));
                }
            }
        }
        let mut text = |key| metadata.remove(key).ok_or_else(|| fail(key, "missing".into()));
        let (spec, input, classes) = (text(NETWORK_KEY)?, text(INPUT_KEY)?, text(CLASSES_KEY)?);
        let json = |key: &'static str| move |e: serde_json::Error| fail(key, e.to_string());
        let spec: NetworkSpec = serde_json::from_str(&spec).map_err(json(NETWORK_KEY))?;
        let input: PictureInput = serde_json::from_str(&input).map_err(json(INPUT_KEY))?;
        let classes: Vec<String> = serde_json::from_str(&classes).map_err(json(CLASSES_KEY))?;
        let pictures = input.shape().map_err(|e| fail(INPUT_KEY, e.to_string()))?;
        if pictures != spec.input || classes.len() != spec.classes {
            let detail = format!(
                "pictures of {pictures:?} and {} classes do not fit the network's {:?} and {}",
                classes.len(),
                spec.input,
                spec.classes
            );
            return Err(fail(INPUT_KEY, detail));
        }
        let mut tensors = BTreeMap::new();
        let mut names = reader.header.offset_keys();
        names.sort();
        for name in names {
            let shape = reader.shape(&name)?.to_vec();
            let values = reader.tensor(&name, &shape, &mut Vec::new())?;
            tensors.insert(name, HostArray { shape, values });
        }
        let file = NetworkFile { spec, input, classes, tensors, metadata };
        file.check(path)?;
        Ok(file)
    }

    /// Writes the model, atomically. The same model gives the same bytes.
    ///
    /// # Errors
    /// [`Error::File`], naming the tensor, for values that are not finite: an older file then stays.
    /// [`Error::Io`].
    pub fn save(&self, path: &Path) -> Result<()> {
        self.check(path)?;
        let fail = |e: serde_json::Error| Error::file(path, "header", e.to_string());
        let mut metadata = self.metadata.clone();
        metadata.insert(FORMAT_KEY.into(), FORMAT.into());
        metadata.insert(MODEL_KEY.into(), MODEL.into());
        metadata.insert(NETWORK_KEY.into(), serde_json::to_string(&self.spec).map_err(fail)?);
        metadata.insert(INPUT_KEY.into(), serde_json::to_string(&self.input).map_err(fail)?);
        metadata.insert(CLASSES_KEY.into(), serde_json::to_string(&self.classes).map_err(fail)?);
        let tensors: Vec<(&str, Vec<usize>, &[f32])> = self
            .tensors
            .iter()
            .map(|(name, array)| (name.as_str(), array.shape.clone(), &array.values[..]))
            .collect();
        let header = header_bytes(&metadata, &tensors).map_err(fail)?;
        atomic::write(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(&header)?;
            tensors.iter().try_for_each(|(_, _, values)| write_values(out, values))
        })
    }

    fn check(&self, path: &Path) -> Result<()> {
        for (name, HostArray { shape, values }) in &self.tensors {
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let detail = format!("the value at {} is not a finite f32", index_text(at, shape));
                return Err(Error::file(path, format!("tensor {name}"), detail));
            }
        }
        Ok(())
    }
}
