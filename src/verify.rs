//! Every kernel of a device against the CPU path: what to run first on an unknown GPU.

use crate::device::{Device, with_guard};
use crate::error::{Error, Result};
use crate::kernels::catalogue;
pub use crate::kernels::proof::Outcome;

/// Runs a standard set of sizes and numbers through every kernel on `device` and on the CPU, and calls
/// `progress` with each kernel's name as its turn comes. Each tolerance is derived from the kernel's
/// arithmetic and from the accuracy that WGSL asks of a GPU; random words, uniform numbers and Bernoulli
/// draws from uploaded probabilities must agree bit for bit. Both variants of the matrix kernels run,
/// whichever the adapter's kind would get. Each kernel whose loops grow with the sizes has a case long enough
/// to be run in slices, as software adapters need it. Results are filled with a guard's word before their
/// kernels run: an element that none wrote fails its kernel, whose cases after that one are left out.
///
/// ```
/// use harmonium::Device;
/// use harmonium::verify::verify;
/// let outcomes = verify(&Device::cpu(), |_| {})?;
/// assert!(outcomes.iter().all(|o| o.passed()));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// Whatever keeps a kernel from running at all: [`Error::Device`],
/// [`Error::DeviceLost`], [`Error::OutOfMemory`].
pub fn verify(device: &Device, mut progress: impl FnMut(&str)) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for kernel in catalogue() {
        progress(kernel.name);
        match with_guard(|| (kernel.verify)(device, &mut outcomes)) {
            Err(error @ Error::Unfinished { .. }) => {
                outcomes.push(Outcome::unfinished(kernel.name, error.to_string()));
            }
            done => done?,
        }
    }
    Ok(outcomes)
}
