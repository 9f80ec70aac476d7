//! y = f(x), element by element, in forms that neither overflow nor lose small values.

use rayon::prelude::*;

use super::{GRAIN, expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("activation", "activation");

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x.
    #[default]
    Identity = 0,
    /// 1 / (1 + exp(−x)).
    Sigmoid = 1,
    /// tanh x.
    Tanh = 2,
    /// max(x, 0).
    Relu = 3,
    /// ln(1 + exp x).
    Softplus = 4,
    /// 1.7159·tanh(2x/3), LeNet-5's (LeCun et al. 1998, appendix A): f(±1) = ±1, and its slope is
    /// steepest in between.
    ScaledTanh = 5,
}

impl Activation {
    /// The function on the host; the CPU path of every kernel that activates.
    ///
    /// ```
    /// use harmonium::kernels::activation::Activation;
    /// assert_eq!(Activation::Sigmoid.apply(0.0), 0.5);
    /// assert_eq!(Activation::Sigmoid.apply(-1000.0), 0.0);
    /// assert_eq!(Activation::Softplus.apply(1000.0), 1000.0);
    /// ```
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => tanh(x),
            Activation::Relu => relu(x),
            Activation::Softplus => softplus(x),
            Activation::ScaledTanh => scaled_tanh(x),
        }
    }

    /// [`Activation::apply`] to every value in place, to the same bits. The function is chosen once,
    /// outside the loop, and the loop compiled for the vector instructions that the machine has.
    ///
    /// ```
    /// use harmonium::kernels::activation::Activation;
    /// let mut values = [-1.0, 0.0, 2.0];
    /// Activation::Relu.apply_slice(&mut values);
    /// assert_eq!(values, [0.0, 0.0, 2.0]);
    /// ```
    pub fn apply_slice(self, values: &mut [f32]) {
        match self {
            Activation::Identity => {}
            // With AVX2 this becomes masked stores, which take six times as long.
            Activation::Relu => values.iter_mut().for_each(|v| *v = relu(*v)),
            f => pulp::Arch::new().dispatch(ApplySlice(f, values)),
        }
    }
}

struct ApplySlice<'a>(Activation, &'a mut [f32]);

impl pulp::NullaryFnOnce for ApplySlice<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let ApplySlice(f, values) = self;
        match f {
            // As `apply_slice` has it.
            Activation::Identity | Activation::Relu => {}
            Activation::Sigmoid => values.iter_mut().for_each(|v| *v = sigmoid(*v)),
            Activation::Tanh => values.iter_mut().for_each(|v| *v = tanh(*v)),
            Activation::Softplus => values.iter_mut().for_each(|v| *v = softplus(*v)),
            Activation::ScaledTanh => values.iter_mut().for_each(|v| *v = scaled_tanh(*v)),
        }
    }
}

/// The height of the scaled tanh: 1.7159·tanh(2/3) = 1.
pub(crate) const SCALED_TANH_HEIGHT: f32 = 1.7159;

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn scaled_tanh(x: f32) -> f32 {
    SCALED_TANH_HEIGHT * tanh(x * (2.0 / 3.0))
}

/// tanh x: 1 − 2e/(1 + e) with e = exp(−2|x|), and an odd polynomial (Cephes' tanhf) where that would
/// cancel, below 0.625; within 2 units in the last place. Like [`sigmoid`] without call and branch.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let e = exp_of_negative(-2.0 * a);
    let large = 1.0 - 2.0 * e / (1.0 + e);
    let z = a * a;
    let series = -3.333_328e-1
        + z * (1.333_144_2e-1 + z * (-5.373_971_6e-2 + z * (2.063_909e-2 + z * -5.704_988_7e-3)));
    let small = a + a * (z * series);
    let y = if a < 0.625 { small } else { large };
    // The sign's bit, so that −0 stays −0.
    f32::from_bits(y.to_bits() | (x.to_bits() & 0x8000_0000))
}

/// 1 / (1 + exp(−x)), computed from exp(−|x|); within 4 units in the last place, and 0 below −87.3.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp_of_negative(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// exp(x) for x ≤ 0, or NaN: x = n·ln 2 + r, a polynomial for exp r, and 2ⁿ through the exponent's bits.
/// Without a call and without a branch, so that loops over it become vector code (the library's exp
/// took five times as long).
#[inline(always)]
pub(crate) fn exp_of_negative(x: f32) -> f32 {
    // Adding and subtracting 1.5·2²³ rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x < -87.3 { -87.3 } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts: n times the first is exact.
    let r = (clamped - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let series = 1.0
        + r * (1.0
            + r * (0.5
                + r * (1.666_666_6e-1
                    + r * (4.166_579_6e-2 + r * (8.333_452e-3 + r * 1.398_2e-3)))));
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.3 { 0.0 } else { series * scale }
}

/// ln(1 + exp x) = max(x, 0) + ln(1 + exp(−|x|)); within 4 units in the last place. Like [`sigmoid`] without call and branch.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    x.max(0.0) + ln_1p_exp_of_negative(-x.abs())
}

/// ln(1 + e) of e = exp(x), for x ≤ 0, or NaN: 2 artanh s with s = e/(2 + e) ≤ 1/3, whose series loses nothing where e is
/// small.
#[inline(always)]
pub(crate) fn ln_1p_exp_of_negative(x: f32) -> f32 {
    let e = exp_of_negative(x);
    let s = e / (2.0 + e);
    let z = s * s;
    let series = z
        * (1.0 / 3.0
            + z * (1.0 / 5.0
                + z * (1.0 / 7.0
                    + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z * (1.0 / 15.0)))))));
    2.0 * s + 2.0 * s * series
}

/// `y = f(x)`; both of one shape. NaN gives NaN.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn activate(f: Activation, x: &Tensor, y: &mut Tensor) -> Result<()> {
    expect("activation", "y", y, x.device(), x.shape().dims())?;
    run(f, Some(x), y)
}

/// `x = f(x)`.
///
/// # Errors
/// As [`activate`].
pub fn activate_in_place(f: Activation, x: &mut Tensor) -> Result<()> {
    let device = x.device().clone();
    let dims = x.shape().dims().to_vec();
    expect("activation", "x", x, &device, &dims)?;
    run(f, None, x)
}

fn run(f: Activation, x: Option<&Tensor>, y: &mut Tensor) -> Result<()> {
    let count = y.shape().len();
    let cost = Cost { flops: 4 * count as u64, bytes: 8 * count as u64 };
    match y.device().clone().backend() {
        Backend::Cpu(cpu) => {
            let y = y.host_mut()?.f32_mut();
            let x = x.map(|x| x.host()).transpose()?;
            cpu.run("activation", cost, || {
                y.par_chunks_mut(GRAIN).enumerate().for_each(|(i, y)| {
                    if let Some(x) = x {
                        y.copy_from_slice(&x.f32()[i * GRAIN..i * GRAIN + y.len()]);
                    }
                    f.apply_slice(y);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let (x_bind, y_bind) = match x {
                Some(x) => (Bind::Read(x.gpu()?), Bind::Write(y.gpu()?)),
                None => (Bind::Unused, Bind::Update(y.gpu()?)),
            };
            gpu.record(Command {
                op: "activation",
                shader: &SHADER,
                constants: &[("ACTIVATION", f as u32), ("IN_PLACE", flag(x.is_none()))],
                params: bytemuck::bytes_of(&[count as u32, 0, 0, 0]),
                binds: &[x_bind, y_bind],
                loops: 0,
                groups: groups(count, gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("activation", &[&SHADER], standard, bench)
        .slip(["vec4<f32>(value)).x", "vec4<f32>(value * 1.00001)).x"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for f in ACTIVATIONS {
            for values in Values::ALL {
                out.push(case(device, f, f == Activation::Tanh, 1009, values)?);
            }
        }
        Ok(())
    }

    /// All activations.
    pub const ACTIVATIONS: [Activation; 6] = [
        Activation::Identity,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::Softplus,
        Activation::ScaledTanh,
    ];

    /// How far f(x) may differ between a GPU and the CPU, from the accuracy that WGSL asks of its built-ins
    /// (in units in the last place, each at most EPSILON relative): exp (3 + 2|x|), division 2.5, log an
    /// absolute 2⁻²¹ on [½, 2], tanh an absolute 1e-5; one more for each addition or multiplication, and two
    /// for the CPU's own path.
    pub fn tolerance(f: Activation, x: f64) -> f64 {
        // Past 104 exp(−|x|) is 0 in f32.
        let size = x.abs().min(104.0);
        let e = (-size).exp();
        let exp_error = EPSILON * (3.0 + 2.0 * size);
        match f {
            Activation::Identity | Activation::Relu => FLUSH,
            Activation::Tanh => 1e-5,
            Activation::ScaledTanh => 1.7159 * 1e-5 + 8.0 * EPSILON,
            // y = e/(1 + e) or 1/(1 + e): e's relative error counts whole, or e/(1 + e) ≤ e of it.
            Activation::Sigmoid => {
                let y = if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
                let share = if x >= 0.0 { e } else { 1.0 };
                y * (share * exp_error + 6.0 * EPSILON) + FLUSH
            }
            // max(x, 0) + ln(1 + e), where the shader switches to e − e²/2 below e = 1e-3: its remainder is
            // e³/3 there, less than 3.4e-7 of e.
            Activation::Softplus => {
                let tail = if e < 0.9e-3 {
                    e * (exp_error + 6.0 * EPSILON)
                } else {
                    2f64.powi(-21) + e * exp_error + 2.0 * EPSILON
                };
                tail + 2.0 * EPSILON * x.max(0.0) + FLUSH
            }
        }
    }

    /// How much faster than x the function grows at most.
    pub fn slope(f: Activation) -> f64 {
        match f {
            Activation::Sigmoid => 0.25,
            Activation::ScaledTanh => 1.7159 * 2.0 / 3.0,
            _ => 1.0,
        }
    }

    /// One call on `n` numbers.
    pub fn case(
        device: &Device,
        f: Activation,
        in_place: bool,
        n: usize,
        values: Values,
    ) -> Result<Outcome> {
        let x = Inputs::new(n as u64).values(values, n);
        let run = |device: &Device| {
            let mut t = Tensor::from_f32(device, &[n], &x)?;
            if in_place {
                activate_in_place(f, &mut t)?;
                return t.to_vec();
            }
            let mut y = Tensor::for_output(device, &[n])?;
            activate(f, &t, &mut y)?;
            y.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        check.compare("y", &expected, &found, |i| tolerance(f, f64::from(x[i])));
        let place = if in_place { ", in place" } else { "" };
        Ok(check.outcome("activation", format!("{f:?}{place}, {n} {values:?}")))
    }

    /// A million elements; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (x, mut y) = (b.random(&[1024, 1024], 1)?, b.output(&[1024, 1024])?);
        for f in ACTIVATIONS {
            b.case(&format!("{f:?}"), 1 << 20, || activate(f, &x, &mut y))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Activation, exp_of_negative, sigmoid, tanh};

    /// Every 1009th number from the smallest subnormal to infinity, of both signs.
    #[test]
    fn the_hyperbolic_tangent_is_right_to_the_last_places_at_all_magnitudes() {
        let (mut worst, mut scaled) = (0.0f64, 0.0f64);
        for bits in (0..=f32::INFINITY.to_bits()).step_by(1009) {
            let x = f32::from_bits(bits);
            let exact = f64::from(x).tanh();
            // Units in the last place of the exact value; subnormal numbers are all as far apart.
            let unit = f64::from(f32::EPSILON) * exact.max(f64::from(f32::MIN_POSITIVE));
            worst = worst.max((f64::from(tanh(x)) - exact).abs() / unit);
            assert_eq!(tanh(-x).to_bits(), tanh(x).to_bits() | 0x8000_0000, "{x:e}");
            let exact = 1.7159 * (f64::from(x) * (2.0 / 3.0)).tanh();
            let unit = f64::from(f32::EPSILON) * exact.max(f64::from(f32::MIN_POSITIVE));
            let found = f64::from(Activation::ScaledTanh.apply(x));
            scaled = scaled.max((found - exact).abs() / unit);
        }
        assert!(worst < 2.0, "{worst}");
        assert!(scaled < 2.5, "{scaled}");
        assert_eq!([f32::INFINITY, 20.0, 0.0, f32::NEG_INFINITY].map(tanh), [1.0, 1.0, 0.0, -1.0]);
        assert!(tanh(f32::NAN).is_nan() && tanh(-f32::NAN).is_nan());
        // Subnormal numbers come back as they are.
        assert_eq!(tanh(f32::from_bits(1)).to_bits(), 1);
    }

    #[test]
    fn the_exponential_is_right_to_the_last_places() {
        let mut worst = 0.0f64;
        for i in 0..=873_000 {
            let x = i as f32 * -1e-4;
            let exact = f64::from(x).exp();
            worst = worst.max(((f64::from(exp_of_negative(x)) - exact) / exact).abs());
        }
        assert!(worst < 3.0 * f64::from(f32::EPSILON), "{worst:e}");
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert_eq!(exp_of_negative(f32::NEG_INFINITY), 0.0);
        assert!(exp_of_negative(f32::NAN).is_nan());
        assert!(sigmoid(f32::NAN).is_nan());
        assert_eq!([f32::NEG_INFINITY, 0.0, f32::INFINITY].map(sigmoid), [0.0, 0.5, 1.0]);
    }
}
