//! The log loss behind [`cross_entropy`](super::cross_entropy) and [`rbf_loss`](super::rbf_loss): one
//! formula, on scores of either sign, with or without a floor.

use super::activation::exp_of_negative;
use super::cases::{Losses, class_of, fold, for_rows, lanes, row_groups};
use super::slices::{Slice, passes, statistics};
use super::{expect, flag};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// What the two kernels differ in.
pub(crate) struct Kernel {
    pub op: &'static str,
    pub shader: &'static Shader,
    /// The names of the scores or distances and of their gradient.
    pub names: [&'static str; 2],
    /// 1 for scores, −1 for distances.
    pub sign: f32,
}

impl Kernel {
    /// The loss of the cases in x `[B, N]`, with the floor `floor` (−∞ for none).
    pub fn run(&self, x: &Tensor, classes: &Tensor, floor: f32, out: Losses<'_>) -> Result<()> {
        let (op, [x_name, dx_name]) = (self.op, self.names);
        let [rows, columns] = x.shape().matrix(op, x_name)?;
        let device = x.device();
        expect(op, x_name, x, device, x.shape().dims())?;
        expect(op, "the classes", classes, device, &[rows])?;
        let to = out.loss.check(op, "the loss", Element::F32, device, rows)?;
        let Losses { loss, gradient: dx, scale } = out;
        if let Some(dx) = &dx {
            expect(op, dx_name, dx, device, x.shape().dims())?;
        }
        let reads = 2 + u64::from(dx.is_some());
        let count = (rows * columns) as u64;
        let cost = Cost { flops: 4 * reads * count, bytes: 4 * reads * count + 8 * rows as u64 };
        let task = LogLoss { sign: self.sign, floor, scale };
        match device.backend() {
            Backend::Cpu(cpu) => {
                let (x, classes) = (x.host()?.f32(), classes.host()?.f32());
                let loss = &mut loss.tensor.host_mut()?.f32_mut()[to];
                let dx = dx.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
                cpu.run(op, cost, || {
                    for_rows(columns, loss, dx, |r, dx| {
                        task.row(&x[r * columns..(r + 1) * columns], classes[r], dx)
                    });
                });
                Ok(())
            }
            Backend::Gpu(gpu) => {
                let lanes = lanes(gpu, self.shader, columns)?;
                let groups = row_groups(gpu, self.shader, rows, lanes)?;
                let passes = passes(gpu, columns, lanes, 3);
                let statistics = statistics(&passes, device, 2 * rows)?;
                passes.into_iter().try_for_each(|pass| {
                    gpu.record(Command {
                        op,
                        shader: self.shader,
                        constants: &[("PASS", pass.number), ("GRADIENT", flag(dx.is_some()))],
                        params: bytemuck::bytes_of(&task.params(
                            [rows, columns],
                            lanes,
                            to.start,
                            &pass.slice,
                        )),
                        binds: &[
                            Bind::Read(x.gpu()?),
                            Bind::Read(classes.gpu()?),
                            Bind::Update(loss.tensor.gpu()?),
                            match &dx {
                                Some(dx) => pass.output(dx.gpu()?),
                                None => Bind::Unused,
                            },
                            pass.statistics(&statistics)?,
                        ],
                        loops: pass.slice.loops,
                        groups,
                        cost: pass.cost(cost),
                    })
                })
            }
        }
    }
}

/// `ln(Σ exp sᵢ + exp f) − s_D` for the scores s = sign·x and perhaps a floor f, and its gradient; f64
/// nowhere, nothing overflows, and a loss near 0 keeps its digits.
///
/// With m the maximum of all, eᵢ = exp(sᵢ − m), rest the sum without e_D and total = rest + e_D, the
/// loss is (m − s_D) + ln(total). Where s_D is m, total is 1 + rest. The gradient of D is
/// −rest/total = e_D/total − 1, of others eᵢ/total. A NaN or an infinite m ends in all of them.
#[derive(Debug, Clone, Copy)]
struct LogLoss {
    /// 1 for scores, −1 for distances.
    sign: f32,
    /// f; −∞ for none.
    floor: f32,
    /// Factor of the gradient.
    scale: f32,
}

impl LogLoss {
    /// The parameter block of `shaders/shared/log_loss.wgsl`.
    fn params(
        &self,
        [rows, columns]: [usize; 2],
        lanes: u32,
        first_row: usize,
        slice: &Slice<1>,
    ) -> [u32; 12] {
        [
            rows as u32,
            columns as u32,
            lanes,
            first_row as u32,
            self.floor.to_bits(),
            self.scale.to_bits(),
            f32::INFINITY.to_bits(),
            f32::NAN.to_bits(),
            slice.ranges[0].start,
            slice.ranges[0].end,
            0,
            0,
        ]
    }

    /// The loss of one case; the gradient's row is empty or as long as x.
    fn row(&self, x: &[f32], class: f32, gradient: &mut [f32]) -> f32 {
        let Some(class) = class_of(class, x.len()) else {
            gradient.fill(f32::NAN);
            return f32::NAN;
        };
        let (sign, larger) = (self.sign, |a: f32, b: f32| if b > a { b } else { a });
        // A NaN is dropped here, and then kept by its exponential.
        let largest = fold(x, self.floor, |m, x| larger(m, sign * x), larger);
        let e = |x: f32| exp_of_negative(sign * x - largest);
        let sum = |a: f32, b: f32| a + b;
        let rest = match gradient.len() {
            0 => {
                let part = |x: &[f32]| fold(x, 0.0, |s, x| s + e(x), sum);
                part(&x[..class]) + part(&x[class + 1..])
            }
            _ => {
                gradient.iter_mut().zip(x).for_each(|(g, x)| *g = e(*x));
                let part = |x: &[f32]| fold(x, 0.0, sum, sum);
                part(&gradient[..class]) + part(&gradient[class + 1..])
            }
        };
        let rest = rest + exp_of_negative(self.floor - largest);
        let total = rest + e(x[class]);
        let gap = largest - sign * x[class];
        let beyond_one = if gap == 0.0 { rest } else { total - 1.0 };
        let factor = sign * self.scale / total;
        gradient.iter_mut().for_each(|g| *g *= factor);
        if let Some(g) = gradient.get_mut(class) {
            *g = -factor * rest;
        }
        gap + beyond_one.ln_1p()
    }
}
