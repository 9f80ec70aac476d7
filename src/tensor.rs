//! Arrays on a device.

mod copies;
mod together;

pub(crate) use together::{house, pieces};

use crate::device::{Backend, Device, GpuBuffer, HostBuffer};
use crate::error::{Error, Result};
use crate::shape::Shape;

/// What a tensor's elements are. `U8` and `Bits` are rows of packed data, each row padded to whole
/// 4-byte words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floating point.
    F32,
    /// 32-bit unsigned integers.
    U32,
    /// Bytes, four to a word, the first lowest.
    U8,
    /// Bits, 32 to a word, the first lowest.
    Bits,
}

impl Element {
    /// Words of a row of `columns` elements.
    pub fn row_words(self, columns: usize) -> usize {
        match self {
            Element::F32 | Element::U32 => columns,
            Element::U8 => columns.div_ceil(4),
            Element::Bits => columns.div_ceil(32),
        }
    }
}

/// A shape and its storage on one device. A tensor owns its memory; [`Tensor::try_clone`] copies it.
///
/// ```
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let t = Tensor::from_f32(&device, &[2, 3], &[1., 2., 3., 4., 5., 6.])?;
/// assert_eq!(t.shape().dims(), [2, 3]);
/// assert_eq!(t.to_vec()?, [1., 2., 3., 4., 5., 6.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct Tensor {
    device: Device,
    shape: Shape,
    element: Element,
    storage: Storage,
}

/// 4-byte words of a tensor; matrices of packed elements are padded row by row.
fn words(dims: &[usize], element: Element) -> usize {
    match dims {
        [rows, columns] => rows * element.row_words(*columns),
        _ => element.row_words(dims.iter().product()),
    }
}

enum Storage {
    Host(HostBuffer),
    Gpu(GpuBuffer),
}

impl Tensor {
    /// A f32 tensor whose contents are arbitrary until a kernel has written it.
    ///
    /// # Errors
    /// [`Error::Shape`] past 2³¹ − 1 elements, [`Error::Limit`] past the device's largest binding,
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn for_output(device: &Device, dims: &[usize]) -> Result<Self> {
        Self::allocate(device, dims, Element::F32)
    }

    /// A u32 tensor whose contents are arbitrary until a kernel has written it.
    ///
    /// # Errors
    /// As [`Tensor::for_output`].
    pub fn for_indices(device: &Device, dims: &[usize]) -> Result<Self> {
        Self::allocate(device, dims, Element::U32)
    }

    fn allocate(device: &Device, dims: &[usize], element: Element) -> Result<Self> {
        let op = "allocate";
        let shape = Shape::checked(dims, op)?;
        let words = words(shape.dims(), element);
        let storage = match device.backend() {
            Backend::Cpu(cpu) => Storage::Host(cpu.allocate(op, words)?),
            Backend::Gpu(gpu) => Storage::Gpu(gpu.allocate(op, words as u64 * 4)?),
        };
        Ok(Tensor { device: device.clone(), shape, element, storage })
    }

    /// A f32 tensor of zeros.
    ///
    /// # Errors
    /// As [`Tensor::for_output`].
    pub fn zeros(device: &Device, dims: &[usize]) -> Result<Self> {
        let mut tensor = Self::for_output(device, dims)?;
        tensor.set_zero()?;
        Ok(tensor)
    }

    /// Sets every element to 0.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or a failed submission.
    pub fn set_zero(&mut self) -> Result<()> {
        match &mut self.storage {
            Storage::Host(host) => host.words_mut().fill(0),
            Storage::Gpu(buffer) => self.device.gpu_backend()?.clear(buffer)?,
        }
        Ok(())
    }

    /// Uploads f32 values.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of values is not the shape's, else as [`Tensor::for_output`].
    pub fn from_f32(device: &Device, dims: &[usize], values: &[f32]) -> Result<Self> {
        let mut tensor = Self::for_output(device, dims)?;
        tensor.upload(values)?;
        Ok(tensor)
    }

    /// Uploads u32 values.
    ///
    /// # Errors
    /// As [`Tensor::from_f32`].
    pub fn from_u32(device: &Device, dims: &[usize], values: &[u32]) -> Result<Self> {
        let mut tensor = Self::allocate(device, dims, Element::U32)?;
        tensor.check_len("upload", values.len())?;
        tensor.write_words(values)?;
        Ok(tensor)
    }

    /// Uploads rows of bytes, `[rows, columns]`.
    ///
    /// # Errors
    /// As [`Tensor::from_f32`].
    pub fn from_u8(device: &Device, dims: [usize; 2], values: &[u8]) -> Result<Self> {
        Self::from_packed(device, dims, Element::U8, values, |row, words| {
            for (i, &value) in row.iter().enumerate() {
                words[i / 4] |= u32::from(value) << (8 * (i % 4));
            }
        })
    }

    /// Uploads rows of bits, `[rows, columns]`; a value other than 0 is a 1.
    ///
    /// # Errors
    /// As [`Tensor::from_f32`].
    pub fn from_bits(device: &Device, dims: [usize; 2], values: &[u8]) -> Result<Self> {
        Self::from_packed(device, dims, Element::Bits, values, |row, words| {
            for (i, &value) in row.iter().enumerate() {
                words[i / 32] |= u32::from(value != 0) << (i % 32);
            }
        })
    }

    fn from_packed(
        device: &Device,
        dims: [usize; 2],
        element: Element,
        values: &[u8],
        pack: impl Fn(&[u8], &mut [u32]),
    ) -> Result<Self> {
        let mut tensor = Self::allocate(device, &dims, element)?;
        tensor.check_len("upload", values.len())?;
        let row_words = element.row_words(dims[1]);
        let mut words = vec![0u32; row_words * dims[0]];
        if dims[1] > 0 {
            for (row, words) in values.chunks(dims[1]).zip(words.chunks_mut(row_words)) {
                pack(row, words);
            }
        }
        tensor.write_words(&words)?;
        Ok(tensor)
    }

    /// Overwrites the contents, in order with the kernels called before.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of values is not the tensor's or its elements are not f32.
    pub fn upload(&mut self, values: &[f32]) -> Result<()> {
        self.check_len("upload", values.len())?;
        self.require("upload", "the tensor", Element::F32)?;
        self.write_words(bytemuck::must_cast_slice(values))
    }

    fn write_words(&mut self, words: &[u32]) -> Result<()> {
        match &mut self.storage {
            Storage::Host(host) => host.words_mut().copy_from_slice(words),
            Storage::Gpu(buffer) => {
                let gpu = self.device.gpu_backend()?;
                gpu.upload(buffer, bytemuck::must_cast_slice(words))?;
            }
        }
        Ok(())
    }

    fn check_len(&self, op: &'static str, found: usize) -> Result<()> {
        if found == self.shape.len() {
            return Ok(());
        }
        Err(Error::shape(
            op,
            format!("{found} values for shape {}, which has {}", self.shape, self.shape.len()),
        ))
    }

    /// The values on the host; waits for what they depend on. Needs f32 elements.
    ///
    /// # Errors
    /// [`Error::Poisoned`] where the operation that should have written the tensor failed,
    /// [`Error::DeviceLost`], [`Error::Shape`] for other elements; [`Error::Device`] of a GPU in a browser, which knows
    /// the asynchronous form alone.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        self.require("read", "the tensor", Element::F32)?;
        Ok(bytemuck::allocation::cast_vec(self.to_words()?))
    }

    /// As [`Tensor::to_vec`], for asynchronous callers: the thread is free while the device works.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`].
    pub async fn to_vec_async(&self) -> Result<Vec<f32>> {
        self.require("read", "the tensor", Element::F32)?;
        Ok(bytemuck::allocation::cast_vec(self.to_words_async().await?))
    }

    /// The values of a u32 tensor on the host, or the packed words of any other.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`].
    pub fn to_words(&self) -> Result<Vec<u32>> {
        match &self.storage {
            Storage::Host(host) => Ok(host.words().to_vec()),
            Storage::Gpu(buffer) => {
                let bytes = self.device.gpu_backend()?.read(buffer, self.bytes())?;
                Ok(bytemuck::pod_collect_to_vec(&bytes))
            }
        }
    }

    /// As [`Tensor::to_words`], for asynchronous callers.
    ///
    /// # Errors
    /// As [`Tensor::to_vec`].
    pub async fn to_words_async(&self) -> Result<Vec<u32>> {
        match &self.storage {
            Storage::Host(host) => Ok(host.words().to_vec()),
            Storage::Gpu(buffer) => {
                let gpu = self.device.gpu_backend()?;
                let bytes = gpu.read_async(buffer, self.bytes()).await?;
                Ok(bytemuck::pod_collect_to_vec(&bytes))
            }
        }
    }

    /// The part of a wgpu buffer that is a tensor's on a GPU, after all that is recorded has been submitted: what the program
    /// submits to the same queue afterwards sees the tensor's values. `None` on the CPU.
    ///
    /// The elements lie row by row from byte `offset` on, a multiple of 256, in little-endian words of 4 bytes: f32
    /// and u32 one each; of packed elements each row begins a new word, the first element lowest. The offset is 0 but
    /// for what a learner trains: its parameters share a buffer. `size` is that of the elements, rounded up to 16; the
    /// buffer may go on behind them. Its usages are `STORAGE`, `COPY_SRC` and `COPY_DST`.
    ///
    /// The buffer is the tensor's only as long as the tensor lives, hence the borrow: then it goes back to a
    /// pool and becomes another's. So submit what uses it before the tensor is dropped. A program that
    /// writes to it does so between two calls of harmonium, by a submission to the device's own queue;
    /// `queue.write_buffer` counts as one, and goes before what harmonium records later.
    ///
    /// # Errors
    /// [`Error::Poisoned`], [`Error::DeviceLost`], or the failed submission's error.
    pub fn wgpu_buffer(&self) -> Result<Option<wgpu::BufferBinding<'_>>> {
        match &self.storage {
            Storage::Host(_) => Ok(None),
            Storage::Gpu(buffer) => self.device.gpu_backend()?.share(buffer).map(Some),
        }
    }

    /// Bytes of the elements.
    fn bytes(&self) -> u64 {
        words(self.shape.dims(), self.element) as u64 * 4
    }

    /// The same elements under another shape of as many elements.
    ///
    /// # Errors
    /// [`Error::Shape`] where the numbers differ, or the elements are packed.
    pub fn reshape(mut self, dims: &[usize]) -> Result<Self> {
        let shape = Shape::checked(dims, "reshape")?;
        let packed = matches!(self.element, Element::U8 | Element::Bits);
        if shape.len() != self.shape.len() || packed {
            return Err(Error::shape("reshape", format!("{self:?} cannot become {shape}")));
        }
        self.shape = shape;
        Ok(self)
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What the elements are.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Checks the element type.
    pub(crate) fn require(&self, op: &'static str, name: &str, element: Element) -> Result<()> {
        if self.element == element {
            return Ok(());
        }
        Err(Error::shape(
            op,
            format!("{name} has {:?} elements, expected {element:?}", self.element),
        ))
    }

    /// The words of a tensor on the CPU.
    pub(crate) fn host(&self) -> Result<&HostBuffer> {
        match &self.storage {
            Storage::Host(host) => Ok(host),
            Storage::Gpu(_) => Err(self.misplaced()),
        }
    }

    pub(crate) fn host_mut(&mut self) -> Result<&mut HostBuffer> {
        match self.storage {
            Storage::Host(ref mut host) => Ok(host),
            Storage::Gpu(_) => Err(Error::shape("kernel", "a tensor on a GPU, expected the CPU")),
        }
    }

    /// The buffer of a tensor on a GPU.
    pub(crate) fn gpu(&self) -> Result<&GpuBuffer> {
        match &self.storage {
            Storage::Gpu(buffer) => Ok(buffer),
            Storage::Host(_) => Err(self.misplaced()),
        }
    }

    fn misplaced(&self) -> Error {
        Error::shape(
            "kernel",
            format!("a tensor on {}, expected another device", self.device.info()),
        )
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {} on {}", self.element, self.shape, self.device.info())
    }
}
