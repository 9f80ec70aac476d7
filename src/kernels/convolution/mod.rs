//! What the three convolution kernels share: the geometry, checked once, and the CPU path's pieces.

pub(super) mod patches;
pub mod proof;
pub(super) mod shader;
pub(super) mod shifted;

use std::borrow::Cow;
use std::ops::Range;

use self::shifted::Shifted;
use super::expect;
use crate::device::Cost;
use crate::error::{Error, Result};
use crate::shape::Window;
use crate::tensor::{Element, Tensor};

/// How a kernel slides over a picture. Sizes are [height, width].
#[derive(Debug, Clone, Copy)]
pub struct Convolution<'a> {
    /// Pixels from one output to the next.
    pub stride: [usize; 2],
    /// Zeros added on each side.
    pub padding: [usize; 2],
    /// Pixels between neighbouring elements of the kernel.
    pub dilation: [usize; 2],
    /// Input and output channels fall into as many groups, each convolved by itself.
    pub groups: usize,
    /// Which output channels see which input channels, u32 `[O, C / groups]`: where it holds 0, the kernel
    /// counts as 0 and its gradient is 0, whatever is stored there. LeNet-5's C3 has such a table.
    pub connections: Option<&'a Tensor>,
}

impl Default for Convolution<'_> {
    /// Stride 1, no padding, dilation 1, one group, everything connected.
    fn default() -> Self {
        Convolution {
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
            connections: None,
        }
    }
}

/// The sizes of one convolution. Those of pictures are [height, width].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub groups: usize,
    pub image: [usize; 2],
    pub positions: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
}

/// The tensors of one call, by their roles: x `[B, C, H, W]`, kernel `[O, C / groups, KH, KW]`, y
/// `[B, O, H', W']`, or the gradients that have their shapes, each with its name.
pub(crate) struct Roles<'a> {
    pub x: (&'static str, &'a Tensor),
    pub kernel: (&'static str, &'a Tensor),
    pub y: (&'static str, &'a Tensor),
    pub bias: Option<(&'static str, &'a Tensor)>,
}

impl Geometry {
    /// Checks everything about a call but aliasing.
    pub fn new(op: &'static str, roles: &Roles<'_>, options: &Convolution<'_>) -> Result<Self> {
        let device = roles.x.1.device();
        for (name, t) in [roles.x, roles.kernel, roles.y] {
            device.require_same(op, t.device())?;
            t.require(op, name, Element::F32)?;
        }
        let [batch, inputs, height, width] = roles.x.1.shape().pictures(op, roles.x.0)?;
        let (name, kernel) = roles.kernel;
        let [outputs, in_group, kh, kw] = match *kernel.shape().dims() {
            [o, c, h, w] => [o, c, h, w],
            _ => {
                let found = kernel.shape();
                return Err(Error::shape(
                    op,
                    format!(
                        "{name} is {found}, expected [outputs, channels / groups, height, width]"
                    ),
                ));
            }
        };
        let groups = options.groups;
        if groups == 0 {
            return Err(Error::shape(op, "0 groups; use at least 1"));
        }
        for (what, count) in [("input", inputs), ("output", outputs)] {
            if count % groups != 0 {
                return Err(Error::shape(
                    op,
                    format!(
                        "{count} {what} channels do not fall into {groups} groups; use a divisor of \
                         {count}"
                    ),
                ));
            }
        }
        if in_group != inputs / groups {
            return Err(Error::shape(
                op,
                format!(
                    "{} {} has {inputs} channels in {groups} groups, so {} a group, but {name} {} takes \
                     {in_group}; correct the kernel's second size or the groups",
                    roles.x.0,
                    roles.x.1.shape(),
                    inputs / groups,
                    kernel.shape(),
                ),
            ));
        }
        let (image, sides) = ([height, width], [kh, kw]);
        let mut positions = [0; 2];
        for (axis, name) in ["height", "width"].into_iter().enumerate() {
            let window = Window {
                size: sides[axis],
                stride: options.stride[axis],
                padding: options.padding[axis],
                dilation: options.dilation[axis],
            };
            positions[axis] = window.positions(op, name, image[axis], false)?;
            if image[axis] + 2 * options.padding[axis] > i32::MAX as usize {
                let text = format!("a padding of {} is too large", options.padding[axis]);
                return Err(Error::shape(op, text));
            }
        }
        expect_exactly(op, roles.y, [batch, outputs, positions[0], positions[1]])?;
        if let Some((name, bias)) = roles.bias {
            expect(op, name, bias, device, &[outputs])?;
        }
        if let Some(table) = options.connections {
            device.require_same(op, table.device())?;
            table.require(op, "the table of connections", Element::U32)?;
            if table.shape().dims() != [outputs, in_group] {
                return Err(Error::shape(
                    op,
                    format!(
                        "the table of connections is {}, expected [{outputs}, {in_group}], outputs by \
                         input channels of a group",
                        table.shape()
                    ),
                ));
            }
        }
        // Past these sizes there is one position, which neither stride nor dilation moves.
        let bounded = |sizes: [usize; 2]| sizes.map(|n| n.min(i32::MAX as usize));
        Ok(Geometry {
            batch,
            inputs,
            outputs,
            groups,
            image,
            positions,
            kernel: sides,
            stride: bounded(options.stride),
            padding: options.padding,
            dilation: bounded(options.dilation),
        })
    }

    /// Input channels of a group.
    pub fn in_group(&self) -> usize {
        self.inputs / self.groups
    }

    /// Output channels of a group.
    pub fn out_group(&self) -> usize {
        self.outputs / self.groups
    }

    /// Values under a kernel: those of one output channel's kernel.
    pub fn patch(&self) -> usize {
        self.in_group() * self.taps()
    }

    /// Values of one channel's kernel.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Pixels of an input channel.
    pub fn pixels(&self) -> usize {
        self.image[0] * self.image[1]
    }

    /// Pixels of an output channel.
    pub fn places(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Whether the kernel covers the whole image at its only position: then the images themselves are
    /// the patches.
    pub fn covers(&self) -> bool {
        self.kernel == self.image && self.padding == [0, 0] && self.dilation == [1, 1]
    }

    /// The arithmetic of any of the three kernels, and their traffic.
    pub fn cost(&self) -> Cost {
        let count = |sizes: &[usize]| sizes.iter().map(|&n| n as u64).product::<u64>();
        let products = count(&[self.batch, self.outputs, self.places(), self.patch()]);
        let values = count(&[self.batch, self.inputs, self.pixels()])
            + count(&[self.batch, self.outputs, self.places()])
            + count(&[self.outputs, self.patch()]);
        Cost { flops: 2 * products, bytes: 4 * values }
    }

    /// The call cut into pieces whose patches stay in a core's cache, or where none are written their outputs. It
    /// depends on the sizes alone, so that sums over pieces are the same on any number of threads.
    pub fn pieces(&self, shifted: Option<&Shifted>) -> Vec<Piece> {
        /// Patch values of a piece: 256 KiB.
        const PATCHES: usize = 1 << 16;
        /// Outputs of a piece: 64 KiB.
        const OUTPUTS: usize = 1 << 14;
        let share = match shifted {
            Some(shifted) => OUTPUTS / (self.out_group() * shifted.width).max(1),
            None => PATCHES / (self.patch() * self.positions[1]).max(1),
        };
        let places = self.places().max(1);
        let [rows, columns] = self.positions;
        if places < FEW_PLACES {
            let images = FEW_PLACES.div_ceil(places);
            let whole = |first: usize| first..(first + images).min(self.batch);
            let starts = (0..self.batch).step_by(images);
            return starts.map(|b| Piece { images: whole(b), rows: 0..rows }).collect();
        }
        let share = share.max(FEW_PLACES.div_ceil(columns.max(1))).clamp(1, rows.max(1));
        let cut = |image: usize| {
            let starts = (0..rows).step_by(share);
            starts.map(move |r| Piece { images: image..image + 1, rows: r..(r + share).min(rows) })
        };
        (0..self.batch).flat_map(cut).collect()
    }
}

/// Places of an image below which several images share a product.
const FEW_PLACES: usize = 64;

/// Some images whole, or some output rows of one image.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

impl Piece {
    /// Output pixels of a channel in one image of the piece.
    pub fn places(&self, g: &Geometry) -> usize {
        self.rows.len() * g.positions[1]
    }

    /// From one row of its patch matrix to the next: whole vectors of any processor, since a product packs columns that
    /// are not.
    pub fn stride(&self, g: &Geometry) -> usize {
        self.columns(g).next_multiple_of(16)
    }

    /// Columns of its patch matrix.
    pub fn columns(&self, g: &Geometry) -> usize {
        self.images.len() * self.places(g)
    }
}

/// The dimensions themselves: nothing of size 1 is left out.
fn expect_exactly(op: &'static str, (name, t): (&str, &Tensor), dims: [usize; 4]) -> Result<()> {
    if t.shape().dims() == dims {
        return Ok(());
    }
    Err(Error::shape(op, format!("{name} is {}, expected {dims:?}", t.shape())))
}

/// The kernel with zeros wherever the table has one.
pub(crate) fn masked<'a>(
    kernel: &'a [f32],
    connections: Option<&Tensor>,
    taps: usize,
) -> Result<Cow<'a, [f32]>> {
    let Some(table) = connections else { return Ok(kernel.into()) };
    let mut copy = kernel.to_vec();
    mask(&mut copy, table.host()?.words(), taps);
    Ok(copy.into())
}

/// Sets to 0 what the table does not connect.
pub(crate) fn mask(kernel: &mut [f32], table: &[u32], taps: usize) {
    let channels = kernel.chunks_mut(taps.max(1)).zip(table);
    channels.filter(|(_, connected)| **connected == 0).for_each(|(channel, _)| channel.fill(0.0));
}
