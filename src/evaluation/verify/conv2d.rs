//! The three convolution kernels against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, activation, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::conv2d::{Convolution, conv2d};
use crate::kernels::conv2d_grad_input::conv2d_grad_input;
use crate::kernels::conv2d_grad_kernel::conv2d_grad_kernel;
use crate::kernels::{Tiles, with_tiles};
use crate::shape::Window;
use crate::tensor::Tensor;

/// One call's sizes; those of pictures are [height, width].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// B.
    pub batch: usize,
    /// C and O.
    pub channels: [usize; 2],
    /// How many groups the channels fall into.
    pub groups: usize,
    /// H and W.
    pub image: [usize; 2],
    /// KH and KW.
    pub kernel: [usize; 2],
    /// Stride.
    pub stride: [usize; 2],
    /// Padding.
    pub padding: [usize; 2],
    /// Dilation.
    pub dilation: [usize; 2],
    /// With a table that leaves a third of the connections out.
    pub table: bool,
}

impl Form {
    /// Stride 1, no padding, no dilation, one group.
    pub const fn plain(
        batch: usize,
        channels: [usize; 2],
        image: [usize; 2],
        kernel: [usize; 2],
    ) -> Self {
        let (ones, zeros) = ([1, 1], [0, 0]);
        Form {
            batch,
            channels,
            groups: 1,
            image,
            kernel,
            stride: ones,
            padding: zeros,
            dilation: ones,
            table: false,
        }
    }

    /// x's dimensions.
    pub fn x(&self) -> [usize; 4] {
        [self.batch, self.channels[0], self.image[0], self.image[1]]
    }

    /// The kernel's dimensions.
    pub fn k(&self) -> [usize; 4] {
        [self.channels[1], self.channels[0] / self.groups, self.kernel[0], self.kernel[1]]
    }

    /// y's dimensions.
    ///
    /// # Errors
    /// Where the kernel does not fit the image.
    pub fn y(&self) -> Result<[usize; 4]> {
        let side = |axis: usize| {
            let window = Window {
                size: self.kernel[axis],
                stride: self.stride[axis],
                padding: self.padding[axis],
                dilation: self.dilation[axis],
            };
            window.positions("verify", "side", self.image[axis], false)
        };
        Ok([self.batch, self.channels[1], side(0)?, side(1)?])
    }

    /// The words of the table, u32 `[O, C / groups]`.
    pub fn connections(&self) -> Option<Vec<u32>> {
        let [outputs, inputs, ..] = self.k();
        let word = |i: usize| (i % 3) as u32;
        self.table.then(|| (0..outputs * inputs).map(|i| word(i + i / 7)).collect())
    }

    /// The call's options.
    pub fn options<'a>(&self, connections: Option<&'a Tensor>) -> Convolution<'a> {
        let Form { groups, stride, padding, dilation, .. } = *self;
        Convolution { stride, padding, dilation, groups, connections }
    }

    fn table(&self, device: &Device) -> Result<Option<Tensor>> {
        let [outputs, inputs, ..] = self.k();
        let words = self.connections();
        words.map(|words| Tensor::from_u32(device, &[outputs, inputs], &words)).transpose()
    }

    /// Calls `each` with the places in x, the kernel and y of every product of the sum, but those with
    /// the padding's zeros and those that the table leaves out.
    ///
    /// # Errors
    /// As [`Form::y`].
    pub fn each_product(&self, mut each: impl FnMut(usize, usize, usize)) -> Result<()> {
        let ([_, c, h, w], [o, cg, kh, kw], [b, _, oh, ow]) = (self.x(), self.k(), self.y()?);
        let table = self.connections();
        let seen = |axis: usize, place: usize, tap: usize| {
            let at = place * self.stride[axis] + tap * self.dilation[axis];
            at.checked_sub(self.padding[axis]).filter(|&i| i < self.image[axis])
        };
        for (yi, ki) in (0..b * o * oh * ow).flat_map(|y| (0..cg * kh * kw).map(move |k| (y, k))) {
            let (image, out, row, column) =
                (yi / (o * oh * ow), yi / (oh * ow) % o, yi / ow % oh, yi % ow);
            let channel = ki / (kh * kw);
            if table.as_ref().is_some_and(|t| t[out * cg + channel] == 0) {
                continue;
            }
            let (y, x) = (seen(0, row, ki / kw % kh), seen(1, column, ki % kw));
            if let (Some(y), Some(x)) = (y, x) {
                let channel = out / (o / self.groups) * cg + channel;
                each(((image * c + channel) * h + y) * w + x, out * cg * kh * kw + ki, yi);
            }
        }
        Ok(())
    }
}
