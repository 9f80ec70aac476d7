//! The gradient of an activation, from the activation's own output.

use rayon::prelude::*;

use super::activation::{Activation, SCALED_TANH_HEIGHT, exp_of_negative};
use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub static SHADER: Shader = shader!("activation_grad");

/// `dy = dy · f′(x)` in place, with f′ computed from `y = f(x)`; both of one shape.
///
/// | f | f′ |
/// |---|---|
/// | identity | 1: dy stays as it is |
/// | sigmoid | y(1 − y) |
/// | tanh | (1 − y)(1 + y) |
/// | relu | 1 for y > 0, else 0 |
/// | softplus | 1 − exp(−y), by its series below 0.35 |
/// | scaled tanh, a = 1.7159 | (2/3a)(a − y)(a + y) |
///
/// NaN in y or dy gives NaN; as in any product, so does an infinite dy where f′ is 0. A y that is no
/// output of f gives a number without meaning. A size of 0 is no error.
///
/// ```
/// use harmonium::kernels::activation::Activation;
/// use harmonium::kernels::activation_grad::activation_grad;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let y = Tensor::from_f32(&device, &[3], &[0.5, 0.0, 1.0])?;
/// let mut dy = Tensor::from_f32(&device, &[3], &[4.0; 3])?;
/// activation_grad(Activation::Sigmoid, &y, &mut dy)?;
/// assert_eq!(dy.to_vec()?, [1.0, 0.0, 0.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn activation_grad(f: Activation, y: &Tensor, dy: &mut Tensor) -> Result<()> {
    let op = "activation_grad";
    expect(op, "y", y, y.device(), y.shape().dims())?;
    expect(op, "dy", dy, y.device(), y.shape().dims())?;
    let count = y.shape().len();
    if f == Activation::Identity || count == 0 {
        return Ok(());
    }
    let cost = Cost { flops: 4 * count as u64, bytes: 12 * count as u64 };
    match y.device().backend() {
        Backend::Cpu(cpu) => {
            let (y, dy) = (y.host()?.f32(), dy.host_mut()?.f32_mut());
            cpu.run(op, cost, || {
                let chunks = dy.par_chunks_mut(GRAIN).zip(y.par_chunks(GRAIN));
                chunks.for_each(|(dy, y)| grad_slice(f, y, dy));
            });
            Ok(())
        }
        Backend::Gpu(gpu) => gpu.record(Command {
            op,
            shader: &SHADER,
            constants: &[("ACTIVATION", f as u32)],
            params: bytemuck::bytes_of(&[count as u32, 0, 0, 0]),
            binds: &[Bind::Read(y.gpu()?), Bind::Update(dy.gpu()?)],
            groups: groups(count, SHADER.constant("WORKGROUP")),
            cost,
        }),
    }
}

/// `dy = dy · f′` on the host, the function chosen outside the loop.
pub(crate) fn grad_slice(f: Activation, y: &[f32], dy: &mut [f32]) {
    #[inline(always)]
    fn each(y: &[f32], dy: &mut [f32], slope: impl Fn(f32) -> f32) {
        dy.iter_mut().zip(y).for_each(|(dy, y)| *dy *= slope(*y));
    }
    const A: f32 = SCALED_TANH_HEIGHT;
    match f {
        Activation::Identity => {}
        Activation::Sigmoid => each(y, dy, |y| y * (1.0 - y)),
        Activation::Tanh => each(y, dy, |y| (1.0 - y) * (1.0 + y)),
        Activation::Relu => each(y, dy, |y| {
            let step = if y > 0.0 { 1.0 } else { 0.0 };
            if y.is_nan() { y } else { step }
        }),
        Activation::Softplus => each(y, dy, softplus_slope),
        Activation::ScaledTanh => each(y, dy, |y| (2.0 / 3.0 / A) * ((A - y) * (A + y))),
    }
}

/// 1 − exp(−y), which cancels for small y: there the series.
#[inline(always)]
fn softplus_slope(y: f32) -> f32 {
    let series = 1.0 - y * (1.0 / 7.0);
    let series = 1.0 - y * (1.0 / 6.0) * series;
    let series = 1.0 - y * (1.0 / 5.0) * series;
    let series = 1.0 - y * 0.25 * series;
    let series = 1.0 - y * (1.0 / 3.0) * series;
    let series = y * (1.0 - y * 0.5 * series);
    if y < 0.35 { series } else { 1.0 - exp_of_negative(-y) }
}
