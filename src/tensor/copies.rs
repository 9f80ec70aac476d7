//! Copies of tensors, whole and in part, in order with the kernels called before.

use std::ops::Range;

use super::{Element, Storage, Tensor};
use crate::error::{Error, Result};

impl Tensor {
    /// A copy on the same device.
    ///
    /// # Errors
    /// As [`Tensor::for_output`], and [`Error::Poisoned`].
    pub fn try_clone(&self) -> Result<Self> {
        let mut copy = Self::allocate(&self.device, self.shape.dims(), self.element)?;
        copy.copy_from(self)?;
        Ok(copy)
    }

    /// Some rows of a matrix, on the same device.
    ///
    /// ```
    /// use harmonium::{Device, Tensor};
    /// let all = Tensor::from_f32(&Device::cpu(), &[3, 2], &[1., 2., 3., 4., 5., 6.])?;
    /// assert_eq!(all.rows(1..3)?.to_vec()?, [3., 4., 5., 6.]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::copy_part`]; [`Error::Shape`] where it is no matrix, or has not got these rows.
    pub fn rows(&self, rows: Range<usize>) -> Result<Self> {
        let [count, width] = self.shape.matrix("rows", "the tensor")?;
        if rows.start > rows.end || rows.end > count {
            let (start, end) = (rows.start, rows.end);
            let detail = format!("rows {start} to {end} of {}, which has not got them", self.shape);
            return Err(Error::shape("rows", detail));
        }
        let mut own = Self::allocate(&self.device, &[rows.len(), width], self.element)?;
        own.copy_part(0, self, rows.start * width..rows.end * width)?;
        Ok(own)
    }

    /// Overwrites the contents with those of a tensor of the same shape and elements on the same device.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`].
    pub fn copy_from(&mut self, from: &Tensor) -> Result<()> {
        self.device.require_same("copy", &from.device)?;
        if self.shape != from.shape || self.element != from.element {
            return Err(Error::shape("copy", format!("{from:?} into {self:?}")));
        }
        match (&mut self.storage, &from.storage) {
            (Storage::Host(to), Storage::Host(from)) => {
                to.words_mut().copy_from_slice(from.words());
            }
            (Storage::Gpu(to), Storage::Gpu(from)) => {
                self.device.gpu_backend()?.copy(from, to)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Overwrites the elements from number `at` on with the elements `part` of another tensor on the same device,
    /// both counted row by row, whatever the shapes; the other elements stay. It is recorded, not waited for.
    /// Elements are f32 or u32, the same in both. An empty part is no error.
    ///
    /// ```
    /// use harmonium::{Device, Tensor};
    /// let device = Device::cpu();
    /// let from = Tensor::from_f32(&device, &[2, 2], &[1., 2., 3., 4.])?;
    /// let mut to = Tensor::zeros(&device, &[5])?;
    /// to.copy_part(1, &from, 1..4)?;
    /// assert_eq!(to.to_vec()?, [0., 2., 3., 4., 0.]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where the part is not there, has no room, or the elements are packed or not the same;
    /// [`Error::DeviceMismatch`]; [`Error::Poisoned`], also where this tensor's own elements were never computed;
    /// [`Error::DeviceLost`].
    pub fn copy_part(&mut self, at: usize, from: &Tensor, part: Range<usize>) -> Result<()> {
        let op = "copy of a part";
        self.device.require_same(op, &from.device)?;
        let packed = matches!(self.element, Element::U8 | Element::Bits);
        if packed || self.element != from.element {
            let detail = format!("{from:?} into {self:?}: expected f32 or u32 elements in both");
            return Err(Error::shape(op, detail));
        }
        let Range { start, end } = part;
        if start > end || end > from.shape.len() {
            let detail =
                format!("elements {start} to {end} of {}, which has not got them", from.shape);
            return Err(Error::shape(op, detail));
        }
        let count = end - start;
        if at.checked_add(count).is_none_or(|end| end > self.shape.len()) {
            let detail =
                format!("{} has no room for {count} elements from element {at} on", self.shape);
            return Err(Error::shape(op, detail));
        }
        match (&mut self.storage, &from.storage) {
            (Storage::Host(to), Storage::Host(from)) => {
                to.words_mut()[at..at + count].copy_from_slice(&from.words()[start..end]);
            }
            (Storage::Gpu(to), Storage::Gpu(from)) => {
                let bytes = start as u64 * 4..end as u64 * 4;
                self.device.gpu_backend()?.copy_part(from, bytes, to, at as u64 * 4)?;
            }
            _ => {}
        }
        Ok(())
    }
}
