//! Convolutions of stride 1 read patches where they lie: what neighbouring places see under one tap are neighbouring pixels, so
//! that a row of the patch matrix is the picture itself, from that tap's pixel on.

use super::patches::copy;
use super::{Geometry, Piece};

/// The rows of a group's patch matrix within its channels, which have their padding around them.
pub(crate) struct Shifted {
    /// Pixels of a row, and of a channel.
    pub width: usize,
    pixels: usize,
    /// Where the row of each channel and tap begins.
    pub begins: Vec<usize>,
}

impl Geometry {
    /// Height and width of a picture with its padding.
    fn padded(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.image[axis] + 2 * self.padding[axis])
    }

    /// Whether patches are worth reading so: places are then counted along whole rows of the picture, and what lies between
    /// their rows is computed in vain.
    fn is_shifted(&self) -> bool {
        let little_in_vain = 4 * self.padded()[1] <= 7 * self.positions[1];
        self.stride == [1, 1]
            && self.places() >= super::FEW_PLACES
            && little_in_vain
            && !self.is_pointwise()
            && !self.covers()
    }

    /// Of a convolution whose patches are worth reading so.
    pub fn shifted(&self) -> Option<Shifted> {
        if !self.is_shifted() {
            return None;
        }
        let [height, width] = self.padded();
        let pixels = height * width;
        let begin = |row: usize| {
            let (channel, tap) = (row / self.taps(), row % self.taps());
            let [down, across] = [tap / self.kernel[1], tap % self.kernel[1]];
            channel * pixels + down * self.dilation[0] * width + across * self.dilation[1]
        };
        Some(Shifted { width, pixels, begins: (0..self.patch()).map(begin).collect() })
    }

    /// The convolution that makes dx of dy, whose kernels are these turned round ([`Geometry::turned_kernels`]), where it is worth
    /// more than to compute patches and to add each to the pixels that it came from.
    pub fn turned(&self) -> Option<Geometry> {
        /// Channels that fill enough of a tile.
        const ENOUGH: usize = 4;
        let reach = [0, 1].map(|axis| (self.kernel[axis] - 1) * self.dilation[axis]);
        if self.in_group() < ENOUGH || self.padding[0] > reach[0] || self.padding[1] > reach[1] {
            return None;
        }
        let turned = Geometry {
            inputs: self.outputs,
            outputs: self.inputs,
            image: self.positions,
            positions: self.image,
            padding: [0, 1].map(|axis| reach[axis] - self.padding[axis]),
            ..*self
        };
        // Padding is multiplied too: up to 2.75 times the products measured faster.
        let products = self.image[0] * turned.padded()[1];
        let few = 4 * products <= 11 * self.places();
        (few && turned.is_shifted()).then_some(turned)
    }

    /// Kernels `[O, C / groups, KH, KW]` as those of [`Geometry::turned`], `[C, O / groups, KH, KW]`, each back to front.
    pub fn turned_kernels(&self, kernels: &[f32]) -> Vec<f32> {
        let (patch, taps, out_group) = (self.patch(), self.taps(), self.out_group());
        let mut turned = Vec::with_capacity(kernels.len());
        for group in kernels.chunks_exact(out_group * patch) {
            for channel in 0..self.in_group() {
                for of_output in group.chunks_exact(patch) {
                    turned.extend(of_output[channel * taps..][..taps].iter().rev());
                }
            }
        }
        turned
    }
}

impl Shifted {
    /// From the first to the last place of some rows, along the picture's rows.
    pub fn columns(&self, g: &Geometry, piece: &Piece) -> usize {
        (piece.rows.len() - 1) * self.width + g.positions[1]
    }

    /// Numbers behind a picture that vectors may read: a vector's.
    const PAST: usize = 16;

    /// Room that [`Shifted::picture`] wants.
    pub fn room(&self, g: &Geometry) -> usize {
        g.in_group() * self.pixels + Self::PAST
    }

    /// The piece's image from the first place's row on, its channels `pixels` apart, with 16 more numbers at the end:
    /// borrowed from x where it has no padding and is not the last one.
    pub fn picture<'a>(
        &self,
        g: &Geometry,
        x: &'a [f32],
        group: usize,
        piece: &Piece,
        scratch: &'a mut [f32],
    ) -> &'a [f32] {
        let above = piece.rows.start * self.width;
        let first = (piece.images.start * g.inputs + group * g.in_group()) * g.pixels();
        let padded = g.padding != [0, 0];
        if !padded && x.len() >= first + self.room(g) {
            return &x[first + above..];
        }
        let channels = x[first..][..g.in_group() * g.pixels()].chunks_exact(g.pixels());
        if padded {
            scratch.fill(0.0);
        }
        let (whole, past) = scratch.split_at_mut(g.in_group() * self.pixels);
        past.fill(0.0);
        for (to, channel) in whole.chunks_exact_mut(self.pixels).zip(channels) {
            let lines = to.chunks_exact_mut(self.width).skip(g.padding[0]);
            for (to, line) in lines.zip(channel.chunks_exact(g.image[1])) {
                copy(line, &mut to[g.padding[1]..][..line.len()]);
            }
        }
        &scratch[above..]
    }
}
