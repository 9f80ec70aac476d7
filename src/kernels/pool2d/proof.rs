//! Pooling against the CPU path: maxima and their indices exactly, averages to rounding.

use super::*;
use crate::kernels::proof::*;

pub(crate) static ENTRY: Entry = Entry::new("pool2d", &[&SHADER], standard, bench)
    .slip(["y[i] = sum / (", "y[i] = 1.001 * sum / ("]);

fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for form in POOLS.into_iter().flat_map(forms) {
        out.push(case(device, &form, [2, 3, 28, 28], Values::Ordinary)?);
        for values in Values::ALL {
            out.push(case(device, &form, [3, 2, 7, 11], values)?);
        }
    }
    for pool in POOLS {
        let long = Pooling { stride: [1, 1], ..Pooling::new(pool, [300, 301]) };
        out.push(case(device, &long, [1, 1, 300, 304], Values::Rising)?);
    }
    Ok(())
}

/// Every kind of pool, on windows side by side.
pub const POOLS: [Pool; 3] =
    [Pool::Maximum, Pool::Average { count_padding: true }, Pool::Average { count_padding: false }];

/// Windows side by side; windows that overlap, padded; sizes rounded up.
pub fn forms(pool: Pool) -> [Pooling; 3] {
    [
        Pooling::new(pool, [2, 2]),
        Pooling { stride: [2, 1], padding: [1, 2], ..Pooling::new(pool, [3, 4]) },
        Pooling { stride: [3, 2], padding: [1, 0], ceil: true, ..Pooling::new(pool, [2, 3]) },
    ]
}

/// The result of a pool of `x` with `dims`, and the indices of a maximum.
pub(crate) fn pooled(
    device: &Device,
    pooling: &Pooling,
    dims: [usize; 4],
    x: &[f32],
) -> Result<(Vec<f32>, Vec<u32>)> {
    let [b, c, h, w] = dims;
    let [oh, ow] = pooling.output_size("pool2d", [h, w])?;
    let x = Tensor::from_f32(device, &dims, x)?;
    let mut y = Tensor::for_output(device, &[b, c, oh, ow])?;
    if pooling.pool != Pool::Maximum {
        pool2d(&x, pooling, Pooled::new(&mut y))?;
        return Ok((y.to_vec()?, Vec::new()));
    }
    let mut indices = Tensor::for_indices(device, &[b, c, oh, ow])?;
    pool2d(&x, pooling, Pooled::new(&mut y).with_indices(&mut indices))?;
    Ok((y.to_vec()?, indices.to_words()?))
}

/// One call on `[B, C, H, W]`. An average of h × w values is h + w − 1 additions and a quotient.
pub fn case(
    device: &Device,
    pooling: &Pooling,
    dims: [usize; 4],
    values: Values,
) -> Result<Outcome> {
    let count = dims.iter().product();
    let x = Inputs::new(count as u64).values(values, count);
    let (expected, found) = both(device, |device| pooled(device, pooling, dims, &x))?;
    let mut check = Check::default();
    if pooling.pool == Pool::Maximum {
        // Of values that are flushed a maximum may be any: it is out by one's distance to 0 and by another's.
        check.compare("y", &expected.0, &found.0, |_| 2.0 * FLUSH);
        // What is flushed to 0 equals its neighbours.
        if values != Values::Subnormal {
            check.exact("indices", &expected.1, &found.1);
        }
    } else {
        let sizes: Vec<f32> = x.iter().map(|x| x.abs()).collect();
        let sizes = pooled(&Device::cpu(), pooling, dims, &sizes)?.0;
        let steps = (pooling.size[0] + pooling.size[1] + 4) as f64;
        check.compare("y", &expected.0, &found.0, |i| {
            1.5 * EPSILON * steps * f64::from(sizes[i]) + FLUSH * steps
        });
    }
    Ok(check.outcome("pool2d", format!("{pooling:?}, {dims:?} {values:?}")))
}

/// What is measured: windows side by side and ones that overlap, on a batch of 128 with 6 channels.
pub(crate) fn measured() -> impl Iterator<Item = (String, Pooling)> {
    POOLS.into_iter().flat_map(|pool| {
        [[2, 2], [3, 3]].map(|size| {
            let pooling = Pooling { stride: [2, 2], ..Pooling::new(pool, size) };
            (format!("{pool:?} {}x{}", size[0], size[1]), pooling)
        })
    })
}

/// Elements are pixels of the input.
fn bench(b: &mut Bench<'_>) -> Result<()> {
    let dims = [128, 6, 28, 28];
    let x = b.random(&dims, 1)?;
    for (name, pooling) in measured() {
        let [oh, ow] = pooling.output_size("bench", [28, 28])?;
        let mut y = b.output(&[128, 6, oh, ow])?;
        let mut indices = Tensor::for_indices(b.device, &[128, 6, oh, ow])?;
        b.case(&name, dims.iter().product(), || {
            let indices = (pooling.pool == Pool::Maximum).then_some(&mut indices);
            pool2d(&x, &pooling, Pooled { y: &mut y, indices })
        })?;
    }
    Ok(())
}
