//! The gradient of an activation, from the activation's own output.

use rayon::prelude::*;

use super::activation::{Activation, SCALED_TANH_HEIGHT, exp_of_negative};
use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("activation_grad", "slope");

/// Where a kernel puts dx = ∂L/∂x: as it is, or, where x is itself the output f(z) of an activation, on through that as
/// ∂L/∂z = dx · f′(z), which saves a pass over dx. A `&mut Tensor` is the first.
#[derive(Debug)]
pub struct Onward<'a> {
    /// Overwritten.
    pub dx: &'a mut Tensor,
    /// f, and x.
    pub through: Option<(Activation, &'a Tensor)>,
}

impl<'a> From<&'a mut Tensor> for Onward<'a> {
    fn from(dx: &'a mut Tensor) -> Self {
        Onward { dx, through: None }
    }
}

impl<'a> Onward<'a> {
    /// dx, and with an activation other than the identity on through f, of which x is the output.
    pub fn through(dx: &'a mut Tensor, f: Activation, x: &'a Tensor) -> Self {
        let through = (f != Activation::Identity).then_some((f, x));
        Onward { dx, through }
    }

    /// Whether x is like dx.
    pub(super) fn check(&self, op: &'static str) -> Result<()> {
        match self.through {
            Some((_, x)) => expect(op, "x", x, self.dx.device(), self.dx.shape().dims()),
            None => Ok(()),
        }
    }

    /// dx on the host, and what it goes on through.
    pub(super) fn on_host(self) -> Result<(&'a mut [f32], Through<'a>)> {
        let through = match self.through {
            Some((f, x)) => Some((f, x.host()?.f32())),
            None => None,
        };
        Ok((self.dx.host_mut()?.f32_mut(), Through(through)))
    }

    /// The number of f in shaders and x, for a kernel that ends dx.
    pub(super) fn on_gpu(&self, ends: bool) -> Result<(u32, Bind<'_>)> {
        match self.through {
            Some((f, x)) if ends => Ok((f as u32, Bind::Read(x.gpu()?))),
            _ => Ok((0, Bind::Unused)),
        }
    }
}

/// An activation and its outputs on the host.
#[derive(Clone, Copy)]
pub(super) struct Through<'a>(Option<(Activation, &'a [f32])>);

impl Through<'_> {
    /// Takes a part of dx on, whose first element has this number.
    pub fn part(self, first: usize, dx: &mut [f32]) {
        if let Some((f, x)) = self.0 {
            grad_slice(f, &x[first..first + dx.len()], dx);
        }
    }

    /// Takes all of dx on.
    pub fn all(self, dx: &mut [f32]) {
        if self.0.is_some() {
            dx.par_chunks_mut(GRAIN).enumerate().for_each(|(i, dx)| self.part(i * GRAIN, dx));
        }
    }
}

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
            loops: 0,
            groups: groups(count, gpu.size(&SHADER, "WORKGROUP")?),
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

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::activation::proof::ACTIVATIONS;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("activation_grad", &[&SHADER], standard, bench)
        .slip(["sloped(ACTIVATION, dy[i], y[i]);", "sloped(ACTIVATION, dy[i], y[i]) * 1.00001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for f in ACTIVATIONS {
            for values in Values::ALL {
                out.push(case(device, f, 1009, values)?);
            }
        }
        Ok(())
    }

    /// One call on `n` outputs of f. A slope is two factors with an error of a unit each (the softplus's seven
    /// steps of a series, or an exponential, 3 + 2y units of it, and a difference); one product more.
    pub fn case(device: &Device, f: Activation, n: usize, values: Values) -> Result<Outcome> {
        let mut inputs = Inputs::new(n as u64);
        let mut y = inputs.values(values, n);
        f.apply_slice(&mut y);
        let dy = inputs.values(values, n);
        let (expected, found) = both(device, |device| {
            let y = Tensor::from_f32(device, &[n], &y)?;
            let mut dy = Tensor::from_f32(device, &[n], &dy)?;
            activation_grad(f, &y, &mut dy)?;
            dy.to_vec()
        })?;
        let mut check = Check::default();
        check.compare("dy", &expected, &found, |i| {
            let size = f64::from(expected[i]).abs();
            let exponential = match f {
                Activation::Softplus => {
                    let y = f64::from(y[i]).clamp(0.0, 104.0);
                    f64::from(dy[i]).abs() * (-y).exp() * (3.0 + 2.0 * y) + 16.0 * size
                }
                _ => 0.0,
            };
            // A subnormal y or dy may be flushed before it meets the other factor.
            let flushed = FLUSH * (4.0 + f64::from(dy[i]).abs().max(f64::from(y[i]).abs()));
            EPSILON * (exponential + 6.0 * size) + flushed
        });
        Ok(check.outcome("activation_grad", format!("{f:?}, {n} {values:?}")))
    }

    /// What another kernel takes on through each activation: as its plain result, and a pass of its own over that. `run`
    /// gets x, the activation's output, of these sizes.
    pub(crate) fn onward(
        op: &'static str,
        device: &Device,
        (dims, form): (&[usize], &str),
        run: impl Fn(&Tensor, Onward<'_>) -> Result<()>,
    ) -> Result<Outcome> {
        let mut check = Check::default();
        let count = dims.iter().product();
        for f in ACTIVATIONS {
            let mut x = Inputs::new(f as u64).values(Values::Ordinary, count);
            f.apply_slice(&mut x);
            let x = Tensor::from_f32(device, dims, &x)?;
            let [mut apart, mut at_once] =
                [Tensor::for_output(device, dims)?, Tensor::for_output(device, dims)?];
            run(&x, Onward::from(&mut apart))?;
            activation_grad(f, &x, &mut apart)?;
            run(&x, Onward::through(&mut at_once, f, &x))?;
            let (apart, at_once) = (apart.to_vec()?, at_once.to_vec()?);
            check.compare(&format!("{f:?}"), &apart, &at_once, |i| {
                4.0 * EPSILON * f64::from(apart[i]).abs() + 4.0 * FLUSH
            });
        }
        Ok(check.outcome(op, format!("through activations, {dims:?}{form}")))
    }

    /// A million elements; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (y, mut dy) = (b.random(&[1024, 1024], 1)?, b.random(&[1024, 1024], 2)?);
        for f in ACTIVATIONS.into_iter().filter(|f| *f != Activation::Identity) {
            b.case(&format!("{f:?}"), 1 << 20, || activation_grad(f, &y, &mut dy))?;
        }
        Ok(())
    }
}
