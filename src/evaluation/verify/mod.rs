//! Every kernel of a device against the CPU path: what to run first on an unknown GPU.

#[doc(hidden)]
pub mod activation;
#[doc(hidden)]
pub mod activation_grad;
#[doc(hidden)]
pub mod adam;
#[doc(hidden)]
pub mod affine;
#[doc(hidden)]
pub mod anneal;
#[doc(hidden)]
pub mod argmax;
#[doc(hidden)]
pub mod bias_update;
#[doc(hidden)]
pub mod categorical;
#[doc(hidden)]
pub mod cd_update;
#[doc(hidden)]
pub mod compare;
#[doc(hidden)]
pub mod conv2d;
#[doc(hidden)]
pub mod cross_entropy;
#[doc(hidden)]
pub mod dropout;
#[doc(hidden)]
pub mod elementwise;
#[doc(hidden)]
pub mod error_count;
#[doc(hidden)]
pub mod gather;
#[doc(hidden)]
pub mod inputs;
#[doc(hidden)]
pub mod matmul;
#[doc(hidden)]
pub mod pool2d;
#[doc(hidden)]
pub mod pool2d_grad_input;
#[doc(hidden)]
pub mod rbf;
#[doc(hidden)]
pub mod rbf_grad_input;
#[doc(hidden)]
pub mod rbf_loss;
#[doc(hidden)]
pub mod reduce;
#[doc(hidden)]
pub mod sample;
#[doc(hidden)]
pub mod sgd;
#[doc(hidden)]
pub mod softmax;
#[doc(hidden)]
pub mod squared_error;
#[doc(hidden)]
pub mod subsample;
#[doc(hidden)]
pub mod subsample_grad_input;
#[doc(hidden)]
pub mod subsample_grad_parameters;

use inputs::Values;

use crate::device::Device;
use crate::error::Result;
use crate::kernels::Tiles;
use crate::kernels::activation::Activation;
use crate::random::Draw;

/// The result of one comparison.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// The kernel.
    pub kernel: &'static str,
    /// Its variant, sizes and kind of numbers.
    pub case: String,
    /// The worst error over its tolerance: up to 1 passes. Where bits must agree it is 0 or infinite.
    pub worst: f64,
    /// Where and how it failed, if it did.
    pub detail: Option<String>,
}

impl Outcome {
    /// Whether every element was within its tolerance.
    pub fn passed(&self) -> bool {
        self.worst <= 1.0
    }
}

/// Runs a standard set of sizes and numbers through every kernel on `device` and on the CPU, and calls
/// `progress` with each kernel's name as its turn comes. Each tolerance is derived from the kernel's
/// arithmetic and from the accuracy that WGSL asks of a GPU; random words, uniform numbers and Bernoulli
/// draws from uploaded probabilities must agree bit for bit. Both variants of the matrix kernels run,
/// whichever the adapter's kind would get.
///
/// ```
/// use harmonium::Device;
/// use harmonium::evaluation::verify::verify;
/// let outcomes = verify(&Device::cpu(), |_| {})?;
/// assert!(outcomes.iter().all(|o| o.passed()));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// Whatever keeps a kernel from running at all: [`Error::Device`](crate::Error::Device),
/// [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn verify(device: &Device, mut progress: impl FnMut(&str)) -> Result<Vec<Outcome>> {
    type Part = fn(&Device, &mut Vec<Outcome>) -> Result<()>;
    let parts: [(&str, Part); 31] = [
        ("sample", samples),
        ("elementwise", elementwises),
        ("activation", activations),
        ("activation_grad", activation_grads),
        ("dropout", dropouts),
        ("softmax", softmaxes),
        ("reduce", reductions),
        ("gather", gathers),
        ("bias_update", bias_updates),
        ("matmul", products),
        ("cd_update", cd_updates),
        ("anneal", anneals),
        ("categorical", categorical::standard),
        ("conv2d", convolutions),
        ("conv2d_grad_input", convolutions_grad_input),
        ("conv2d_grad_kernel", convolutions_grad_kernel),
        ("cross_entropy", cross_entropy::standard),
        ("squared_error", squared_error::standard),
        ("rbf", rbf::standard),
        ("rbf_grad_input", rbf_grad_input::standard),
        ("rbf_loss", rbf_loss::standard),
        ("argmax", argmax::standard),
        ("error_count", error_count::standard),
        ("sgd", sgd::standard),
        ("adam", adam::standard),
        ("pool2d", pools),
        ("pool2d_grad_input", pool_gradients),
        ("subsample", subsamples),
        ("subsample_grad_input", subsample_gradients),
        ("subsample_grad_parameters", subsample_parameters),
        ("affine", affines),
    ];
    let mut outcomes = Vec::new();
    for (name, part) in parts {
        progress(name);
        part(device, &mut outcomes)?;
    }
    Ok(outcomes)
}

/// A case's numbers from the CPU path and from the device.
fn both<T>(device: &Device, run: impl Fn(&Device) -> Result<T>) -> Result<(T, T)> {
    Ok((run(&Device::cpu())?, run(device)?))
}

fn samples(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    out.push(sample::published(device)?);
    let draw = Draw::new(0xdead_beef_0000_0042, 0x1234).at(1 << 39).from_case(99);
    for kind in sample::KINDS {
        for dims in [[1, 1], [3, 5], [101, 67], [64, 256]] {
            out.push(sample::case(device, kind, dims, &draw)?);
        }
    }
    Ok(())
}

fn elementwises(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    use elementwise::Y;
    for f in elementwise::FUNCTIONS {
        for (y, in_place) in [(Y::Same, false), (Y::Column, true)] {
            for values in Values::ALL {
                out.push(elementwise::case(device, f, y, in_place, [37, 29], values)?);
            }
        }
    }
    out.push(elementwise::case(
        device,
        elementwise::FUNCTIONS[0],
        Y::Row,
        false,
        [65, 64],
        Values::Ordinary,
    )?);
    Ok(())
}

fn activations(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for f in activation::ACTIVATIONS {
        for values in Values::ALL {
            out.push(activation::case(device, f, f == Activation::Tanh, 1009, values)?);
        }
    }
    Ok(())
}

fn activation_grads(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for f in activation::ACTIVATIONS {
        for values in Values::ALL {
            out.push(activation_grad::case(device, f, 1009, values)?);
        }
    }
    Ok(())
}

fn dropouts(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    let draw = Draw::new(0xdead_beef_0000_0042, 9).at(1 << 39).from_case(99);
    for rate in [0.0, 0.25, 0.5] {
        for dims in [&[1, 1][..], &[101, 67], &[7, 3, 5, 6]] {
            out.push(dropout::case(device, rate, dims, &draw, Values::Ordinary)?);
        }
        out.push(dropout::case(device, rate, &[17, 9], &draw, Values::NonFinite)?);
    }
    Ok(())
}

fn softmaxes(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for dims in [[1, 1], [5, 10], [3, 64], [7, 257]] {
        for values in Values::ALL {
            out.push(softmax::case(device, dims, values)?);
        }
    }
    Ok(())
}

fn reductions(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for what in reduce::REDUCTIONS {
        for axis in reduce::AXES {
            out.push(reduce::case(device, what, axis, [101, 103], Values::Ordinary)?);
            out.push(reduce::case(device, what, axis, [13, 11], Values::Huge)?);
            out.push(reduce::case(device, what, axis, [13, 11], Values::NonFinite)?);
        }
    }
    Ok(())
}

fn gathers(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for form in gather::forms() {
        out.push(gather::case(device, form, [50, 67], 33)?);
        out.push(gather::case(device, form, [200, 784], 100)?);
    }
    Ok(())
}

fn bias_updates(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for gradient in [false, true] {
        for values in [Values::Ordinary, Values::Wide, Values::NonFinite] {
            out.push(bias_update::case(device, gradient, [131, 100, 37], values)?);
        }
    }
    Ok(())
}

fn products(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for tiles in Tiles::ALL {
        for form in matmul::FORMS {
            for dims in [[1, 1, 1], [5, 3, 0], [63, 127, 15], [65, 129, 17], [100, 131, 257]] {
                out.push(matmul::case(device, tiles, form, dims, Values::Ordinary)?);
            }
            for values in [Values::Huge, Values::NonFinite] {
                out.push(matmul::case(device, tiles, form, [9, 67, 31], values)?);
            }
        }
    }
    Ok(())
}

fn cd_updates(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for tiles in Tiles::ALL {
        for form in cd_update::FORMS {
            for dims in [[1, 1, 1, 1], [64, 128, 10, 10], [67, 131, 100, 37]] {
                out.push(cd_update::case(device, tiles, form, dims, Values::Ordinary)?);
            }
            out.push(cd_update::case(device, tiles, form, [9, 67, 5, 3], Values::NonFinite)?);
        }
    }
    Ok(())
}

fn anneals(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for form in anneal::FORMS {
        for betas in [[0.9, 0.901], [0.0, 1.0], [1.0, 0.5]] {
            out.push(anneal::case(device, [10, 131, 67], betas, form, Values::Ordinary)?);
        }
        out.push(anneal::case(device, [7, 4, 1], [0.3, 0.31], form, Values::Wide)?);
        out.push(anneal::case(device, [5, 67, 9], [0.5, 0.75], form, Values::NonFinite)?);
    }
    Ok(())
}

fn convolutions(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    convolutions_of(device, conv2d::Kernel::Forward(Activation::Tanh), out)
}

fn convolutions_grad_input(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    convolutions_of(device, conv2d::Kernel::GradInput, out)
}

fn convolutions_grad_kernel(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    convolutions_of(device, conv2d::Kernel::GradKernel(true), out)
}

fn convolutions_of(device: &Device, kernel: conv2d::Kernel, out: &mut Vec<Outcome>) -> Result<()> {
    for tiles in Tiles::ALL {
        for form in conv2d::FORMS {
            out.push(conv2d::case(device, tiles, kernel, form, Values::Ordinary)?);
        }
        for values in [Values::Huge, Values::NonFinite] {
            out.push(conv2d::case(device, tiles, kernel, conv2d::FORMS[3], values)?);
        }
    }
    Ok(())
}

fn pools(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for pool in pool2d::POOLS {
        for form in pool2d::forms(pool) {
            out.push(pool2d::case(device, &form, [2, 3, 28, 28], Values::Ordinary)?);
            for values in Values::ALL {
                out.push(pool2d::case(device, &form, [3, 2, 7, 11], values)?);
            }
        }
    }
    Ok(())
}

fn pool_gradients(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for pool in pool2d::POOLS {
        for form in pool2d::forms(pool) {
            for values in [Values::Ordinary, Values::Wide, Values::NonFinite] {
                out.push(pool2d_grad_input::case(device, &form, [3, 2, 7, 11], values)?);
            }
        }
    }
    Ok(())
}

fn subsamples(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for f in activation::ACTIVATIONS {
        out.push(subsample::case(device, f, [2, 2], [3, 6, 28, 28], Values::Ordinary)?);
        out.push(subsample::case(device, f, [3, 2], [2, 5, 7, 11], Values::NonFinite)?);
    }
    Ok(())
}

fn subsample_gradients(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for size in [[2, 2], [3, 2], [1, 5]] {
        for values in Values::ALL {
            out.push(subsample_grad_input::case(device, size, [2, 5, 7, 11], values)?);
        }
    }
    Ok(())
}

fn subsample_parameters(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for size in [[2, 2], [3, 2], [1, 5]] {
        for values in [Values::Ordinary, Values::Wide, Values::NonFinite] {
            out.push(subsample_grad_parameters::case(device, size, [2, 5, 7, 11], values)?);
        }
    }
    // Several chunks of windows.
    let dims = [13, 3, 28, 28];
    out.push(subsample_grad_parameters::case(device, [2, 2], dims, Values::Ordinary)?);
    Ok(())
}

fn affines(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    use affine::Maps;
    for values in Values::ALL {
        out.push(affine::case(device, Maps::Identity, [2, 3, 7, 11], values)?);
    }
    for values in [Values::Ordinary, Values::Wide, Values::Huge] {
        out.push(affine::case(device, Maps::Distortions, [9, 2, 28, 28], values)?);
    }
    out.push(affine::case(device, Maps::Extreme, [40, 1, 7, 5], Values::Ordinary)?);
    Ok(())
}
