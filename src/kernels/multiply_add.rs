//! Many products and sums on few numbers: what a device can compute at most, where memory does not matter.

use rayon::prelude::*;

use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("multiply_add");

/// x ← `factor` · x + `summand`, so many `times`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiplyAdd {
    /// What x is multiplied by.
    pub factor: f32,
    /// What is added.
    pub summand: f32,
    /// How often, at most [`MultiplyAdd::MOST`].
    pub times: u32,
}

impl MultiplyAdd {
    /// The most rounds of one call.
    pub const MOST: u32 = 1 << 14;
}

/// Does so in place to each element of x, of any shape. The sum may be fused with the product or not, as the device
/// does it: a round errs by ε(|factor · x| + |result|) at most. A size of 0 or 0 times is no error.
///
/// ```
/// use harmonium::kernels::multiply_add::{MultiplyAdd, multiply_add};
/// use harmonium::{Device, Tensor};
/// let mut x = Tensor::from_f32(&Device::cpu(), &[2], &[0.0, 4.0])?;
/// multiply_add(MultiplyAdd { factor: 0.5, summand: 1.0, times: 3 }, &mut x)?;
/// assert_eq!(x.to_vec()?, [1.75, 2.25]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for more rounds than [`MultiplyAdd::MOST`], [`Error::Shape`], [`Error::Poisoned`],
/// [`Error::DeviceLost`].
pub fn multiply_add(what: MultiplyAdd, x: &mut Tensor) -> Result<()> {
    let op = "multiply_add";
    expect(op, "x", x, x.device(), x.shape().dims())?;
    let MultiplyAdd { factor, summand, times } = what;
    if times > MultiplyAdd::MOST {
        let detail = format!("{times} times, at most {}; call it again", MultiplyAdd::MOST);
        return Err(Error::setting(op, detail));
    }
    let count = x.shape().len();
    if count == 0 || times == 0 {
        return Ok(());
    }
    let cost = Cost { flops: 2 * count as u64 * u64::from(times), bytes: 8 * count as u64 };
    let device = x.device().clone();
    match device.backend() {
        Backend::Cpu(cpu) => {
            let x = x.host_mut()?.f32_mut();
            let arch = pulp::Arch::new();
            cpu.run(op, cost, || {
                x.par_chunks_mut(GRAIN).for_each(|x| arch.dispatch(Rounds(what, x)));
            });
            Ok(())
        }
        Backend::Gpu(gpu) => gpu.record(Command {
            op,
            shader: &SHADER,
            constants: &[],
            params: bytemuck::bytes_of(&[count as u32, times, factor.to_bits(), summand.to_bits()]),
            binds: &[Bind::Update(x.gpu()?)],
            loops: u64::from(times),
            groups: groups(count.div_ceil(LANES), gpu.size(&SHADER, "WORKGROUP")?),
            cost,
        }),
    }
}

/// Elements of one invocation.
const LANES: usize = 4;

struct Rounds<'a>(MultiplyAdd, &'a mut [f32]);

impl pulp::WithSimd for Rounds<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let Rounds(MultiplyAdd { factor, summand, times }, values) = self;
        let (body, rest) = S::as_mut_simd_f32s(values);
        let (a, b) = (simd.splat_f32s(factor), simd.splat_f32s(summand));
        // As many side by side as hide how long one takes, and as fit into registers.
        let (blocks, left) = body.as_chunks_mut::<12>();
        for block in blocks {
            let mut x = *block;
            for _ in 0..times {
                x.iter_mut().for_each(|x| *x = simd.mul_add_e_f32s(a, *x, b));
            }
            *block = x;
        }
        for x in left {
            for _ in 0..times {
                *x = simd.mul_add_e_f32s(a, *x, b);
            }
        }
        for x in rest {
            for _ in 0..times {
                *x = factor * *x + summand;
            }
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("multiply_add", &[&SHADER], standard, bench)
        .slip(["params.summand)", "params.summand * 1.01)"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for (count, times) in [(1, 1), (1000, 7), (5, MultiplyAdd::MOST)] {
            for values in [Values::Ordinary, Values::Wide] {
                out.push(case(device, [count, times as usize], 0.75, values)?);
            }
        }
        out.push(case(device, [100, 50], -0.999, Values::Ordinary)?);
        Ok(())
    }

    /// `count` numbers, so many `times`. A round errs by ε of its product and of its sum, and each later round multiplies
    /// that by |factor| < 1; what is subnormal on the way may be taken for 0.
    pub fn case(
        device: &Device,
        [count, times]: [usize; 2],
        factor: f32,
        values: Values,
    ) -> Result<Outcome> {
        let x = Inputs::new(count as u64).values(values, count);
        let (summand, times) = (0.3, times as u32);
        let (expected, found) = both(device, |device| {
            let mut x = Tensor::from_f32(device, &[count], &x)?;
            multiply_add(MultiplyAdd { factor, summand, times }, &mut x)?;
            x.to_vec()
        })?;
        let mut check = Check::default();
        let shrinks = 1.0 - f64::from(factor.abs());
        check.compare("x", &expected, &found, |at| {
            let largest = f64::from(x[at]).abs() + f64::from(summand) / shrinks;
            let rounds = (1.0 / shrinks).min(f64::from(times));
            rounds * (4.0 * EPSILON * largest + 2.0 * FLUSH)
        });
        Ok(check.outcome("multiply_add", format!("{count} numbers, {times} times, {values:?}")))
    }

    /// A million numbers; elements are FLOP.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let mut x = b.random(&[1 << 20], 1)?;
        let what = MultiplyAdd { factor: 0.999, summand: 1e-3, times: 1024 };
        b.case("1024 times", 2 << 30, || multiply_add(what, &mut x))
    }
}
