//! Softmax with cross-entropy: −ln softmax(x)_D for the desired class D, and its gradient, in one pass.

use super::cases::{LogLoss, for_rows, lanes, place, row_groups};
use super::{expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub static SHADER: Shader = shader!("cross_entropy", "rows", "log_loss");

/// `loss[first_row + b] = ln Σ exp(x_b − x_bD)` in nats, and, where asked for,
/// `dx = scale · (softmax(x) − onehot(D))`. x and dx `[B, N]`; `classes` `[B]`, whole numbers as f32 (so that
/// they are gathered like any data), a value that is no class gives NaN; loss `[≥ first_row + B]`, whose
/// other elements stay.
///
/// The row's maximum m is subtracted: the loss is (m − x_D) + ln Σ exp(x − m), where the logarithm is taken
/// of 1 + rest if x_D is the maximum, so that a loss of 1e-9 keeps its digits; dx_D is −scale·rest/Σ, free of
/// cancellation. A row that holds NaN or +∞, or only −∞, has a loss and a gradient of NaN; x_D = −∞ alone has
/// a loss of +∞. With N = 0 there is no class, so the loss is NaN. Sums run in f32 in a fixed order.
///
/// ```
/// use harmonium::kernels::cross_entropy::cross_entropy;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 2], &[1000.0, 1000.0, 0.0, 200.0])?;
/// let classes = Tensor::from_f32(&device, &[2], &[0.0, 0.0])?;
/// let mut loss = Tensor::zeros(&device, &[3])?;
/// let mut dx = Tensor::for_output(&device, &[2, 2])?;
/// cross_entropy(&x, &classes, 0.5, (&mut loss, 1), Some(&mut dx))?;
/// assert_eq!(loss.to_vec()?, [0.0, std::f32::consts::LN_2, 200.0]);
/// assert_eq!(dx.to_vec()?, [-0.25, 0.25, -0.5, 0.5]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also where `loss` has no room,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn cross_entropy(
    x: &Tensor,
    classes: &Tensor,
    scale: f32,
    (loss, first_row): (&mut Tensor, usize),
    dx: Option<&mut Tensor>,
) -> Result<()> {
    let op = "cross_entropy";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    let device = x.device();
    expect(op, "x", x, device, x.shape().dims())?;
    expect(op, "the classes", classes, device, &[rows])?;
    let to = place(op, ("the loss", loss, first_row), Element::F32, device, rows)?;
    if let Some(dx) = &dx {
        expect(op, "dx", dx, device, x.shape().dims())?;
    }
    let passes = 2 + u64::from(dx.is_some());
    let count = (rows * columns) as u64;
    let cost = Cost { flops: 4 * passes * count, bytes: 4 * passes * count + 8 * rows as u64 };
    let task = LogLoss { sign: 1.0, floor: f32::NEG_INFINITY, scale };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let (x, classes) = (x.host()?.f32(), classes.host()?.f32());
            let loss = &mut loss.host_mut()?.f32_mut()[to];
            let dx = dx.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
            cpu.run(op, cost, || {
                for_rows(columns, loss, dx, |r, dx| {
                    task.row(&x[r * columns..(r + 1) * columns], classes[r], dx)
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let lanes = lanes(gpu, &SHADER, columns);
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("GRADIENT", flag(dx.is_some()))],
                params: bytemuck::bytes_of(&task.params([rows, columns], lanes, first_row)),
                binds: &[
                    Bind::Read(x.gpu()?),
                    Bind::Read(classes.gpu()?),
                    Bind::Update(loss.gpu()?),
                    dx.map(|dx| dx.gpu()).transpose()?.map_or(Bind::Unused, Bind::Write),
                ],
                groups: row_groups(&SHADER, rows, lanes),
                cost,
            })
        }
    }
}
