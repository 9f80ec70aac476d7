//! The cross-entropy of logistic units and their targets, and its gradient.

use std::ops::Range;

use super::activation::{ln_1p_exp_of_negative, sigmoid};
use super::cases::{Losses, Place, fold_pairs, for_rows, lanes, row_groups};
use super::slices::column_slices;
use super::{expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("logistic_loss", "rows");

/// `loss[first_row + b] = −Σ [t ln σ(z) + (1 − t) ln(1 − σ(z))]`, the sum over the N units of case b in nats, and
/// where asked for `dz = scale · (σ(z) − t)` and, in `squared`, `Σ (σ(z) − t)²`. z, the target t (probabilities, in
/// [0, 1]) and dz `[B, N]`; loss and squared `[≥ first_row + B]`, whose other elements stay.
///
/// z is what the units' sigmoid takes, so nothing is lost where σ(z) is 0 or 1: a term is
/// max(z, 0) − t·z + ln(1 + exp(−|z|)). NaN propagates; an infinite z ends in NaN. Summed in f32, in a fixed order.
///
/// ```
/// use harmonium::kernels::Losses;
/// use harmonium::kernels::logistic_loss::logistic_loss;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let z = Tensor::from_f32(&device, &[1, 2], &[0.0, 0.0])?;
/// let t = Tensor::from_f32(&device, &[1, 2], &[1.0, 0.25])?;
/// let mut loss = Tensor::for_output(&device, &[1])?;
/// let mut dz = Tensor::for_output(&device, &[1, 2])?;
/// logistic_loss(&z, &t, Losses::at(&mut loss, 0).with_gradient(&mut dz, 1.0), None)?;
/// assert!((loss.to_vec()?[0] - 2.0 * 2f32.ln()).abs() < 1e-6);
/// assert_eq!(dz.to_vec()?, [-0.5, 0.25]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also where `loss` or `squared` has no room,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn logistic_loss(
    z: &Tensor,
    target: &Tensor,
    out: Losses<'_>,
    squared: Option<Place<'_>>,
) -> Result<()> {
    let op = "logistic_loss";
    let [rows, columns] = z.shape().matrix(op, "z")?;
    let device = z.device();
    expect(op, "z", z, device, z.shape().dims())?;
    expect(op, "the target", target, device, z.shape().dims())?;
    let to = out.loss.check(op, "the loss", Element::F32, device, rows)?;
    let beside = match &squared {
        Some(place) => place.check(op, "the squared error", Element::F32, device, rows)?,
        None => 0..0,
    };
    let Losses { loss, gradient: dz, scale } = out;
    if let Some(dz) = &dz {
        expect(op, "dz", dz, device, z.shape().dims())?;
    }
    let passes = 2 + u64::from(dz.is_some());
    let count = (rows * columns) as u64;
    let cost = Cost { flops: 10 * count, bytes: 4 * passes * count + 8 * rows as u64 };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let (z, target) = (z.host()?.f32(), target.host()?.f32());
            let dz = dz.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
            let mut sums = vec![[0.0; 2]; rows];
            cpu.run(op, cost, || {
                for_rows(columns, &mut sums, dz, |r, dz| {
                    let row = r * columns..(r + 1) * columns;
                    let (z, target) = (&z[row.clone()], &target[row]);
                    let difference = |z: f32, t: f32| sigmoid(z) - t;
                    for ((dz, z), t) in dz.iter_mut().zip(z).zip(target) {
                        *dz = scale * difference(*z, *t);
                    }
                    [
                        fold_pairs(z, target, term),
                        match beside.is_empty() {
                            true => 0.0,
                            false => fold_pairs(z, target, |z, t| difference(z, t).powi(2)),
                        },
                    ]
                });
            });
            let losses = &mut loss.tensor.host_mut()?.f32_mut()[to];
            losses.iter_mut().zip(&sums).for_each(|(loss, sums)| *loss = sums[0]);
            if let Some(place) = squared {
                let squares = &mut place.tensor.host_mut()?.f32_mut()[beside];
                squares.iter_mut().zip(&sums).for_each(|(square, sums)| *square = sums[1]);
            }
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let lanes = lanes(gpu, &SHADER, columns)?;
            let groups = row_groups(gpu, &SHADER, rows, lanes)?;
            let place = squared.map(|place| place.tensor.gpu()).transpose()?;
            column_slices(gpu, columns, lanes, 1).try_for_each(|slice| {
                let [Range { start, end }] = slice.ranges;
                let sizes = [rows, columns, lanes as usize, to.start, beside.start];
                let [rows, columns, lanes, first, first_squared] = sizes.map(|n| n as u32);
                let scale = scale.to_bits();
                let params = [rows, columns, lanes, first, first_squared, scale, start, end];
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[
                        ("GRADIENT", flag(dz.is_some())),
                        ("SQUARED", flag(place.is_some())),
                        ("RESUMES", slice.resumes()),
                    ],
                    params: bytemuck::bytes_of(&params),
                    binds: &[
                        Bind::Read(z.gpu()?),
                        Bind::Read(target.gpu()?),
                        Bind::Update(loss.tensor.gpu()?),
                        place.map_or(Bind::Unused, Bind::Update),
                        match &dz {
                            Some(dz) => slice.output(dz.gpu()?),
                            None => Bind::Unused,
                        },
                    ],
                    loops: slice.loops,
                    groups,
                    cost: slice.cost(cost),
                })
            })
        }
    }
}

/// −t ln σ(z) − (1 − t) ln(1 − σ(z)).
#[inline(always)]
fn term(z: f32, t: f32) -> f32 {
    (z.max(0.0) - t * z) + ln_1p_exp_of_negative(-z.abs())
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::activation::{Activation, proof::tolerance};
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("logistic_loss", &[&SHADER], standard, bench)
        .slip(["- t[start + c] * x)", "- 1.001 * t[start + c] * x)"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in [Values::Ordinary, Values::Wide, Values::Subnormal, Values::NonFinite] {
            out.push(case(device, [5, 37], [true, true], values)?);
        }
        out.push(case(device, [1, 1], [true, false], Values::Ordinary)?);
        out.push(case(device, [13, 784], [true, true], Values::Wide)?);
        out.push(case(device, [100, 784], [false, false], Values::Ordinary)?);
        out.push(long_rows(|| case(device, [1, LONG], [true, true], Values::Rising))?);
        Ok(())
    }

    /// One call on `[rows, columns]`, with or without a gradient and the squared error.
    pub fn case(
        device: &Device,
        dims: [usize; 2],
        [gradient, squares]: [bool; 2],
        values: Values,
    ) -> Result<Outcome> {
        let [rows, columns] = dims;
        let mut inputs = Inputs::new((rows * 1031 + columns) as u64);
        let z = inputs.values(values, rows * columns);
        let target = inputs.probabilities(rows * columns);
        let scale = 0.37;
        let run = |device: &Device| {
            let z = Tensor::from_f32(device, &dims, &z)?;
            let target = Tensor::from_f32(device, &dims, &target)?;
            let mut loss = Tensor::from_f32(device, &[rows + 5], &vec![7.0; rows + 5])?;
            let mut squared = Tensor::from_f32(device, &[rows + 3], &vec![7.0; rows + 3])?;
            let mut dz = Tensor::zeros(device, &dims)?;
            let out =
                Losses { gradient: gradient.then_some(&mut dz), scale, ..Losses::at(&mut loss, 1) };
            logistic_loss(&z, &target, out, squares.then_some(Place::at(&mut squared, 2)))?;
            Ok([loss.to_vec()?, squared.to_vec()?, dz.to_vec()?])
        };
        let (expected, found) = both(device, run)?;
        let n = columns.max(1) as f64;
        let unit = |i: usize| tolerance(Activation::Sigmoid, f64::from(z[i]));
        let tail = |i: usize| tolerance(Activation::Softplus, f64::from(z[i]));
        let row = |first: usize, i: usize| {
            i.checked_sub(first).filter(|&r| r < rows).map(|r| r * columns..(r + 1) * columns)
        };
        let mut check = Check::default();
        // A term errs as softplus does and by the roundings of t·z and of two sums; a sum by EPSILON of its terms'
        // sizes for each of them.
        check.compare("loss", &expected[0], &found[0], |i| {
            let each = |i: usize| {
                let size = f64::from(z[i].abs()) + 1.0;
                tail(i) + EPSILON * (n + 4.0) * size
            };
            row(1, i).map_or(0.0, |row| row.map(each).sum::<f64>())
        });
        // A square of d, |d| ≤ 1, errs by 2|d| times what d does.
        check.compare("squared", &expected[1], &found[1], |i| {
            let each = |i: usize| 2.0 * unit(i) + EPSILON * (n + 6.0);
            row(2, i).map_or(0.0, |row| row.map(each).sum::<f64>())
        });
        check.compare("dz", &expected[2], &found[2], |i| {
            f64::from(scale) * (unit(i) + 3.0 * EPSILON) + FLUSH
        });
        let form = match (gradient, squares) {
            (true, true) => "",
            (true, false) => " without squares",
            _ => " loss alone",
        };
        Ok(check.outcome("logistic_loss", format!("{dims:?}{form} {values:?}")))
    }

    /// With gradient and squares; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for dims in [[100, 784], [1000, 784]] {
            let (z, t) = (b.random(&dims, 1)?, b.random(&dims, 2)?);
            let [mut loss, mut squared] = [b.output(&[dims[0]])?, b.output(&[dims[0]])?];
            let mut dz = b.output(&dims)?;
            b.case(&format!("{dims:?}"), dims[0] * dims[1], || {
                let out = Losses::at(&mut loss, 0).with_gradient(&mut dz, 0.01);
                logistic_loss(&z, &t, out, Some(Place::at(&mut squared, 0)))
            })?;
        }
        Ok(())
    }
}
