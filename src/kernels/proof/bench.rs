//! The frame of a kernel's bench cases; who measures is the caller's business.

use crate::device::Device;
use crate::error::Result;
use crate::kernels::sample;
use crate::random::Draw;
use crate::tensor::Tensor;

/// Takes a case's name, what one call does (FLOP, connections or elements), and the call.
pub type Measure<'a> = dyn FnMut(&str, usize, &mut dyn FnMut() -> Result<()>) -> Result<()> + 'a;

/// A device, random data, and somebody who measures.
pub struct Bench<'a> {
    /// Where the tensors of the cases live.
    pub device: &'a Device,
    names: bool,
    measure: &'a mut Measure<'a>,
}

crate::error::opaque!(Bench<'_>);

impl<'a> Bench<'a> {
    /// Work of a case that fills a large GPU, and that others take seconds or minutes for.
    pub const HUGE: usize = 1 << 37;

    /// Cases on `device`, each handed to `measure`.
    pub fn new(device: &'a Device, measure: &'a mut Measure<'a>) -> Self {
        Bench { device, names: false, measure }
    }

    /// The same for the names alone: calls would compute with zeros.
    pub fn names(device: &'a Device, measure: &'a mut Measure<'a>) -> Self {
        Bench { device, names: true, measure }
    }

    /// Uniform numbers in [0, 1), another set for every `stream`.
    pub fn random(&self, dims: &[usize], stream: u16) -> Result<Tensor> {
        let count: usize = dims.iter().product();
        let rows = dims.first().map_or(1, |&n| n.max(1));
        let mut tensor = Tensor::for_output(self.device, &[rows, count / rows])?;
        if !self.names {
            sample::uniform(&Draw::new(1, stream), &mut tensor)?;
        }
        tensor.reshape(dims)
    }

    /// A tensor whose contents the kernel overwrites.
    pub fn output(&self, dims: &[usize]) -> Result<Tensor> {
        Tensor::for_output(self.device, dims)
    }

    /// One case.
    pub fn case(
        &mut self,
        name: &str,
        work: usize,
        mut call: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        (self.measure)(name, work, &mut call)
    }
}
