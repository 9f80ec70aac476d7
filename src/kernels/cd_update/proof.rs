//! The cases that hold a device to the CPU path, and those that are timed.

use super::*;
use crate::kernels::bias_update::NEVER;
use crate::kernels::proof::*;
use crate::kernels::{Tiles, with_tiles};
use crate::tensor::house;

static SHADER_LIST: [&Shader; 9] = SHADERS.list(&[]);

pub(crate) static ENTRY: Entry = Entry::new("cd_update", &SHADER_LIST, standard, bench)
    .ahead(ahead)
    .slip(["velocity[at] = change;", "velocity[at] = change * 1.01;"]);

fn ahead(gpu: &Gpu) -> Vec<Variant> {
    let shaders = [true, false].map(|quads| SHADERS.shader_for(gpu, [785, 501, 200], quads));
    let of = |shader| {
        let variant =
            |f: Form| (shader, constants([f.centered, f.gradient, f.biases], [0, 0]).to_vec());
        FORMS.map(variant)
    };
    shaders.into_iter().flat_map(of).collect()
}

fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for tiles in Tiles::ALL {
        for form in FORMS {
            for dims in [[1, 1, 1, 1], [64, 128, 10, 10], [67, 131, 100, 37], [68, 132, 9, 5]] {
                out.push(case(device, tiles, form, dims, Values::Ordinary)?);
            }
            out.push(case(device, tiles, form, [9, 67, 5, 3], Values::NonFinite)?);
        }
        out.push(case(device, tiles, FORMS[0], [1, 1, LONG, 3], Values::Rising)?);
    }
    Ok(())
}

/// One compiled form of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// With offsets μ and λ.
    pub centered: bool,
    /// The gradient alone.
    pub gradient: bool,
    /// And both biases, which share the weights' buffer.
    pub biases: bool,
}

/// All forms.
pub const FORMS: [Form; 6] = [
    Form { centered: false, gradient: false, biases: false },
    Form { centered: true, gradient: false, biases: false },
    Form { centered: false, gradient: true, biases: false },
    Form { centered: true, gradient: true, biases: false },
    Form { centered: false, gradient: false, biases: true },
    Form { centered: true, gradient: false, biases: true },
];

/// One call with I visible and J hidden units, B cases and C chains: `dims` is `[I, J, B, C]`.
pub fn case(
    device: &Device,
    tiles: Tiles,
    form: Form,
    dims: [usize; 4],
    values: Values,
) -> Result<Outcome> {
    let [i, j, b, c] = dims;
    let mut inputs = Inputs::new((((i * 1009 + j) * 1009 + b) * 1009 + c) as u64);
    let v0 = inputs.values(values, b * i);
    let p0 = inputs.values(values, b * j);
    let vk = inputs.values(values, c * i);
    let pk = inputs.values(values, c * j);
    let mu = inputs.values(Values::Ordinary, i);
    let lambda = inputs.values(Values::Ordinary, j);
    let lengths = [i * j, i, j];
    // The weights and the biases, then their velocities.
    let before = [0; 2].map(|_| lengths.map(|n| inputs.values(Values::Ordinary, n)));
    let scales = [b, c].map(|n| 1.0 / n.max(1) as f32);
    let step = Step { rate: 0.25, momentum: 0.75, decay: 0.01 };
    let run = |device: &Device| {
        let v0 = Tensor::from_f32(device, &[b, i], &v0)?;
        let p0 = Tensor::from_f32(device, &[b, j], &p0)?;
        let vk = Tensor::from_f32(device, &[c, i], &vk)?;
        let pk = Tensor::from_f32(device, &[c, j], &pk)?;
        let mut mu = Tensor::from_f32(device, &[i], &mu)?;
        let mut lambda = Tensor::from_f32(device, &[j], &lambda)?;
        if form.biases {
            house(vec![&mut mu, &mut lambda])?;
        }
        let offsets = form.centered.then_some((&mu, &lambda));
        let phases = Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales, offsets };
        let dims: [&[usize]; 3] = [&[i, j], &[i], &[j]];
        let arrays = |values: &[Vec<f32>; 3]| {
            let mut made = Vec::new();
            for (dims, values) in dims.into_iter().zip(values) {
                made.push(Tensor::from_f32(device, dims, values)?);
            }
            house(made.iter_mut().collect())?;
            Ok(made)
        };
        let (mut now, mut kept) = (arrays(&before[0])?, arrays(&before[1])?);
        let mut status = Tensor::from_u32(device, &[1], &[NEVER])?;
        if let ([w, b, a], [dw, db, da]) = (now.as_mut_slice(), kept.as_mut_slice()) {
            match form {
                Form { gradient: true, .. } => cd_gradient(&phases, dw)?,
                Form { biases: false, .. } => cd_update(&phases, step, w, dw)?,
                _ => {
                    let watch = Watch::new(&mut status, 7);
                    let velocity = Arrays { w: dw, b: db, a: da };
                    cd_step(&phases, step, Arrays { w, b, a }, velocity, watch)?;
                }
            }
        }
        let read = |all: &[Tensor]| all.iter().map(Tensor::to_vec).collect::<Result<Vec<_>>>();
        Ok((read(&now)?, read(&kept)?, status.to_words()?))
    };
    let (expected, found) = both(device, |device| with_tiles(tiles, || run(device)))?;
    let zeros = [vec![0.0; i], vec![0.0; j]];
    let [mu, lambda] = if form.centered { [&mu, &lambda] } else { [&zeros[0], &zeros[1]] };
    let sum = |a: Vec<f64>, b: Vec<f64>| -> Vec<f64> {
        a.into_iter().zip(b).map(|(a, b)| a + b).collect()
    };
    let phase = |v: &[f32], p: &[f32], scale: f32| magnitudes(v, p, mu, lambda, scale);
    let ones = |rows: usize| vec![1.0; rows];
    let bias = |x: &[f32], offset: &[f32], rows, scale: f32| {
        magnitudes(x, &ones(rows), offset, &[0.0], scale)
    };
    let sizes = [
        sum(phase(&v0, &p0, scales[0]), phase(&vk, &pk, scales[1])),
        sum(bias(&v0, mu, b, scales[0]), bias(&vk, mu, c, scales[1])),
        sum(bias(&p0, lambda, b, scales[0]), bias(&pk, lambda, c, scales[1])),
    ];
    // B + C products of two differences and a scale, and their sum; 1.5 for both devices together. A bias takes its
    // offset back, times a number of the size of rounding.
    let terms = (b + c) as f64;
    let flush = FLUSH * (terms * 8.0 + 4.0);
    let error = |sizes: &[f64], at: usize| 1.5 * (terms + 8.0) * EPSILON * sizes[at] + flush;
    let mut check = Check::default();
    if form.gradient {
        check.compare("gradient", &expected.1[0], &found.1[0], |at| error(&sizes[0], at));
        check.exact_f32("weights", &expected.0[0], &found.0[0]);
    } else {
        for (n, name) in ["weights", "visible bias", "hidden bias"].into_iter().enumerate() {
            // Δ = m·Δ + η(G − d·w): four more operations on that sum of magnitudes, then w + Δ.
            let (rate, momentum, decay) = (0.25, 0.75, f64::from(step.decay));
            let change = |at: usize| {
                let old = momentum * f64::from(before[1][n][at]).abs();
                let decayed = decay * f64::from(before[0][n][at]).abs();
                rate * error(&sizes[n], at)
                    + 6.0 * EPSILON * (old + rate * (sizes[n][at] + decayed))
            };
            check.compare(&format!("velocity, {name}"), &expected.1[n], &found.1[n], change);
            check.compare(name, &expected.0[n], &found.0[n], |at| {
                let whole = f64::from(before[0][n][at]).abs() + f64::from(expected.1[n][at]).abs();
                change(at) + 1.5 * EPSILON * whole
            });
        }
        check.exact("status", &expected.2, &found.2);
    }
    let [centered, gradient, biases] = [
        if form.centered { ", centered" } else { "" },
        if form.gradient { ", gradient" } else { "" },
        if form.biases { ", with biases" } else { "" },
    ];
    let case =
        format!("{tiles:?}{centered}{gradient}{biases}, {i}x{j}, {b} cases, {c} chains {values:?}");
    Ok(check.outcome("cd_update", case))
}

/// scale·Σ (|v| + |μ|)(|p| + |λ|) over the rows, for every weight.
fn magnitudes(v: &[f32], p: &[f32], mu: &[f32], lambda: &[f32], scale: f32) -> Vec<f64> {
    let [i, j] = [mu.len(), lambda.len()];
    let mut sums = vec![0.0; i * j];
    if i == 0 || j == 0 {
        return sums;
    }
    let size = |x: f32, offset: f32| f64::from(x).abs() + f64::from(offset).abs();
    for (v, p) in v.chunks(i).zip(p.chunks(j)) {
        for (line, (&v, &mu)) in sums.chunks_mut(j).zip(v.iter().zip(mu)) {
            for (sum, (&p, &lambda)) in line.iter_mut().zip(p.iter().zip(lambda)) {
                *sum += f64::from(scale).abs() * size(v, mu) * size(p, lambda);
            }
        }
    }
    sums
}

/// A 784-500 machine with a batch of 100; elements are FLOP.
fn bench(b: &mut Bench<'_>) -> Result<()> {
    let (rows, i, j) = (100, 784, 500);
    let (v0, vk) = (b.random(&[rows, i], 1)?, b.random(&[rows, i], 2)?);
    let (p0, pk) = (b.random(&[rows, j], 3)?, b.random(&[rows, j], 4)?);
    let (mut weights, mut velocity) = (b.random(&[i, j], 5)?, b.random(&[i, j], 6)?);
    let (scales, work) = ([0.01, 0.01], 4 * rows * i * j);
    let phases = Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales, offsets: None };
    let step = Step { rate: 1e-3, momentum: 0.5, decay: 1e-4 };
    b.case("784x500 update", work, || cd_update(&phases, step, &mut weights, &mut velocity))?;
    b.case("784x500 gradient", work, || cd_gradient(&phases, &mut velocity))
}
