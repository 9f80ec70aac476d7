//! The crate's only `unsafe` code: two foreign calls whose conditions are checked here.
#![allow(unsafe_code)]

/// One operand of a matrix product: element `[r, c]` is `data[r * row_stride + c * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub data: &'a [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl Strided<'_> {
    fn covers(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.data.len()
    }
}

/// Where the elements of a product go: element `[r, c]` is `data[r * row_stride + c * column_stride]`.
pub(crate) struct StridedMut<'a> {
    pub data: &'a mut [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl StridedMut<'_> {
    /// Whether all elements lie inside the slice, no two of them in one place.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        if rows == 0 || columns == 0 {
            return true;
        }
        let (down, along) = ((rows - 1) * self.row_stride, (columns - 1) * self.column_stride);
        let distinct = (self.row_stride > along && (columns == 1 || self.column_stride > 0))
            || (self.column_stride > down && (rows == 1 || self.row_stride > 0));
        down + along < self.data.len() && (distinct || (rows == 1 && columns == 1))
    }
}

/// `out = keep·out + scale·A·B` with `out` `[m, n]`, on `threads` threads. Returns false, and does
/// nothing, where a slice is too short for the shape or two elements of `out` share a place.
#[must_use]
pub(crate) fn gemm(
    [m, n, k]: [usize; 3],
    out: StridedMut<'_>,
    keep: f32,
    scale: f32,
    a: Strided<'_>,
    b: Strided<'_>,
    threads: usize,
) -> bool {
    if !out.holds(m, n) || !a.covers(m, k) || !b.covers(k, n) {
        return false;
    }
    // Small products are not worth waking threads for.
    let parallelism = if threads > 1 && m * n * k > 1 << 15 {
        gemm::Parallelism::Rayon(threads)
    } else {
        gemm::Parallelism::None
    };
    // SAFETY: every element the product touches lies inside its slice, as just checked; `out` is a
    // unique borrow, so it overlaps neither operand, and its own elements are distinct.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.data.as_mut_ptr(),
            out.column_stride as isize,
            out.row_stride as isize,
            keep != 0.0,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            keep,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
    true
}

/// A shader module without loop bounding: every loop of this crate's shaders is bounded by a parameter.
/// Bounds checks stay on.
pub(crate) fn shader_module(
    device: &wgpu::Device,
    label: &str,
    source: String,
) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    };
    let mut checks = wgpu::ShaderRuntimeChecks::checked();
    checks.force_loop_bounding = false;
    // SAFETY: the only check taken away is the one against endless loops; all loops count up to a
    // bound that no iteration changes.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}

#[cfg(test)]
mod tests {
    use super::{Strided, StridedMut, gemm};

    #[test]
    fn products_that_do_not_fit_their_slices_are_refused() {
        let run = |shape, len: usize, strides: [usize; 2]| {
            let mut out = vec![0.0; len];
            let [row_stride, column_stride] = strides;
            let out = StridedMut { data: &mut out, row_stride, column_stride };
            let ones = Strided { data: &[1.0; 6], row_stride: 1, column_stride: 1 };
            gemm(shape, out, 0.0, 1.0, ones, ones, 1)
        };
        assert!(run([2, 3, 1], 6, [3, 1]) && run([2, 3, 1], 6, [1, 2]));
        assert!(
            run([2, 3, 1], 8, [5, 1]) && run([1, 1, 1], 1, [0, 0]) && run([0, 3, 1], 0, [3, 1])
        );
        assert!(!run([2, 3, 1], 5, [3, 1]) && !run([2, 3, 1], 7, [5, 1]));
        // Two elements in one place.
        assert!(
            !run([2, 3, 1], 6, [1, 1]) && !run([2, 3, 1], 6, [2, 1]) && !run([2, 3, 1], 6, [0, 1])
        );
        // Operands that are too short.
        assert!(!run([2, 2, 6], 6, [3, 1]) && !run([7, 1, 1], 7, [1, 1]));
    }
}
