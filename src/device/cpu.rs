//! The CPU as a device: host memory that is accounted for, rayon's threads and products of matrices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pool::MemoryStats;
use super::product::{self, Finish, Refused, Rows, Strided, Term, Windows};
use super::profile::Profile;
use super::{Cost, DeviceInfo, DeviceKind};
use crate::error::{Error, Result};

pub(crate) struct Cpu {
    info: DeviceInfo,
    memory: Arc<HostMemory>,
    profile: Profile,
}

#[derive(Default)]
struct HostMemory {
    used: AtomicU64,
    peak: AtomicU64,
    buffers: AtomicU64,
}

/// 4-byte words of host memory, counted until they are dropped.
pub(crate) struct HostBuffer {
    words: Vec<u32>,
    memory: Arc<HostMemory>,
}

impl HostBuffer {
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    pub fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words
    }

    pub fn f32(&self) -> &[f32] {
        bytemuck::must_cast_slice(&self.words)
    }

    pub fn f32_mut(&mut self) -> &mut [f32] {
        bytemuck::must_cast_slice_mut(&mut self.words)
    }
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.words.len() as u64 * 4, Ordering::Relaxed);
        self.memory.buffers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Cpu {
    pub fn new() -> Self {
        let threads = rayon::current_num_threads();
        let plural = if threads == 1 { "" } else { "s" };
        Cpu {
            info: DeviceInfo {
                name: format!("{}, {threads} thread{plural}", processor_name()),
                backend: "cpu".into(),
                driver: String::new(),
                kind: DeviceKind::Cpu,
            },
            memory: Arc::default(),
            profile: Profile::default(),
        }
    }

    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    pub fn memory(&self) -> MemoryStats {
        MemoryStats {
            used_bytes: self.memory.used.load(Ordering::Relaxed),
            pooled_bytes: 0,
            peak_bytes: self.memory.peak.load(Ordering::Relaxed),
            buffers: self.memory.buffers.load(Ordering::Relaxed),
        }
    }

    /// Runs a kernel's CPU path.
    pub fn run<T>(&self, kernel: &'static str, cost: Cost, work: impl FnOnce() -> T) -> T {
        self.profile.time(kernel, cost, work)
    }

    /// Zeroed memory.
    pub fn allocate(&self, op: &'static str, words: usize) -> Result<HostBuffer> {
        let mut vec = Vec::new();
        vec.try_reserve_exact(words).map_err(|e| Error::OutOfMemory {
            op,
            bytes: words as u64 * 4,
            adapter: self.info.to_string(),
            detail: e.to_string(),
        })?;
        vec.resize(words, 0);
        let used = self.memory.used.fetch_add(words as u64 * 4, Ordering::Relaxed);
        self.memory.peak.fetch_max(used + words as u64 * 4, Ordering::Relaxed);
        self.memory.buffers.fetch_add(1, Ordering::Relaxed);
        Ok(HostBuffer { words: vec, memory: self.memory.clone() })
    }

    /// The terms' sum `[m, n]`, each row of it handed to `finish` on all threads.
    pub fn product(
        &self,
        op: &'static str,
        shape: [usize; 2],
        terms: &[Term<'_>],
        outputs: [Option<Rows<'_>>; 2],
        finish: Finish<'_>,
    ) -> Result<()> {
        let threads = rayon::current_num_threads();
        covered(op, shape, product::product(shape, terms, outputs, threads, finish))
    }

    /// `out = A·B`, shapes `[m, n, k]`.
    pub fn multiply(
        &self,
        op: &'static str,
        [m, n, k]: [usize; 3],
        out: Rows<'_>,
        a: Strided<'_>,
        b: Strided<'_>,
    ) -> Result<()> {
        self.product(op, [m, n], &[Term::new(a, b, k)], [Some(out), None], &product::store)
    }
}

/// `out = A·B`, or where `add`, `out += A·B`, on this thread alone: for kernels whose tasks are products.
pub(crate) fn multiply_here(
    op: &'static str,
    [m, n, k]: [usize; 3],
    out: Rows<'_>,
    add: bool,
    a: Strided<'_>,
    b: Strided<'_>,
) -> Result<()> {
    let store: Finish<'_> = &|_, sums, [out, _]| out.copy_from_slice(sums);
    let join: Finish<'_> =
        &|_, sums, [out, _]| out.iter_mut().zip(sums).for_each(|(o, s)| *o += *s);
    let finish = if add { join } else { store };
    let done = product::product([m, n], &[Term::new(a, b, k)], [Some(out), None], 1, finish);
    covered(op, [m, n], done)
}

/// `out += A·Bᵀ`, whose rows are windows, summed along them in lanes, on this thread alone.
pub(crate) fn add_dots_here(
    op: &'static str,
    out: Rows<'_>,
    a: Windows<'_>,
    b: Windows<'_>,
) -> Result<()> {
    all_covered(
        op,
        [a.begins.len(), b.begins.len()],
        product::add_dots(pulp::Arch::new(), out, a, b),
    )
}

/// `out += A·B`, `[m, n]`, A's rows windows, on this thread alone.
pub(crate) fn add_windows_here(
    op: &'static str,
    n: usize,
    out: Rows<'_>,
    a: Windows<'_>,
    b: Strided<'_>,
) -> Result<()> {
    all_covered(op, [a.begins.len(), n], product::add_windows(pulp::Arch::new(), out, a, b, n))
}

/// `sums = A·X`, `[m, n]`, each of X's rows where it begins in `data`, on this thread alone; rows to the next multiple
/// of 16.
pub(crate) fn multiply_placed_here(
    op: &'static str,
    shape: [usize; 2],
    sums: Rows<'_>,
    a: Strided<'_>,
    (data, begins): (&[f32], &[usize]),
) -> Result<()> {
    all_covered(
        op,
        shape,
        product::multiply_placed(pulp::Arch::new(), shape, sums, a, data, begins),
    )
}

fn all_covered(op: &'static str, shape: [usize; 2], done: bool) -> Result<()> {
    covered(op, shape, done.then_some(()).ok_or(Refused::Short))
}

fn covered(
    op: &'static str,
    shape: [usize; 2],
    done: std::result::Result<(), Refused>,
) -> Result<()> {
    done.map_err(|refused| match refused {
        Refused::Short => Error::shape(op, format!("operands do not cover the product {shape:?}")),
        Refused::Memory { bytes, detail } => {
            let (adapter, detail) = ("the host".into(), detail.to_string());
            Error::OutOfMemory { op, bytes, adapter, detail }
        }
    })
}

/// The processor's name where the operating system tells it.
fn processor_name() -> String {
    let name = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}
