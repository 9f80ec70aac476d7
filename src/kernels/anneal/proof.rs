//! What the annealing step is held to, and what is measured of it.

use super::*;
use crate::kernels::categorical::proof::{check_state, relative};
use crate::kernels::proof::*;
use crate::kernels::sample;
use crate::random::{normal, uniform};

pub(crate) static ENTRY: Entry = Entry::new("anneal", &[&SHADER], standard, bench)
    .slip(["= partial[0];", "= partial[0] * 1.01;"]);

fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for form in FORMS {
        for betas in [[0.9, 0.901], [0.0, 1.0], [1.0, 0.5]] {
            out.push(case(device, [10, 131, 67], betas, form, Values::Ordinary)?);
        }
        out.push(case(device, [7, 4, 1], [0.3, 0.31], form, Values::Wide)?);
        out.push(case(device, [5, 67, 9], [0.5, 0.75], form, Values::NonFinite)?);
    }
    // Two groups for the first eight invocations.
    let form = Form { hidden: Hidden::Softmax(5000), samples: true };
    out.push(case(device, [1, 72 * 5000, 9], [0.5, 0.75], form, Values::Rising)?);
    Ok(())
}

/// What is annealed: which hidden units, with or without samples.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The units.
    pub hidden: Hidden,
    /// Whether states are drawn.
    pub samples: bool,
}

/// Each kind of hidden units without and with samples.
pub const FORMS: [Form; 6] = {
    const fn form(hidden: Hidden, samples: bool) -> Form {
        Form { hidden, samples }
    }
    [
        form(Hidden::Bernoulli, false),
        form(Hidden::Bernoulli, true),
        form(Hidden::Gaussian, false),
        form(Hidden::Gaussian, true),
        form(Hidden::Softmax(3), false),
        form(Hidden::Softmax(3), true),
    ]
};

/// One call for C chains, J hidden and I visible units: `dims` is `[C, J, I]`, of softmax groups as many units as
/// make whole ones.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    dims: [usize; 3],
    betas: [f32; 2],
    form: Form,
    values: Values,
) -> Result<Outcome> {
    let [c, mut j, i] = dims;
    let Form { hidden, samples } = form;
    if let Hidden::Softmax(states) = hidden {
        j -= j % states;
    }
    let mut inputs = Inputs::new(((c * 1009 + j) * 1009 + i) as u64);
    let field = inputs.values(values, c * j);
    let v = inputs.values(Values::Ordinary, c * i);
    let tilt = inputs.values(Values::Ordinary, i);
    let draw = Draw::new(77, 3).at(1 << 33).from_case(5);
    let run = |device: &Device| {
        let field = Tensor::from_f32(device, &[c, j], &field)?;
        let v = Tensor::from_f32(device, &[c, i], &v)?;
        let tilt = Tensor::from_f32(device, &[i], &tilt)?;
        let chains = Chains { field: &field, v: &v, tilt: &tilt, hidden };
        // Row 1 is written; rows 0 and 2 must stay.
        let mut increments = Tensor::from_f32(device, &[3, c], &vec![7.0; 3 * c])?;
        let mut h = Tensor::zeros(device, &[c, j])?;
        let sample = samples.then_some(Draws { beta: betas[1], draw: &draw, h: &mut h });
        anneal(&chains, betas, Place::at(&mut increments, 1), sample)?;
        let mut u = Tensor::zeros(device, &[c, j])?;
        sample::uniform(&draw, &mut u)?;
        Ok((increments.to_vec()?, h.to_vec()?, u.to_vec()?))
    };
    let (expected, found) = both(device, run)?;
    let tolerances: Vec<f64> = (0..c)
        .map(|chain| {
            let field = &field[chain * j..(chain + 1) * j];
            let v = &v[chain * i..(chain + 1) * i];
            tolerance(field, v, &tilt, betas, hidden)
        })
        .collect();
    let mut check = Check::default();
    check.compare("increments", &expected.0, &found.0, |at| match at / c.max(1) {
        1 => tolerances[at % c],
        _ => 0.0,
    });
    match hidden {
        _ if !samples => {}
        Hidden::Bernoulli => {
            let p: Vec<f32> = field.iter().map(|&x| sigmoid(betas[1] * x)).collect();
            // The argument's rounding moves p by |x| EPSILON, exp and the quotient by some EPSILON more.
            check.bernoulli(&p, &expected.2, &found.1, |at| {
                EPSILON * (8.0 + 2.0 * f64::from(betas[1] * field[at]).abs().min(104.0))
            });
        }
        Hidden::Gaussian => {
            let noise = |at: usize| {
                normal(draw.block((at / j) as u32, (at % j) as u32 / 4), (at % j) as u32 % 4)
            };
            let h: Vec<f32> =
                field.iter().enumerate().map(|(at, x)| betas[1] * x + noise(at)).collect();
            check.compare("h", &h, &found.1, |at| 2e-5 + 2.0 * EPSILON * f64::from(h[at]).abs());
        }
        Hidden::Softmax(states) => {
            let groups = j / states;
            for (at, x) in field.chunks(states).enumerate() {
                let word = draw.word((at / groups) as u32, (at % groups) as u32);
                let found = &found.1[at * states..(at + 1) * states];
                check_state(&mut check, x, betas[1], (uniform(word), found));
            }
        }
    }
    let with = if samples { "and samples" } else { "alone" };
    Ok(check.outcome(
        "anneal",
        format!(
            "{hidden:?} {} to {} {with}, {c} chains, {j} and {i} units {values:?}",
            betas[0], betas[1]
        ),
    ))
}

/// The bound for one chain: I products and J steps are added, each addition erring by EPSILON of what is
/// added so far. A step by series errs by its truncation (z⁶/720 of z, below 10 EPSILON at z = ¼) and some 20
/// roundings; a step by difference by those of two softplus, each 4 roundings of its size and |x| more for the
/// rounding of exp's argument. A Gaussian unit's step has 8 roundings; a group's errs by the relative error of its
/// sums, and by that times the step where it goes by series.
fn tolerance(field: &[f32], v: &[f32], tilt: &[f32], [from, to]: [f32; 2], hidden: Hidden) -> f64 {
    let change = f64::from(to - from).abs();
    let linear: f64 = v.iter().zip(tilt).map(|(v, d)| change * f64::from(v * d).abs()).sum();
    let mut size = linear;
    let mut own = 4.0 * EPSILON * linear;
    match hidden {
        Hidden::Bernoulli => {
            for &x in field {
                let x = f64::from(x).abs();
                let z = change * x;
                size += z;
                own += if z < 0.26 { 32.0 * EPSILON * z } else { 0.0 };
                if z > 0.24 {
                    own += EPSILON * (8.0 + 6.0 * x * f64::from(from.max(to)));
                }
            }
        }
        Hidden::Gaussian => {
            for &x in field {
                let step = 0.5 * change * f64::from(from + to) * f64::from(x).powi(2);
                size += step;
                own += 8.0 * EPSILON * step;
            }
        }
        Hidden::Softmax(states) => {
            for x in field.chunks(states) {
                let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let distances = x.iter().map(|x| change * f64::from(largest - x).abs());
                let (widest, lift) =
                    (distances.fold(0.0, f64::max), change * f64::from(largest).abs());
                let sums = relative(x, from.max(to));
                size += widest + lift;
                own += 4.0 * EPSILON * lift;
                own += if widest < 0.26 { (2.0 * sums + 32.0 * EPSILON) * widest } else { 0.0 };
                if widest > 0.24 {
                    own += 2.0 * sums + 8.0 * EPSILON * (states as f64);
                }
            }
        }
    }
    let terms = (field.len() + v.len()) as f64;
    1.5 * (own + (terms / 64.0 + 12.0) * EPSILON * size) + FLUSH * (terms + 4.0)
}

/// 100 chains of a 784-500 machine; elements are hidden units times chains.
fn bench(b: &mut Bench<'_>) -> Result<()> {
    let (count, i, j) = (100, 784, 500);
    let (field, v) = (b.random(&[count, j], 1)?, b.random(&[count, i], 2)?);
    let (tilt, mut increments) = (b.random(&[i], 3)?, Tensor::zeros(b.device, &[1, count])?);
    let (draw, mut h) = (Draw::new(1, 1), b.output(&[count, j])?);
    let hidden = Hidden::Bernoulli;
    let chains = Chains { field: &field, v: &v, tilt: &tilt, hidden };
    b.case("100 chains, 784-500", count * j, || {
        let sample = Some(Draws { beta: 0.9, draw: &draw, h: &mut h });
        anneal(&chains, [0.9, 0.901], Place::at(&mut increments, 0), sample)
    })
}
