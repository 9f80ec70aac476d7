//! Groups of softmax units against the CPU path; drawn states against f64.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::categorical::{log_sum_exp, probabilities, sample};
use crate::random::{Draw, uniform};
use crate::tensor::Tensor;

/// All three functions on `[rows, groups·states]`.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    [rows, groups, states]: [usize; 3],
    values: Values,
) -> Result<Outcome> {
    let columns = groups * states;
    let x = Inputs::new((rows * 1009 + columns) as u64).values(values, rows * columns);
    let draw = Draw::new(55, 4).at_level(3).at(1 << 35).from_case(7);
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &[rows, columns], &x)?;
        let mut p = Tensor::for_output(device, &[rows, columns])?;
        probabilities(&x, states, &mut p)?;
        let mut state = Tensor::for_output(device, &[rows, columns])?;
        sample(&x, states, &draw, &mut state)?;
        let mut sums = Tensor::for_output(device, &[rows, groups])?;
        log_sum_exp(&x, states, &mut sums)?;
        Ok([p.to_vec()?, state.to_vec()?, sums.to_vec()?])
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    let tolerances: Vec<f64> = x.chunks(states).map(|x| relative(x, 1.0)).collect();
    check.compare("p", &expected[0], &found[0], |at| {
        1.5 * f64::from(expected[0][at]) * tolerances[at / states] + 4.0 * FLUSH
    });
    check.compare("ln of the sum", &expected[2], &found[2], |at| {
        // The sum's own error, that of the logarithm (2⁻²¹ near 1) and the last addition's.
        let size = f64::from(expected[2][at]).abs();
        1.5 * (tolerances[at] + 4.0 * EPSILON * (size + 2.0))
    });
    for (at, (x, found)) in x.chunks(states).zip(found[1].chunks(states)).enumerate() {
        let word = draw.word((at / groups) as u32, (at % groups) as u32);
        check_state(&mut check, x, 1.0, (uniform(word), found));
    }
    let shape = format!("[{rows}, {groups} groups of {states}] {values:?}");
    Ok(check.outcome("categorical", shape))
}

/// That the state drawn by u is one whose share of the cumulative sum holds u, to within rounding; zeros where an
/// input is no number.
pub(super) fn check_state(check: &mut Check, x: &[f32], beta: f32, (u, found): (f32, &[f32])) {
    let refuse = |check: &mut Check| {
        check.note(f64::INFINITY, || format!("state {found:?} for u = {u:e} of {x:?}"));
    };
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, |m, x| m.max(f64::from(x)));
    let e: Vec<f64> =
        x.iter().map(|&x| (f64::from(beta) * (f64::from(x) - largest)).exp()).collect();
    let sum: f64 = e.iter().sum();
    let ones: Vec<usize> = (0..x.len()).filter(|&k| found[k] == 1.0).collect();
    let zeros = found.iter().filter(|&&s| s == 0.0).count();
    if sum.is_nan() {
        if zeros != x.len() {
            refuse(check);
        }
        return;
    }
    let (&[one], true) = (&ones[..], zeros + 1 == x.len()) else { return refuse(check) };
    let below: f64 = e[..one].iter().sum::<f64>() / sum;
    let tolerance = relative(x, beta);
    let u = f64::from(u);
    if u < below - tolerance || u > below + e[one] / sum + tolerance {
        refuse(check);
    }
}

/// By how much exp(β(x − max))/Σ may err relatively: each argument by two roundings, exp by EPSILON·(3 + 2|d|), the
/// sum by its additions and by the weighted mean of its terms' errors, which the largest bounds. Past 104 the
/// exponential is 0 in f32.
pub(super) fn relative(x: &[f32], beta: f32) -> f64 {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let distance = |x: &f32| (f64::from(beta) * f64::from(largest - x)).abs().min(104.0);
    let widest = x.iter().map(distance).fold(0.0, f64::max);
    2.0 * EPSILON * (x.len() as f64 + 8.0 + 4.0 * widest)
}

/// The standard set.
///
/// # Errors
/// The device's own.
pub fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for dims in [[1, 1, 1], [3, 5, 4], [101, 2, 10], [7, 67, 3], [5, 1, 300]] {
        for values in Values::ALL {
            out.push(case(device, dims, values)?);
        }
    }
    Ok(())
}
