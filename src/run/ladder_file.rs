//! `ladder.safetensors`: the machines that a training kept on its way, as one file.
//!
//! Tensors `W [R, I, J]`, `b [R, I]` and `a [R, J]` of R rungs, the lowest first; metadata `harmonium.format` = "1",
//! `harmonium.model` = "rbm-ladder", `harmonium.visible` and `harmonium.hidden` as of a machine's own file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::atomic;
use super::model_kind::HIDDEN_KEY;
use super::tensor_file::{Reader, header_bytes, write_values};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::{HostArray, Ladder, Model, Rbm, UnitKind};
use crate::tensor::Tensor;

const FORMAT: (&str, &str) = ("harmonium.format", "1");
const KIND: (&str, &str) = ("harmonium.model", "rbm-ladder");
const VISIBLE: &str = "harmonium.visible";

/// Writes machines of one shape, the lowest rung first, atomically.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, device errors.
pub fn save(path: &Path, rungs: &[Rbm]) -> Result<()> {
    let Some(first) = rungs.first() else { return Err(Error::setting("ladder", "no rung")) };
    let mut metadata = BTreeMap::from([FORMAT, KIND].map(|(k, v)| (k.into(), v.to_string())));
    metadata.extend(first.description());
    let (i, j) = (first.visible_count(), first.hidden_count());
    let all = |part: &dyn Fn(&Rbm) -> Result<Vec<f32>>| -> Result<Vec<f32>> {
        Ok(rungs.iter().map(part).collect::<Result<Vec<_>>>()?.concat())
    };
    let (w, b) = (all(&|m| m.weights().to_vec())?, all(&|m| m.visible_bias().to_vec())?);
    let a = all(&|m| m.hidden_bias().to_vec())?;
    let r = rungs.len();
    let tensors = [("W", vec![r, i, j], &w[..]), ("b", vec![r, i], &b), ("a", vec![r, j], &a)];
    let header = header_bytes(&metadata, &tensors)
        .map_err(|e| Error::file(path, "header", e.to_string()))?;
    atomic::write(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        tensors.iter().try_for_each(|(_, _, values)| write_values(out, values))
    })
}

/// Reads them onto a device.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::File`] naming the tensor or the metadata key for all that is wrong in it,
/// device errors.
pub fn load(path: &Path, device: &Device) -> Result<Ladder> {
    let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let reader = Reader::open(path, &bytes)?;
    let metadata = reader.metadata();
    for (key, expected) in [FORMAT, KIND] {
        let found = metadata.get(key).map_or("missing", String::as_str);
        if found != expected {
            let detail = format!("'{found}', expected '{expected}': this is no ladder");
            return Err(Error::file(path, format!("metadata {key}"), detail));
        }
    }
    let kind = |key: &str| -> Result<UnitKind> {
        let text = metadata.get(key).map_or("bernoulli", String::as_str);
        text.parse().map_err(|_| {
            Error::file(path, format!("metadata {key}"), format!("'{text}' is no kind"))
        })
    };
    let (visible, hidden) = (kind(VISIBLE)?, kind(HIDDEN_KEY)?);
    let tensor = |name: &str| -> Result<HostArray> {
        let found = reader.tensor(name, &mut Vec::new())?;
        let place = format!("tensor {name}");
        let array = found.ok_or_else(|| Error::file(path, place.clone(), "missing"))?;
        match array.values.iter().all(|x| x.is_finite()) {
            true => Ok(array),
            false => Err(Error::file(path, place, "a value is not a finite f32")),
        }
    };
    let (w, b, a) = (tensor("W")?, tensor("b")?, tensor("a")?);
    let &[r, i, j] = &w.shape[..] else {
        let detail = format!("shape {:?}, expected [rungs, visible, hidden units]", w.shape);
        return Err(Error::file(path, "tensor W", detail));
    };
    for (name, array, expected) in [("b", &b, [r, i]), ("a", &a, [r, j])] {
        if array.shape != expected {
            let detail = format!("shape {:?}, expected {expected:?}", array.shape);
            return Err(Error::file(path, format!("tensor {name}"), detail));
        }
    }
    let rung = |k: usize| {
        let part = |array: &HostArray, dims: &[usize]| {
            let size: usize = dims.iter().product();
            Tensor::from_f32(device, dims, &array.values[k * size..(k + 1) * size])
        };
        Rbm::from_parts(visible, hidden, part(&w, &[i, j])?, part(&b, &[i])?, part(&a, &[j])?)
    };
    Ladder::new((0..r).map(rung).collect::<Result<_>>()?)
}
