//! Parameters one after another in one flat tensor: what changes all of them is one dispatch, not one for each.

use std::borrow::Borrow;
use std::ops::Range;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Where each of a model's tensors lies in a flat one, in order and without gaps. Values are packed and unpacked by
/// copies on the device, recorded and not waited for; every bit stays.
///
/// ```
/// use harmonium::training::Arena;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let weight = Tensor::from_f32(&device, &[2, 2], &[1., 2., 3., 4.])?;
/// let bias = Tensor::from_f32(&device, &[2], &[5., 6.])?;
/// let arena = Arena::of([&weight, &bias]);
/// let mut flat = arena.tensor(&device)?;
/// arena.pack([&weight, &bias], &mut flat)?;
/// assert_eq!(flat.to_vec()?, [1., 2., 3., 4., 5., 6.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    parts: Vec<Range<usize>>,
}

impl Arena {
    /// The places of tensors like these.
    pub fn of<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Self {
        let mut end = 0;
        let part = |tensor: &Tensor| {
            let start = end;
            end += tensor.shape().len();
            start..end
        };
        Arena { parts: tensors.into_iter().map(part).collect() }
    }

    /// How many numbers there are in all.
    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.end)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements of each tensor, in order.
    pub fn parts(&self) -> &[Range<usize>] {
        &self.parts
    }

    /// A flat tensor `[len]` of arbitrary contents.
    ///
    /// # Errors
    /// As [`Tensor::for_output`].
    pub fn tensor(&self, device: &Device) -> Result<Tensor> {
        Tensor::for_output(device, &[self.len()])
    }

    /// Copies `tensors` into their places of `flat`.
    ///
    /// # Errors
    /// [`Error::Shape`] where they are not as many or not as large as those of [`Arena::of`], or `flat` is not
    /// `[len]`; those of [`Tensor::copy_part`].
    pub fn pack<'a>(
        &self,
        tensors: impl IntoIterator<Item = &'a Tensor>,
        flat: &mut Tensor,
    ) -> Result<()> {
        self.check(flat)?;
        let mut tensors = tensors.into_iter();
        for part in &self.parts {
            let tensor = self.fitting(tensors.next(), part)?;
            flat.copy_part(part.start, tensor, 0..part.len())?;
        }
        self.no_more(tensors.next().is_some())
    }

    /// Copies the places of `flat` into `tensors`.
    ///
    /// # Errors
    /// As [`Arena::pack`].
    pub fn unpack<'a>(
        &self,
        flat: &Tensor,
        tensors: impl IntoIterator<Item = &'a mut Tensor>,
    ) -> Result<()> {
        self.check(flat)?;
        let mut tensors = tensors.into_iter();
        for part in &self.parts {
            let tensor = self.fitting(tensors.next(), part)?;
            tensor.copy_part(0, flat, part.clone())?;
        }
        self.no_more(tensors.next().is_some())
    }

    fn check(&self, flat: &Tensor) -> Result<()> {
        match flat.shape().dims() == [self.len()] {
            true => Ok(()),
            false => {
                let detail =
                    format!("the flat tensor is {}, expected [{}]", flat.shape(), self.len());
                Err(Error::shape("arena", detail))
            }
        }
    }

    fn fitting<T: Borrow<Tensor>>(&self, tensor: Option<T>, part: &Range<usize>) -> Result<T> {
        let Some(tensor) = tensor else {
            let detail = format!("there are fewer tensors than the {} places", self.parts.len());
            return Err(Error::shape("arena", detail));
        };
        let found = tensor.borrow().shape();
        if found.len() != part.len() {
            let detail = format!("a tensor is {found}, and its place has {} elements", part.len());
            return Err(Error::shape("arena", detail));
        }
        Ok(tensor)
    }

    fn no_more(&self, more: bool) -> Result<()> {
        match more {
            false => Ok(()),
            true => {
                let detail = format!("there are more tensors than the {} places", self.parts.len());
                Err(Error::shape("arena", detail))
            }
        }
    }
}
