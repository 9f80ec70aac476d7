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

/// `out = keep·out + scale·A·B` with `out` `[m, n]` row-major, on `threads` threads. Returns false, and
/// does nothing, where a slice is too short for the shape.
#[must_use]
pub(crate) fn gemm(
    [m, n, k]: [usize; 3],
    out: &mut [f32],
    keep: f32,
    scale: f32,
    a: Strided<'_>,
    b: Strided<'_>,
    threads: usize,
) -> bool {
    if out.len() != m * n || !a.covers(m, k) || !b.covers(k, n) {
        return false;
    }
    // Small products are not worth waking threads for.
    let parallelism = if threads > 1 && m * n * k > 1 << 15 {
        gemm::Parallelism::Rayon(threads)
    } else {
        gemm::Parallelism::None
    };
    // SAFETY: every element the product touches lies inside its slice, as just checked; `out` is a
    // unique borrow, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
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
