//! State as arrays with names: one visitor serves checkpoints, model files, counting and checking.
//!
//! A model or a learner names its arrays in one place, [`Model::visit`] for a model; what is done with them is the
//! [`Visit`]'s: they are read, written, copied or counted. A new kind of model thereby has checkpoints and files.

use std::collections::BTreeMap;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// An array of f32 on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostArray {
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

impl HostArray {
    /// Reads a tensor; waits for what is recorded.
    ///
    /// # Errors
    /// Device errors.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        Ok(HostArray { shape: tensor.shape().dims().into(), values: tensor.to_vec()? })
    }
}

/// Arrays by name.
pub type Arrays = BTreeMap<String, HostArray>;

/// A model that a file can hold.
pub trait Model {
    /// Its kind, as `harmonium.model` of a file says it: `rbm`, `network`.
    fn kind(&self) -> &'static str;

    /// What it takes to build it again besides its arrays, as a file's metadata.
    fn description(&self) -> BTreeMap<String, String>;

    /// Shows every array that is trained, by name.
    ///
    /// # Errors
    /// Those of the visit.
    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()>;
}

/// What looks at arrays one after another.
pub struct Visit<'a>(Mode<'a>);

crate::error::opaque!(Visit<'_>);

enum Mode<'a> {
    Each(&'a mut dyn FnMut(&str, &mut Tensor) -> Result<()>),
    /// The arrays, and how many were used.
    Write(&'a Arrays, usize),
    /// Copies on the device, which take the arrays' places.
    PutBack(BTreeMap<String, Tensor>),
}

impl<'a> Visit<'a> {
    /// Calls `f` for each array that there is.
    pub fn each(f: &'a mut dyn FnMut(&str, &mut Tensor) -> Result<()>) -> Self {
        Visit(Mode::Each(f))
    }

    /// Whether it looks at what there is, and does not replace it.
    pub fn reads(&self) -> bool {
        matches!(self.0, Mode::Each(_))
    }

    /// An array that there always is.
    ///
    /// # Errors
    /// [`Error::Run`] where what is to be written lacks it or has another shape; device errors.
    pub fn array(&mut self, name: &str, tensor: &mut Tensor) -> Result<()> {
        match &mut self.0 {
            Mode::Each(f) => f(name, tensor),
            Mode::PutBack(copies) => {
                match copies.remove(name) {
                    // It stays where it lies, beside others.
                    Some(copy) if copy.shape() == tensor.shape() => tensor.copy_from(&copy),
                    Some(copy) => {
                        *tensor = copy;
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
            Mode::Write(arrays, used) => {
                let Some(array) = arrays.get(name) else {
                    let detail = format!("it has no array {name}, which is needed here");
                    return Err(Error::run("training state", detail));
                };
                if array.shape != tensor.shape().dims() {
                    let (found, expected) = (&array.shape, tensor.shape());
                    let detail = format!("{name} has the shape {found:?}, expected {expected}");
                    return Err(Error::run("training state", detail));
                }
                *used += 1;
                tensor.upload(&array.values)
            }
        }
    }

    /// An array that there may be: what is written decides whether there is, in the shape that it has there.
    ///
    /// # Errors
    /// Device errors.
    pub fn optional(
        &mut self,
        name: &str,
        device: &Device,
        tensor: &mut Option<Tensor>,
    ) -> Result<()> {
        match &self.0 {
            Mode::Each(_) => {}
            Mode::Write(arrays, _) => {
                *tensor = match arrays.get(name) {
                    Some(array) => Some(Tensor::zeros(device, &array.shape)?),
                    None => None,
                };
            }
            Mode::PutBack(copies) => *tensor = tensor.take().filter(|_| copies.contains_key(name)),
        }
        match tensor {
            Some(tensor) => self.array(name, tensor),
            None => Ok(()),
        }
    }
}

/// Reads what `visit` shows from the device.
///
/// # Errors
/// Device errors.
pub fn read(visit: impl FnOnce(&mut Visit<'_>) -> Result<()>) -> Result<Arrays> {
    let mut arrays = Arrays::new();
    let mut read = |name: &str, tensor: &mut Tensor| {
        arrays.insert(name.into(), HostArray::of(tensor)?);
        Ok(())
    };
    visit(&mut Visit::each(&mut read))?;
    Ok(arrays)
}

/// As [`read`], for asynchronous callers: what `visit` shows is copied on the device, and the copies are read.
///
/// # Errors
/// [`Error::OutOfMemory`]; device errors.
pub async fn read_async(visit: impl FnOnce(&mut Visit<'_>) -> Result<()>) -> Result<Arrays> {
    let mut arrays = Arrays::new();
    for (name, tensor) in copies(visit)? {
        let shape = tensor.shape().dims().into();
        arrays.insert(name, HostArray { shape, values: tensor.to_vec_async().await? });
    }
    Ok(arrays)
}

/// Writes arrays to the device: all that `visit` shows, and no others.
///
/// # Errors
/// [`Error::Run`] where an array is missing, is one too many, or has another shape: some are written then, and
/// what was visited is not to be used further. Device errors.
pub fn write(arrays: &Arrays, visit: impl FnOnce(&mut Visit<'_>) -> Result<()>) -> Result<()> {
    let mut writing = Visit(Mode::Write(arrays, 0));
    visit(&mut writing)?;
    if let Visit(Mode::Write(_, used)) = writing
        && used != arrays.len()
    {
        let names: Vec<&str> = arrays.keys().map(String::as_str).collect();
        let detail = format!("it holds {}, more than is used here", names.join(", "));
        return Err(Error::run("training state", detail));
    }
    Ok(())
}

/// The first array, by name, that holds what is not finite: such a state is worth nothing.
pub fn first_not_finite(arrays: &Arrays) -> Option<&str> {
    let broken = |array: &HostArray| !array.values.iter().all(|x| x.is_finite());
    arrays.iter().find(|(_, array)| broken(array)).map(|(name, _)| name.as_str())
}

/// Copies of what `visit` shows, on its device.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn copies(
    visit: impl FnOnce(&mut Visit<'_>) -> Result<()>,
) -> Result<BTreeMap<String, Tensor>> {
    let mut copies = BTreeMap::new();
    let mut copy = |name: &str, tensor: &mut Tensor| {
        copies.insert(name.to_string(), tensor.try_clone()?);
        Ok(())
    };
    visit(&mut Visit::each(&mut copy))?;
    Ok(copies)
}

/// Puts copies back; what has come since goes.
pub(crate) fn put_back(
    copies: BTreeMap<String, Tensor>,
    visit: impl FnOnce(&mut Visit<'_>) -> Result<()>,
) -> Result<()> {
    visit(&mut Visit(Mode::PutBack(copies)))
}
