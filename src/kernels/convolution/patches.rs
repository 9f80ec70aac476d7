//! Patches of a picture as the columns of a matrix, and back: what makes a convolution a product.

use std::cell::RefCell;
use std::ops::Range;

use super::{Geometry, Piece};
use crate::device::Strided;

thread_local! {
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Two pieces of this thread's own memory, of arbitrary contents. It is kept from call to call, and
/// given back where a call wanted much more than another.
pub(crate) fn with_scratch<T>(
    sizes: [usize; 2],
    work: impl FnOnce(&mut [f32], &mut [f32]) -> T,
) -> T {
    /// Values to keep at most: 4 MiB.
    const KEPT: usize = 1 << 20;
    SCRATCH.with_borrow_mut(|buffers| {
        for (buffer, size) in buffers.iter_mut().zip(sizes) {
            if buffer.len() < size {
                buffer.resize(size, 0.0);
            }
        }
        let [first, second] = buffers;
        let result = work(&mut first[..sizes[0]], &mut second[..sizes[1]]);
        for buffer in buffers {
            if buffer.len() > KEPT {
                *buffer = Vec::new();
            }
        }
        result
    })
}

/// Along one axis, the outputs `lo..hi` whose window has its tap `tap` inside the image, and the input
/// that output `lo` then sees.
fn inside(g: &Geometry, axis: usize, tap: usize) -> (Range<usize>, usize) {
    let (stride, padding) = (g.stride[axis], g.padding[axis]);
    let offset = tap * g.dilation[axis];
    let end = g.positions[axis];
    let lo = padding.saturating_sub(offset).div_ceil(stride).min(end);
    // Output o sees o·stride + offset − padding, which has to stay below the image's size.
    let room = (g.image[axis] + padding).saturating_sub(offset);
    let hi = room.div_ceil(stride).clamp(lo, end);
    (lo..hi, (lo * stride + offset).saturating_sub(padding))
}

impl Geometry {
    /// Whether an image's channels are its patch matrix.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// Room that [`Geometry::patches`] wants.
    pub fn patches_size(&self, piece: &Piece) -> usize {
        let viewed = self.is_pointwise() && piece.images.len() == 1;
        if viewed { 0 } else { self.patch() * piece.stride(self) }
    }

    /// The patches of a piece in one group as a matrix: a row for each channel, kernel row and kernel
    /// column, a column for each image and place, and zeros up to `Piece::stride`. Borrowed from x, without
    /// the zeros, where it is there already.
    pub fn patches<'a>(
        &self,
        x: &'a [f32],
        group: usize,
        piece: &Piece,
        scratch: &'a mut [f32],
    ) -> Strided<'a> {
        let (pixels, stride) = (self.pixels(), piece.stride(self));
        let start = |image: usize| (image * self.inputs + group * self.in_group()) * pixels;
        if self.is_pointwise() && piece.images.len() == 1 {
            let first = start(piece.images.start) + piece.rows.start * self.image[1];
            return Strided { data: &x[first..], row_stride: pixels, column_stride: 1 };
        }
        let taps = self.taps();
        for (i, image) in piece.images.clone().enumerate() {
            let picture = &x[start(image)..][..self.in_group() * pixels];
            let columns_before = i * piece.places(self);
            for (k, line) in scratch.chunks_mut(stride).enumerate() {
                let channel = &picture[k / taps * pixels..][..pixels];
                let line = &mut line[columns_before..][..piece.places(self)];
                self.fill(channel, k % taps, &piece.rows, line);
            }
        }
        scratch.chunks_mut(stride).for_each(|line| line[piece.columns(self)..].fill(0.0));
        Strided { data: scratch, row_stride: stride, column_stride: 1 }
    }

    /// One row of a patch matrix: what every place of some output rows sees under one tap.
    fn fill(&self, channel: &[f32], tap: usize, rows: &Range<usize>, line: &mut [f32]) {
        let [width, across] = [self.image[1], self.positions[1]];
        let (ys, _) = inside(self, 0, tap / self.kernel[1]);
        let (xs, first) = inside(self, 1, tap % self.kernel[1]);
        let down = tap / self.kernel[1] * self.dilation[0];
        let stride = self.stride[1];
        for (row, line) in rows.clone().zip(line.chunks_exact_mut(across)) {
            if !ys.contains(&row) {
                line.fill(0.0);
                continue;
            }
            let pixels =
                &channel[(row * self.stride[0] + down - self.padding[0]) * width..][..width];
            line[..xs.start].fill(0.0);
            line[xs.end..].fill(0.0);
            let seen = &mut line[xs.clone()];
            if seen.is_empty() {
            } else if stride == 1 {
                copy(&pixels[first..][..seen.len()], seen);
            } else {
                seen.iter_mut()
                    .zip(pixels[first..].iter().step_by(stride))
                    .for_each(|(s, p)| *s = *p);
            }
        }
    }

    /// Adds one row of a patch matrix to the pixels that its places see: the opposite of `fill`.
    pub fn spread(&self, line: &[f32], tap: usize, rows: &Range<usize>, channel: &mut [f32]) {
        let [width, across] = [self.image[1], self.positions[1]];
        let (ys, _) = inside(self, 0, tap / self.kernel[1]);
        let (xs, first) = inside(self, 1, tap % self.kernel[1]);
        let down = tap / self.kernel[1] * self.dilation[0];
        let stride = self.stride[1];
        if xs.is_empty() {
            return;
        }
        for (row, line) in rows.clone().zip(line.chunks_exact(across)) {
            if !ys.contains(&row) {
                continue;
            }
            let start = (row * self.stride[0] + down - self.padding[0]) * width;
            let pixels = &mut channel[start..][..width];
            let seen = &line[xs.clone()];
            if stride == 1 {
                pixels[first..].iter_mut().zip(seen).for_each(|(p, s)| *p += s);
            } else {
                pixels[first..].iter_mut().step_by(stride).zip(seen).for_each(|(p, s)| *p += s);
            }
        }
    }
}

/// Copies runs of a few values, as rows of small pictures are, without a call.
#[inline(always)]
pub(crate) fn copy(from: &[f32], to: &mut [f32]) {
    let n = to.len();
    match (from.last_chunk::<8>(), to.last_chunk_mut::<8>()) {
        (Some(last), Some(to_last)) if n <= 64 => {
            *to_last = *last;
            let chunks = from.as_chunks::<8>().0.iter();
            to.as_chunks_mut::<8>().0.iter_mut().zip(chunks).for_each(|(to, from)| *to = *from);
        }
        _ => to.copy_from_slice(from),
    }
}

/// The rows of y or dy that belong to a piece and a group as a matrix `[channels, columns]`: borrowed
/// where the piece is of one image, else gathered.
pub(crate) fn outputs_of<'a>(
    g: &Geometry,
    dy: &'a [f32],
    group: usize,
    piece: &Piece,
    scratch: &'a mut [f32],
) -> Strided<'a> {
    let (places, columns) = (g.places(), piece.columns(g));
    let start = |image: usize| (image * g.outputs + group * g.out_group()) * places;
    if piece.images.len() == 1 {
        let first = start(piece.images.start) + piece.rows.start * g.positions[1];
        return Strided { data: &dy[first..], row_stride: places, column_stride: 1 };
    }
    for (i, image) in piece.images.clone().enumerate() {
        let channels = dy[start(image)..].chunks_exact(places);
        for (line, channel) in scratch.chunks_exact_mut(columns).zip(channels) {
            line[i * places..][..places].copy_from_slice(channel);
        }
    }
    Strided { data: scratch, row_stride: columns, column_stride: 1 }
}
