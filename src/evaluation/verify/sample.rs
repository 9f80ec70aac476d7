//! Random numbers against the CPU path: words, uniforms and Bernoulli draws bit for bit.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::sample;
use crate::random::{Draw, philox4x32};
use crate::tensor::Tensor;

/// How far a standard normal number may differ between devices; `sample` promises it.
pub const NORMAL: f64 = 2e-5;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Philox words.
    Words,
    /// Uniform numbers.
    Uniform,
    /// Bernoulli draws from uploaded probabilities.
    Bernoulli,
    /// Normal numbers around 0 with this deviation.
    Normal(f32),
    /// Normal numbers around uploaded means.
    NormalAround(f32, Values),
}

/// One of every kind.
pub const KINDS: [Kind; 5] = [
    Kind::Words,
    Kind::Uniform,
    Kind::Bernoulli,
    Kind::Normal(0.5),
    Kind::NormalAround(2.0, Values::Ordinary),
];

/// One call that fills `[rows, columns]`.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, kind: Kind, dims: [usize; 2], draw: &Draw) -> Result<Outcome> {
    let n = dims[0] * dims[1];
    let mut inputs = Inputs::new(n as u64);
    let mut check = Check::default();
    let case = format!("{kind:?}, {dims:?}");
    let parameter = match kind {
        Kind::Bernoulli => inputs.probabilities(n),
        Kind::NormalAround(_, values) => inputs.values(values, n),
        _ => Vec::new(),
    };
    if kind == Kind::Words {
        let (expected, found) = both(device, |device| {
            let mut out = Tensor::from_u32(device, &dims, &vec![0; n])?;
            sample::words(draw, &mut out)?;
            out.to_words()
        })?;
        check.exact("words", &expected, &found);
        return Ok(check.outcome("sample", case));
    }
    let (expected, found) = both(device, |device| {
        let mut out = Tensor::for_output(device, &dims)?;
        let given = || Tensor::from_f32(device, &dims, &parameter);
        match kind {
            Kind::Bernoulli => sample::bernoulli(draw, &given()?, &mut out)?,
            Kind::Normal(deviation) => sample::gaussian(draw, None, deviation, &mut out)?,
            Kind::NormalAround(deviation, _) => {
                sample::gaussian(draw, Some(&given()?), deviation, &mut out)?;
            }
            _ => sample::uniform(draw, &mut out)?,
        }
        out.to_vec()
    })?;
    match kind {
        // mean + deviation·z: NORMAL for z, a product and a sum.
        Kind::Normal(deviation) | Kind::NormalAround(deviation, _) => {
            check.compare("out", &expected, &found, |i| {
                let mean = parameter.get(i).map_or(0.0, |m| f64::from(*m).abs());
                let whole = mean + f64::from(expected[i]).abs();
                NORMAL * f64::from(deviation) + 3.0 * EPSILON * whole + FLUSH
            });
        }
        _ => check.exact_f32("out", &expected, &found),
    }
    Ok(check.outcome("sample", case))
}

/// Counters, keys and outputs that the authors of Philox publish with Random123.
pub const PUBLISHED: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
    ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ),
];

/// The draw whose column block 0 and row 0 have this counter; the first word must be 0.
fn draw_of(counter: [u32; 4], key: [u32; 2]) -> Draw {
    Draw {
        seed: u64::from(key[0]) | u64::from(key[1]) << 32,
        stream: counter[3] as u16,
        level: (counter[3] >> 24) as u8,
        step: u64::from(counter[2]) | u64::from(counter[3] >> 16 & 0xff) << 32,
        first_case: counter[1],
    }
}

/// The published vectors. A device takes the counter's first word from the column, so the vector of
/// zeros runs as it is; the others run with that word 0, against the CPU's function, which must give all
/// three as they stand.
///
/// # Errors
/// The device's own.
pub fn published(device: &Device) -> Result<Outcome> {
    let mut check = Check::default();
    for (counter, key, output) in PUBLISHED {
        check.exact("CPU function", &output, &philox4x32(counter, key));
        let counter = [0, counter[1], counter[2], counter[3]];
        let expected = philox4x32(counter, key);
        let mut out = Tensor::from_u32(device, &[1, 4], &[0; 4])?;
        sample::words(&draw_of(counter, key), &mut out)?;
        check.exact("words", &expected, &out.to_words()?);
    }
    Ok(check.outcome("sample", "published Philox vectors".into()))
}
