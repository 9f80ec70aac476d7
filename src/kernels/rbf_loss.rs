//! LeNet-5's discriminative loss on squared distances (LeCun et al. 1998, eq. 9), and its gradient.

use super::log_loss::Kernel;
use super::{Losses, shader};
use crate::device::Shader;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("rbf_loss", "rows", "log_loss");

static KERNEL: Kernel = Kernel { op: "rbf_loss", shader: &SHADER, names: ["y", "dy"], sign: -1.0 };

/// `loss[first_row + b] = y_D + ln(e^−j + Σ_i e^−y_i)` for the desired class D, and, where asked for,
/// `dy_i = scale · (δ_iD − e^−y_i / (e^−j + Σ_k e^−y_k))`. y and dy `[B, N]`; `classes` and `loss` as in
/// [`cross_entropy`](super::cross_entropy::cross_entropy); j is finite, and the larger it is, the less
/// distant classes are pushed away.
///
/// This is the cross-entropy of the scores −y among N + 1 classes, of which the last has the score −j and is
/// never desired. With m = min(j, min y) it is (y_D − m) + ln(e^{m−j} + Σ e^{m−y_i}): neither large distances
/// nor a distant j overflow. A row with NaN or −∞ has a loss and a gradient of NaN, as has a class that is
/// none; y_D = +∞ has a loss of +∞. The published formula averages over the cases: `scale` is then 1/B.
///
/// ```
/// use harmonium::kernels::Losses;
/// use harmonium::kernels::rbf_loss::rbf_loss;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let y = Tensor::from_f32(&device, &[2, 2], &[0.0, 1e6, 1e6, 0.0])?;
/// let classes = Tensor::from_f32(&device, &[2], &[0.0, 0.0])?;
/// let mut loss = Tensor::for_output(&device, &[2])?;
/// let mut dy = Tensor::for_output(&device, &[2, 2])?;
/// rbf_loss(&y, &classes, 1e6, Losses::at(&mut loss, 0).with_gradient(&mut dy, 1.0))?;
/// assert_eq!(loss.to_vec()?, [0.0, 1e6]);
/// assert_eq!(dy.to_vec()?, [0.0, 0.0, 1.0, -1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for a j that is not finite, [`Error::Shape`], also where `loss` has no room,
/// [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn rbf_loss(y: &Tensor, classes: &Tensor, j: f32, out: Losses<'_>) -> Result<()> {
    if !j.is_finite() {
        return Err(Error::setting("j", format!("{j} is not finite; for LeNet-5 use about 10")));
    }
    KERNEL.run(y, classes, -j, out)
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::cross_entropy::proof::{Allowed, classes};
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("rbf_loss", &[&SHADER], standard, bench)
        .slip(["gap + ln_one_plus(beyond_one)", "gap + ln_one_plus(beyond_one) * 1.001"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for dims in [[1, 1], [5, 10], [7, 1000]] {
            for values in Values::ALL {
                out.push(case(device, dims, (true, 0.5), values)?);
            }
        }
        out.push(case(device, [100, 10], (true, 1e6), Values::Wide)?);
        out.push(case(device, [100, 10], (false, -1e6), Values::Wide)?);
        out.push(long_rows(|| case(device, [1, LONG], (true, 0.5), Values::Rising))?);
        Ok(())
    }

    /// One call on `[rows, columns]` with or without a gradient, and with this j; every ninth class is none.
    pub fn case(
        device: &Device,
        [rows, columns]: [usize; 2],
        (gradient, j): (bool, f32),
        values: Values,
    ) -> Result<Outcome> {
        let mut inputs = Inputs::new((rows * 1013 + columns) as u64);
        let y = inputs.values(values, rows * columns);
        let classes = classes(&mut inputs, rows, columns);
        let scale = -0.6;
        let run = |device: &Device| {
            let y = Tensor::from_f32(device, &[rows, columns], &y)?;
            let classes = Tensor::from_f32(device, &[rows], &classes)?;
            let mut loss = Tensor::from_f32(device, &[rows + 5], &vec![7.0; rows + 5])?;
            let mut dy = Tensor::zeros(device, &[rows, columns])?;
            let gradient = gradient.then_some(&mut dy);
            rbf_loss(&y, &classes, j, Losses { gradient, scale, ..Losses::at(&mut loss, 2) })?;
            Ok((loss.to_vec()?, dy.to_vec()?))
        };
        let (expected, found) = both(device, run)?;
        let mut allowed = Allowed::default();
        for (r, class) in classes.iter().enumerate() {
            let row = &y[r * columns..][..columns];
            let scores: Vec<f64> = row.iter().map(|&y| -f64::from(y)).collect();
            allowed.add_row(&scores, -f64::from(j), *class, scale);
        }
        let mut check = Check::default();
        check.compare("loss", &expected.0, &found.0, |i| allowed.of_loss(i, 2));
        check.compare("dy", &expected.1, &found.1, |i| allowed.gradient[i]);
        let form = if gradient { "" } else { " loss alone" };
        Ok(check.outcome("rbf_loss", format!("[{rows}, {columns}]{form} j = {j} {values:?}")))
    }

    /// 10 classes and 1,000, with the gradient; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for dims in [[128, 10], [10_000, 10], [1000, 1000]] {
            let (x, classes) = (b.random(&dims, 1)?, Tensor::zeros(b.device, &[dims[0]])?);
            let (mut loss, mut dx) = (b.output(&[dims[0]])?, b.output(&dims)?);
            b.case(&format!("{dims:?}"), dims[0] * dims[1], || {
                rbf_loss(&x, &classes, 0.1, Losses::at(&mut loss, 0).with_gradient(&mut dx, 0.01))
            })?;
        }
        Ok(())
    }
}
