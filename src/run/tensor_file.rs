//! Safetensors files: what model files and checkpoints share of reading and writing them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::data::seems;
use crate::error::{Error, Result};
use crate::models::HostArray;

/// A file's header, padded to 8 bytes. Our own and not the safetensors crate's: it keeps metadata in a
/// hash map, so that no two saves would have the same bytes.
pub(super) fn header_bytes(
    metadata: &BTreeMap<String, String>,
    tensors: &[(&str, Vec<usize>, &[f32])],
) -> serde_json::Result<Vec<u8>> {
    let mut header = BTreeMap::from([("__metadata__", serde_json::to_value(metadata)?)]);
    let mut start = 0;
    for (name, shape, values) in tensors {
        let end = start + size_of_val(*values);
        let info =
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] });
        header.insert(name, info);
        start = end;
    }
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    Ok(bytes)
}

pub(super) fn write_values(out: &mut dyn io::Write, values: &[f32]) -> io::Result<()> {
    values.iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))
}

/// A safetensors file whose header agrees with its size.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
    pub(super) header: Metadata,
    pub(super) data: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks sizes here rather than in the safetensors crate, which adds offsets unchecked and says
    /// less about what is wrong.
    pub(super) fn open(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            let detail = format!("{} bytes, too few for a safetensors file", bytes.len());
            return Err(Error::file(path, "byte 0", detail));
        };
        if rest.first() != Some(&b'{')
            && let Some(what) = seems(&bytes[..bytes.len().min(512)])
        {
            let what = what.split(':').next().unwrap_or(&what);
            let detail = format!(
                "this seems to be {what}; a model is a safetensors file, and docs/model-file.md shows how others are \
                 converted"
            );
            return Err(Error::file(path, "byte 0", detail));
        }
        let length = u64::from_le_bytes(*length);
        let split = usize::try_from(length).ok().and_then(|n| rest.split_at_checked(n));
        let Some((text, data)) = split else {
            let detail = format!(
                "the header claims {length} bytes, the file holds {} after it; it is truncated or no \
                 safetensors file",
                rest.len()
            );
            return Err(Error::file(path, "byte 0", detail));
        };
        let header: Metadata = serde_json::from_slice(text).map_err(|e| {
            Error::file(path, "header", format!("{e}; the file is corrupt or no safetensors file"))
        })?;
        if header.data_len() != data.len() {
            let detail = format!(
                "the tensors take {} bytes, the file holds {}; it is truncated or corrupt",
                header.data_len(),
                data.len()
            );
            return Err(Error::file(path, format!("byte {}", 8 + text.len()), detail));
        }
        Ok(Reader { path, header, data })
    }

    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let pairs = self.header.metadata().iter().flatten();
        pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The names of the tensors, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.header.offset_keys();
        names.sort();
        names
    }

    /// The tensors' sizes, by name.
    pub(super) fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        let shape = |name: String| self.header.info(&name).map(|info| (name, info.shape.clone()));
        self.names().into_iter().filter_map(shape).collect()
    }

    /// A tensor as f32, whether its values are finite or not; `None` where there is none of that name.
    pub(super) fn tensor(
        &self,
        name: &str,
        notices: &mut Vec<String>,
    ) -> Result<Option<HostArray>> {
        let Some(info) = self.header.info(name) else { return Ok(None) };
        let fail = |detail: String| Err(Error::file(self.path, format!("tensor {name}"), detail));
        let Some(bytes) = self.data.get(info.data_offsets.0..info.data_offsets.1) else {
            return fail("its offsets lie outside the file".into());
        };
        // The bytes need not be aligned, so they are taken value by value.
        let values = match info.dtype {
            Dtype::F32 => convert(bytes, f32::from_le_bytes),
            Dtype::F64 => convert(bytes, |x| f64::from_le_bytes(x) as f32),
            Dtype::F16 => convert(bytes, |x| f16::from_le_bytes(x).to_f32()),
            Dtype::BF16 => convert(bytes, |x| bf16::from_le_bytes(x).to_f32()),
            other => {
                return fail(format!(
                    "element type {other}, expected F32 (or F64, F16, BF16, which are converted)"
                ));
            }
        };
        if info.dtype != Dtype::F32 {
            let (path, dtype) = (self.path.display(), info.dtype);
            notices.push(format!("{path}: tensor {name} converted from {dtype} to F32"));
        }
        Ok(Some(HostArray { shape: info.shape.clone(), values }))
    }
}

pub(super) fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
}
