//! `model.safetensors`: a restricted Boltzmann machine in the format that other tools read.
//!
//! Tensors `W [I, J]`, `b [I]` (visible bias) and `a [J]` (hidden bias), f32, in the uncentred
//! parametrisation; where the data were standardised, `data_mean [I]` and `data_std [I]`. Metadata
//! `harmonium.format` = "1", `harmonium.model` = "rbm", `harmonium.visible` = "bernoulli" or
//! "gaussian", and whatever else was stored there. A bare file with the three tensors and no
//! metadata, made elsewhere, is a Bernoulli machine unless the caller says otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::error::{Error, Result};
use crate::models::UnitKind;
use crate::run::atomic;

pub(super) const FORMAT_KEY: &str = "harmonium.format";
pub(super) const MODEL_KEY: &str = "harmonium.model";
const VISIBLE_KEY: &str = "harmonium.visible";
pub(super) const FORMAT: &str = "1";
const MODEL: &str = "rbm";
const KNOWN: [&str; 5] = ["W", "a", "b", "data_mean", "data_std"];

/// What a model file holds, as host arrays.
#[derive(Debug, Clone, PartialEq)]
pub struct RbmFile {
    /// The visible units' distribution.
    pub visible: UnitKind,
    /// I, at least 1.
    pub visible_count: usize,
    /// J, at least 1.
    pub hidden_count: usize,
    /// Weights `[I, J]`, row-major, finite.
    pub w: Vec<f32>,
    /// Visible bias `[I]`, finite.
    pub b: Vec<f32>,
    /// Hidden bias `[J]`, finite.
    pub a: Vec<f32>,
    /// What was subtracted from each visible value of the data, `[I]`.
    pub data_mean: Option<Vec<f32>>,
    /// What each visible value was then divided by, `[I]`, above 0.
    pub data_std: Option<Vec<f32>>,
    /// Further keys, kept as they are; the three keys of the format itself are never in here.
    pub metadata: BTreeMap<String, String>,
    /// What [`load`](RbmFile::load) changed or passed over, for the user to read. Not stored.
    pub notices: Vec<String>,
}

impl RbmFile {
    /// Reads and checks a model. `visible_override` is what the user claims the visible units to be:
    /// it decides where the file does not say.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read. [`Error::File`], naming the tensor or the metadata
    /// key, for everything that is wrong in it: not safetensors, truncated, a header that disagrees
    /// with the file's size, an unknown format or model, missing tensors, shapes that do not fit,
    /// element types other than F32, F64, F16 and BF16, values that are not finite (in f32), a
    /// deviation of 0 or less. [`Error::Setting`] if the override contradicts the file.
    pub fn load(path: impl AsRef<Path>, visible_override: Option<UnitKind>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let reader = Reader::open(path, &bytes)?;
        let mut metadata: BTreeMap<String, String> = reader
            .header
            .metadata()
            .iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let visible = visible_kind(path, &mut metadata, visible_override)?;
        let mut notices = Vec::new();

        let w_shape = reader.shape("W")?;
        let &[visible_count, hidden_count] = w_shape else {
            return Err(Error::file(
                path,
                "tensor W",
                format!("shape {w_shape:?}, expected [visible units, hidden units]"),
            ));
        };
        reader.refuse_transposed(visible_count, hidden_count)?;
        let mut tensor = |name, shape: &[usize]| reader.tensor(name, shape, &mut notices);
        let w = tensor("W", w_shape)?;
        let b = tensor("b", &[visible_count])?;
        let a = tensor("a", &[hidden_count])?;
        let mut optional = |name| match reader.header.info(name) {
            Some(_) => tensor(name, &[visible_count]).map(Some),
            None => Ok(None),
        };
        let (data_mean, data_std) = (optional("data_mean")?, optional("data_std")?);
        let extra = reader.unknown_tensors();
        if !extra.is_empty() {
            notices.push(format!("{}: ignored {}", path.display(), extra.join(", ")));
        }
        let file = RbmFile {
            visible,
            visible_count,
            hidden_count,
            w,
            b,
            a,
            data_mean,
            data_std,
            metadata,
            notices,
        };
        file.check(path)?;
        Ok(file)
    }

    /// Writes the model, atomically. The same model gives the same bytes. Keys of `metadata` that
    /// belong to the format are overwritten with what the fields say.
    ///
    /// # Errors
    /// [`Error::File`], naming the tensor, for lengths that do not fit, values that are not finite
    /// and deviations of 0 or less: an older file then stays. [`Error::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.check(path)?;
        let tensors = self.tensors();
        let header =
            self.header(&tensors).map_err(|e| Error::file(path, "header", e.to_string()))?;
        atomic::write(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(&header)?;
            tensors.iter().try_for_each(|(_, _, values)| write_values(out, values))
        })
    }

    fn tensors(&self) -> Vec<(&'static str, Vec<usize>, &[f32])> {
        let (i, j) = (self.visible_count, self.hidden_count);
        let mut tensors =
            vec![("W", vec![i, j], &self.w[..]), ("b", vec![i], &self.b), ("a", vec![j], &self.a)];
        tensors.extend(self.data_mean.as_ref().map(|mean| ("data_mean", vec![i], &mean[..])));
        tensors.extend(self.data_std.as_ref().map(|std| ("data_std", vec![i], &std[..])));
        tensors
    }

    fn header(&self, tensors: &[(&str, Vec<usize>, &[f32])]) -> serde_json::Result<Vec<u8>> {
        let mut metadata = self.metadata.clone();
        metadata.insert(FORMAT_KEY.into(), FORMAT.into());
        metadata.insert(MODEL_KEY.into(), MODEL.into());
        metadata.insert(VISIBLE_KEY.into(), self.visible.to_string());
        header_bytes(&metadata, tensors)
    }

    fn check(&self, path: &Path) -> Result<()> {
        let fail =
            |name: &str, detail: String| Err(Error::file(path, format!("tensor {name}"), detail));
        for (name, shape, values) in self.tensors() {
            if shape.contains(&0) {
                return fail(name, format!("shape {shape:?}, expected one unit at least"));
            }
            if shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(values.len()) {
                return fail(name, format!("{} values, expected {shape:?}", values.len()));
            }
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let place = index_text(at, &shape);
                return fail(name, format!("the value at {place} is not a finite f32"));
            }
            if name == "data_std"
                && let Some(at) = values.iter().position(|&x| x <= 0.0)
            {
                let found = values[at];
                return fail(name, format!("the value at [{at}] is {found}, expected above 0"));
            }
        }
        Ok(())
    }
}

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

/// Where the value number `at` of a tensor stands.
pub(super) fn index_text(at: usize, shape: &[usize]) -> String {
    match *shape {
        [_, columns] if columns > 0 => format!("[{}, {}]", at / columns, at % columns),
        _ => format!("[{at}]"),
    }
}

/// Takes the format's own keys out of `metadata` and reads them.
fn visible_kind(
    path: &Path,
    metadata: &mut BTreeMap<String, String>,
    visible_override: Option<UnitKind>,
) -> Result<UnitKind> {
    let fail =
        |key: &str, detail: String| Err(Error::file(path, format!("metadata {key}"), detail));
    if let Some(format) = metadata.remove(FORMAT_KEY)
        && format != FORMAT
    {
        return fail(
            FORMAT_KEY,
            format!("format '{format}', this version reads '{FORMAT}'; use a newer harmonium"),
        );
    }
    if let Some(model) = metadata.remove(MODEL_KEY)
        && model != MODEL
    {
        let advice = match model.as_str() {
            "network" => "; `harmonium eval`, `predict` and `features` take networks",
            _ => "",
        };
        return fail(MODEL_KEY, format!("model '{model}', expected '{MODEL}'{advice}"));
    }
    let stored = match metadata.remove(VISIBLE_KEY).map(|text| (text.parse(), text)) {
        None => None,
        Some((Ok(kind), _)) => Some(kind),
        Some((Err(_), text)) => {
            return fail(VISIBLE_KEY, format!("'{text}', expected bernoulli or gaussian"));
        }
    };
    match (stored, visible_override) {
        (Some(stored), Some(asked)) if stored != asked => Err(Error::setting(
            "visible units",
            format!(
                "{asked} asked for, but {} says that its visible units are {stored}; leave the \
                 setting out",
                path.display()
            ),
        )),
        (stored, asked) => Ok(stored.or(asked).unwrap_or(UnitKind::Bernoulli)),
    }
}

/// A safetensors file whose header agrees with its size.
pub(super) struct Reader<'a> {
    path: &'a Path,
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

    pub(super) fn shape(&self, name: &str) -> Result<&[usize]> {
        match self.header.info(name) {
            Some(info) => Ok(&info.shape),
            None => {
                let detail = format!("missing; the file holds {}", self.names().join(", "));
                Err(Error::file(self.path, format!("tensor {name}"), detail))
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.header.offset_keys();
        names.sort();
        if names.is_empty() {
            names.push("no tensor".into());
        }
        names
    }

    fn unknown_tensors(&self) -> Vec<String> {
        let keys = self.header.offset_keys().into_iter();
        let mut unknown: Vec<_> = keys.filter(|key| !KNOWN.contains(&key.as_str())).collect();
        unknown.sort();
        unknown
    }

    /// Tools that store linear layers keep W as [J, I]: worth its own words.
    fn refuse_transposed(&self, visible: usize, hidden: usize) -> Result<()> {
        if visible != hidden && self.shape("b")? == [hidden] && self.shape("a")? == [visible] {
            let detail = format!(
                "shape [{visible}, {hidden}], expected [{hidden}, {visible}] from b [{hidden}] and a \
                 [{visible}]; store W with one row per visible unit"
            );
            return Err(Error::file(self.path, "tensor W", detail));
        }
        Ok(())
    }

    /// The values of a tensor as f32, in the file's order; finiteness is checked later.
    pub(super) fn tensor(
        &self,
        name: &str,
        expected: &[usize],
        notices: &mut Vec<String>,
    ) -> Result<Vec<f32>> {
        let fail = |detail: String| Err(Error::file(self.path, format!("tensor {name}"), detail));
        let shape = self.shape(name)?;
        if shape != expected {
            let w = self.header.info("W").map(|w| format!(" (W is {:?})", w.shape));
            return fail(format!(
                "shape {shape:?}, expected {expected:?}{}",
                w.unwrap_or_default()
            ));
        }
        let info = self.header.info(name);
        let view =
            info.and_then(|i| Some((i.dtype, self.data.get(i.data_offsets.0..i.data_offsets.1)?)));
        let Some((dtype, bytes)) = view else {
            return fail("its offsets lie outside the file".into());
        };
        // The bytes need not be aligned, so they are taken value by value.
        let values = match dtype {
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
        if dtype != Dtype::F32 {
            let path = self.path.display();
            notices.push(format!("{path}: tensor {name} converted from {dtype} to F32"));
        }
        Ok(values)
    }
}

pub(super) fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
}
