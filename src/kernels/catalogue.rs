//! The catalogue: one line a kernel. The list of shaders, the parts of `verify`, the benches and the
//! warm-up all come from here.

use super::proof::{Bench, Outcome};
use crate::device::{Backend, Device, Gpu, Shader};
use crate::error::Result;

/// One kernel.
#[derive(Debug)]
pub struct Entry {
    /// Its name, the stem of its files.
    pub name: &'static str,
    /// Everything it may dispatch.
    pub shaders: &'static [&'static Shader],
    /// The standard set of sizes and numbers, on the device and on the CPU.
    pub verify: fn(&Device, &mut Vec<Outcome>) -> Result<()>,
    /// What is measured.
    pub bench: fn(&mut Bench<'_>) -> Result<()>,
    /// A piece of its shader, and a slip in it which its cases must see.
    pub slip: [&'static str; 2],
    /// The variants that training is sure to need.
    pub(crate) ahead: fn(&Gpu) -> Vec<Variant>,
}

impl Entry {
    pub(crate) const fn new(
        name: &'static str,
        shaders: &'static [&'static Shader],
        verify: fn(&Device, &mut Vec<Outcome>) -> Result<()>,
        bench: fn(&mut Bench<'_>) -> Result<()>,
    ) -> Self {
        Entry { name, shaders, verify, bench, slip: ["", ""], ahead: |_| Vec::new() }
    }

    pub(crate) const fn slip(self, slip: [&'static str; 2]) -> Self {
        Entry { slip, ..self }
    }

    pub(crate) const fn ahead(self, ahead: fn(&Gpu) -> Vec<Variant>) -> Self {
        Entry { ahead, ..self }
    }
}

/// A shader and its override constants: one pipeline.
pub(crate) type Variant = (&'static Shader, Vec<(&'static str, u32)>);

macro_rules! entries {
    ($($kernel:ident)*) => { &[$(&super::$kernel::proof::ENTRY),*] };
}

/// One line a kernel, in the order in which `verify` runs them.
static CATALOGUE: &[&Entry] = entries! {
    sample
    rectified
    elementwise
    activation
    activation_grad
    dropout
    softmax
    categorical
    reduce
    dot
    gather
    columns
    bias_update
    matmul
    multiply_add
    cd_update
    gibbs_steps
    anneal
    exchange
    settle
    conv2d
    conv2d_grad_input
    conv2d_grad_kernel
    cross_entropy
    squared_error
    logistic_loss
    rbf
    rbf_grad_input
    rbf_loss
    argmax
    error_count
    sgd
    adam
    pool2d
    pool2d_grad_input
    subsample
    subsample_grad_input
    subsample_grad_parameters
    affine
    chain_forward
    chain_backward
    chain_pairs
    chain_score
    viterbi
};

/// Every kernel.
pub fn catalogue() -> &'static [&'static Entry] {
    CATALOGUE
}

/// Every shader, once: what the tests validate and translate.
pub fn shaders() -> Vec<&'static Shader> {
    let mut all: Vec<&'static Shader> = Vec::new();
    for &shader in CATALOGUE.iter().flat_map(|entry| entry.shaders) {
        if !all.iter().any(|other| std::ptr::eq(*other, shader)) {
            all.push(shader);
        }
    }
    all
}

/// Compiles the kernels that training uses, so that no step waits for a compiler. Nothing on the CPU.
///
/// # Errors
/// [`Error::Device`](crate::Error::Device) where the driver refuses a shader,
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn warm_up(device: &Device) -> Result<()> {
    let Backend::Gpu(gpu) = device.backend() else { return Ok(()) };
    for (shader, constants) in CATALOGUE.iter().flat_map(|entry| (entry.ahead)(gpu)) {
        gpu.pipeline(shader, &constants)?;
    }
    Ok(())
}
