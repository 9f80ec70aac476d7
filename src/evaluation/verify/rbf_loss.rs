//! LeNet-5's loss against the CPU path.

use super::compare::Check;
use super::cross_entropy::{Allowed, classes};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::rbf_loss::rbf_loss;
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for dims in [[1, 1], [5, 10], [7, 1000]] {
        for values in Values::ALL {
            out.push(case(device, dims, (true, 0.5), values)?);
        }
    }
    out.push(case(device, [100, 10], (true, 1e6), Values::Wide)?);
    out.push(case(device, [100, 10], (false, -1e6), Values::Wide)?);
    Ok(())
}

/// One call on `[rows, columns]` with or without a gradient, and with this j; every ninth class is none.
///
/// # Errors
/// The device's own.
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
        rbf_loss(&y, &classes, [j, scale], (&mut loss, 2), gradient.then_some(&mut dy))?;
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
