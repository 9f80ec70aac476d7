//! The matrix product and its epilogue against the CPU path and against its unfused parts.

use super::sums::proof::sums_case;
use super::timed::bench;
use super::*;
use crate::kernels::activation::proof::{slope, tolerance};
use crate::kernels::activation_grad::proof::onward;
use crate::kernels::proof::*;
use crate::kernels::sample::proof::NORMAL;
use crate::kernels::{Tiles, sample, with_tiles};
use crate::random::uniform;

static SHADER_LIST: [&Shader; 9] = SHADERS.list(&[]);

pub(crate) static ENTRY: Entry = Entry::new("matmul", &SHADER_LIST, standard, bench)
    .ahead(ahead)
    .slip(["x *= params.alpha;", "x *= params.alpha * 1.01;"]);

/// Half-steps of a machine, with a mean, a sample or both, and the plain products of centring; for rows that are whole
/// vectors of four, and for others.
fn ahead(gpu: &Gpu) -> Vec<Variant> {
    let sizes = |t: Transpose| if t.b { [100, 784, 500] } else { [100, 500, 784] };
    let variant = |in_quads, transpose, activation, bias, [mean, sample]: [bool; 2]| {
        let noise = match activation {
            Activation::Identity => Noise::Gaussian(1.0),
            _ => Noise::Bernoulli,
        };
        let (biases, noise) = ([false, bias], sample.then_some(noise));
        let compiled =
            Compiled { transpose, add: 0, biases, activation, mean, slope: 0, ones: 0, noise };
        (SHADERS.shader_for(gpu, sizes(transpose), in_quads), compiled.constants().to_vec())
    };
    let (sigmoid, identity) = (Activation::Sigmoid, Activation::Identity);
    let mut all = Vec::new();
    for quads in [true, false] {
        for outputs in [[true, false], [false, true], [true, true]] {
            all.push(variant(quads, Transpose::NN, sigmoid, true, outputs));
            all.push(variant(quads, Transpose::NT, sigmoid, true, outputs));
            all.push(variant(quads, Transpose::NT, identity, true, outputs));
        }
        let plain = |t| variant(quads, t, identity, false, [true, false]);
        all.extend([Transpose::NN, Transpose::NT].map(plain));
    }
    all
}

fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for tiles in Tiles::ALL {
        for form in FORMS {
            for dims in [
                [1, 1, 1],
                [5, 3, 0],
                [63, 127, 15],
                [65, 129, 17],
                [100, 131, 257],
                [132, 136, 44],
            ] {
                out.push(case(device, tiles, form, dims, Values::Ordinary)?);
            }
            for values in [Values::Huge, Values::NonFinite] {
                out.push(case(device, tiles, form, [9, 67, 31], values)?);
            }
        }
        out.push(case(device, tiles, PLAIN, [1, 1, LONG], Values::Rising)?);
        let mut inputs = Inputs::new(1);
        let sums = [
            (Sums::OfA, [64, 67, 31]),
            (Sums::OfB, [37, 64, 31]),
            (Sums::OfB, [36, 64, 31]),
            (Sums::OfB, [132, 4, 5]),
        ];
        for (of, dims) in sums {
            out.push(sums_case(device, tiles, of, dims)?);
        }
        for [m, n, k] in [[37, 67, 19], [36, 68, 20]] {
            let mut values = |n| inputs.values(Values::Ordinary, n);
            let a = Tensor::from_f32(device, &[m, k], &values(m * k))?;
            let b = Tensor::from_f32(device, &[n, k], &values(n * k))?;
            out.push(with_tiles(tiles, || {
                onward("matmul", device, (&[m, n], &format!(", {tiles:?}")), |_, onward| {
                    let epilogue = Epilogue { slope: onward.through, ..Epilogue::default() };
                    matmul(&a, &b, Transpose::NT, &epilogue, onward.dx)
                })
            })?);
        }
    }
    Ok(())
}

/// One compiled form of the kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Form {
    /// Which operands are stored transposed.
    pub transpose: Transpose,
    /// Whether there is a C.
    pub c: bool,
    /// Whether C is what the output held.
    pub accumulate: bool,
    /// Whether bias₀ and bias₁ are there.
    pub biases: [bool; 2],
    /// f.
    pub activation: Activation,
    /// Whether the mean is an output.
    pub mean: bool,
    /// The sample, if one is drawn.
    pub noise: Option<Noise>,
}

/// The plain product; the others are made from it.
pub const PLAIN: Form = Form {
    transpose: Transpose::NN,
    c: false,
    accumulate: false,
    biases: [false, false],
    activation: Activation::Identity,
    mean: true,
    noise: None,
};

/// Forms that together use every transposition, addend, bias, activation and noise.
pub const FORMS: [Form; 7] = [
    PLAIN,
    Form {
        transpose: Transpose::NT,
        biases: [false, true],
        activation: Activation::Sigmoid,
        noise: Some(Noise::Bernoulli),
        ..PLAIN
    },
    Form {
        transpose: Transpose::TN,
        c: true,
        biases: [true, true],
        activation: Activation::Tanh,
        ..PLAIN
    },
    Form {
        transpose: Transpose::TT,
        accumulate: true,
        activation: Activation::Softplus,
        noise: Some(Noise::Gaussian(0.5)),
        ..PLAIN
    },
    Form {
        biases: [false, true],
        activation: Activation::Sigmoid,
        mean: false,
        noise: Some(Noise::Bernoulli),
        ..PLAIN
    },
    Form {
        transpose: Transpose::NT,
        biases: [true, false],
        activation: Activation::Relu,
        mean: false,
        noise: Some(Noise::Gaussian(2.0)),
        ..PLAIN
    },
    UPLOADED,
];

/// Nothing is computed: with k = 0, C is the probability, and the sample must be exact.
pub const UPLOADED: Form = Form { c: true, mean: false, noise: Some(Noise::Bernoulli), ..PLAIN };

/// The numbers of one case.
struct Data {
    dims: [usize; 3],
    form: Form,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    bias0: Vec<f32>,
    bias1: Vec<f32>,
    alpha: f32,
    beta: f32,
    draw: Draw,
}

impl Data {
    fn new(form: Form, dims: [usize; 3], values: Values) -> Self {
        let [m, n, k] = dims;
        let mut inputs = Inputs::new(((m * 1009 + n) * 1009 + k) as u64);
        let plain = form.biases == [false, false];
        Data {
            dims,
            form,
            a: inputs.values(values, m * k),
            b: inputs.values(values, k * n),
            c: if form == UPLOADED {
                inputs.probabilities(m * n)
            } else {
                inputs.values(values, m * n)
            },
            bias0: inputs.values(values, n),
            bias1: inputs.values(values, n),
            alpha: if plain { 1.0 } else { 0.8 },
            beta: if form.biases == [true, true] {
                0.3
            } else {
                1.0 - 0.25 * f32::from(form.biases[0])
            },
            draw: Draw::new(0xfeed_0123_4567, 9).at(5 << 32 | 77).from_case(12),
        }
    }

    /// The mean and the sample, empty where the form has none. Where both exist, the third is what
    /// drawing from the mean in a second call gives.
    fn run(&self, device: &Device) -> Result<[Vec<f32>; 3]> {
        let [m, n, k] = self.dims;
        let f = self.form;
        let turned = |t: bool, [r, c]: [usize; 2]| if t { [c, r] } else { [r, c] };
        let a = Tensor::from_f32(device, &turned(f.transpose.a, [m, k]), &self.a)?;
        let b = Tensor::from_f32(device, &turned(f.transpose.b, [k, n]), &self.b)?;
        let c = Tensor::from_f32(device, &[m, n], &self.c)?;
        let bias0 = Tensor::from_f32(device, &[n], &self.bias0)?;
        let bias1 = Tensor::from_f32(device, &[n], &self.bias1)?;
        let epilogue = Epilogue {
            alpha: self.alpha,
            beta: self.beta,
            c: f.c.then_some(&c),
            bias0: f.biases[0].then_some(&bias0),
            bias1: f.biases[1].then_some(&bias1),
            activation: f.activation,
            accumulate: f.accumulate,
            slope: None,
        };
        let mut mean = Tensor::from_f32(device, &[m, n], &self.c)?;
        let Some(noise) = f.noise else {
            matmul(&a, &b, f.transpose, &epilogue, &mut mean)?;
            return Ok([mean.to_vec()?, Vec::new(), Vec::new()]);
        };
        let mut drawn = Tensor::for_output(device, &[m, n])?;
        let sampled = Sampled {
            mean: f.mean.then_some(&mut mean),
            ..Sampled::new(noise, &self.draw, &mut drawn)
        };
        matmul_sample(&a, &b, f.transpose, &epilogue, sampled)?;
        if !f.mean {
            return Ok([Vec::new(), drawn.to_vec()?, Vec::new()]);
        }
        let mut again = Tensor::for_output(device, &[m, n])?;
        match noise {
            Noise::Bernoulli => sample::bernoulli(&self.draw, &mean, &mut again)?,
            Noise::Gaussian(s) => sample::gaussian(&self.draw, Some(&mean), s, &mut again)?,
        }
        Ok([mean.to_vec()?, drawn.to_vec()?, again.to_vec()?])
    }

    /// The mean on the CPU, whether the form asks for it or not.
    fn mean_on_cpu(&self) -> Result<Vec<f32>> {
        let asked = Data {
            form: Form { mean: true, noise: None, ..self.form },
            a: self.a.clone(),
            b: self.b.clone(),
            c: self.c.clone(),
            bias0: self.bias0.clone(),
            bias1: self.bias1.clone(),
            ..*self
        };
        let [mean, ..] = asked.run(&Device::cpu())?;
        Ok(mean)
    }

    /// How far each element of the mean may differ. x = α(Σ aᵢbᵢ + C) + (1 − β)·bias₀ + β·bias₁ takes K
    /// products and sums and up to eight more operations, each erring by at most EPSILON relative to the
    /// sum of the magnitudes on a GPU and half of that on the CPU: 1.5·(K + 8)·ε·S together. A flush of
    /// an operand or product costs at most 2⁻¹²⁶ times the other factor. The activation passes that on
    /// with its slope and adds its own.
    fn tolerances(&self) -> Vec<f64> {
        let [m, n, k] = self.dims;
        let sizes = |x: &[f32]| x.iter().map(|x| f64::from(*x).abs()).collect::<Vec<f64>>();
        // Infinities make infinite sums, which need no tolerance.
        let finite = |x: &&f64| x.is_finite();
        let largest = |x: &[f64]| x.iter().filter(finite).copied().fold(0.0, f64::max);
        let (a, b) = (sizes(&self.a), sizes(&self.b));
        let flush = FLUSH * (k as f64 * (1.0 + largest(&a) + largest(&b)) + 4.0);
        let t = self.form.transpose;
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        let has_c = self.form.c || self.form.accumulate;
        let mut tolerances = vec![0.0; m * n];
        let mut signed = vec![0.0; n];
        for row in 0..m {
            let out = &mut tolerances[row * n..(row + 1) * n];
            signed.fill(0.0);
            for kk in 0..k {
                let at_a = if t.a { kk * m + row } else { row * k + kk };
                for (column, (sum, x)) in out.iter_mut().zip(&mut signed).enumerate() {
                    let at_b = if t.b { column * k + kk } else { kk * n + column };
                    *sum += a[at_a] * b[at_b];
                    *x += f64::from(self.a[at_a]) * f64::from(self.b[at_b]);
                }
            }
            for (column, (sum, x)) in out.iter_mut().zip(&signed).enumerate() {
                let mut value = *x;
                if has_c {
                    value += f64::from(self.c[row * n + column]);
                    *sum += f64::from(self.c[row * n + column]).abs();
                }
                *sum *= alpha.abs();
                value *= alpha;
                let weights = [1.0 - beta, beta];
                let biases = [self.bias0[column], self.bias1[column]];
                for ((bias, weight), on) in biases.iter().zip(weights).zip(self.form.biases) {
                    if on {
                        *sum += weight.abs() * f64::from(*bias).abs();
                        value += weight * f64::from(*bias);
                    }
                }
                let delta = 1.5 * (k as f64 + 8.0) * EPSILON * *sum + flush;
                let f = self.form.activation;
                *sum = slope(f) * delta + tolerance(f, value);
            }
        }
        tolerances
    }

    fn uniforms(&self) -> Vec<f32> {
        let [m, n, _] = self.dims;
        let cells = (0..m * n).map(|i| ((i / n) as u32, (i % n) as u32));
        cells.map(|(row, column)| uniform(self.draw.word(row, column))).collect()
    }
}

/// One call with A `[m, k]` and B `[k, n]`, `dims` being `[m, n, k]`.
pub fn case(
    device: &Device,
    tiles: Tiles,
    form: Form,
    dims: [usize; 3],
    values: Values,
) -> Result<Outcome> {
    let data = Data::new(form, dims, values);
    let (expected, found) = both(device, |device| with_tiles(tiles, || data.run(device)))?;
    let ([_, sample, _], [found_mean, found_sample, again]) = (expected, found);
    let mean = data.mean_on_cpu()?;
    let mut tolerances = data.tolerances();
    if form == UPLOADED && dims[2] == 0 {
        tolerances.fill(0.0);
    }
    let mut check = Check::default();
    if form.mean {
        check.compare("mean", &mean, &found_mean, |i| tolerances[i]);
    }
    match form.noise {
        None => {}
        Some(Noise::Bernoulli) => {
            let u = data.uniforms();
            check.bernoulli(&mean, &u, &found_sample, |i| tolerances[i]);
            if form.mean {
                // The parts of the same device: not one bit may differ.
                check.exact_f32("sample against its parts", &again, &found_sample);
            }
        }
        Some(Noise::Gaussian(deviation)) => {
            let noise = |i: usize| {
                let size = f64::from(mean[i]).abs() + f64::from(sample[i]).abs();
                NORMAL * f64::from(deviation) + 3.0 * EPSILON * size + FLUSH
            };
            check.compare("sample", &sample, &found_sample, |i| tolerances[i] + noise(i));
            if form.mean {
                check.compare("sample against its parts", &again, &found_sample, noise);
            }
        }
    }
    Ok(check.outcome("matmul", name(tiles, form, dims, values)))
}

fn name(tiles: Tiles, f: Form, [m, n, k]: [usize; 3], values: Values) -> String {
    let letter = |t: bool| if t { 'T' } else { 'N' };
    let mut name =
        format!("{tiles:?} {}{} {:?}", letter(f.transpose.a), letter(f.transpose.b), f.activation);
    for (on, what) in [
        (f.c, " + C"),
        (f.accumulate, " + old"),
        (f.biases[0], " + bias0"),
        (f.biases[1], " + bias1"),
        (!f.mean, ", no mean"),
    ] {
        name.push_str(if on { what } else { "" });
    }
    if let Some(noise) = f.noise {
        name.push_str(&format!(", {noise:?}"));
    }
    format!("{name}, {m}x{n}x{k} {values:?}")
}
