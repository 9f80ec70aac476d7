//! The matrix product with its epilogue: `f(α(AB + C) + (1 − β)·bias₀ + β·bias₁)`, and samples of it,
//! in one dispatch.
//!
//! A half-step of a Boltzmann machine is one call: `sample_h_from_v` is V·W + a, sigmoid, Bernoulli.
//! C serves a layer that is fed from two sides; α and β serve tempering and annealed importance
//! sampling (Salakhutdinov and Murray 2008, eq. 15–19).
//!
//! Accumulation: on GPUs in ascending k in f32, one sum per element; on the CPU in the blocks of the
//! `gemm` crate. Against exact arithmetic each is within (K + 4)·ε·Σ|aᵢbᵢ| of the product.

use rayon::prelude::*;

use super::activation::Activation;
use super::tile::{self, Tiled};
use super::{expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Cpu, GemmOperand, Gpu, Shader};
use crate::error::{Error, Result};
use crate::random::{self, Draw};
use crate::tensor::Tensor;

pub(crate) static SHADERS: Tiled = Tiled {
    workgroup: Shader {
        name: "matmul",
        ..shader!("matmul", "philox", "activation", "tile_workgroup")
    },
    register: Shader {
        name: "matmul_register",
        ..shader!("matmul", "philox", "activation", "tile_register")
    },
};

/// What becomes of the product.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// α, the factor of AB + C.
    pub alpha: f32,
    /// β, the weight of `bias1`; `bias0` has 1 − β.
    pub beta: f32,
    /// C `[m, n]`, added before everything else.
    pub c: Option<&'a Tensor>,
    /// bias₀ `[n]`, added to every row with weight 1 − β.
    pub bias0: Option<&'a Tensor>,
    /// bias₁ `[n]`, added to every row with weight β.
    pub bias1: Option<&'a Tensor>,
    /// f.
    pub activation: Activation,
    /// Whether C is what the output held before.
    pub accumulate: bool,
}

impl Default for Epilogue<'_> {
    /// The plain product: α = β = 1 and nothing else.
    fn default() -> Self {
        Epilogue {
            alpha: 1.0,
            beta: 1.0,
            c: None,
            bias0: None,
            bias1: None,
            activation: Activation::Identity,
            accumulate: false,
        }
    }
}

impl<'a> Epilogue<'a> {
    /// f(AB + bias).
    pub fn new(bias: &'a Tensor, activation: Activation) -> Self {
        Epilogue { bias1: Some(bias), activation, ..Self::default() }
    }
}

/// Which operands are stored transposed: A as `[k, m]`, B as `[n, k]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transpose {
    /// A is stored as `[k, m]`.
    pub a: bool,
    /// B is stored as `[n, k]`.
    pub b: bool,
}

impl Transpose {
    /// Neither.
    pub const NN: Self = Transpose { a: false, b: false };
    /// B alone.
    pub const NT: Self = Transpose { a: false, b: true };
    /// A alone.
    pub const TN: Self = Transpose { a: true, b: false };
    /// Both.
    pub const TT: Self = Transpose { a: true, b: true };
}

/// The noise of a sample around the mean f(…).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// 1 with probability f(…), else 0.
    Bernoulli,
    /// f(…) plus a normal number of this standard deviation.
    Gaussian(f32),
}

/// `out = f(α(AB + C) + biases)`: A `[m, k]`, B `[k, n]`, out `[m, n]`, all f32.
///
/// With k = 0 the product is 0 and the epilogue still applies. NaN and infinities spread as in any sum.
///
/// ```
/// use harmonium::kernels::matmul::{Epilogue, Transpose, matmul};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let a = Tensor::from_f32(&device, &[1, 2], &[1., 2.])?;
/// let b = Tensor::from_f32(&device, &[2, 2], &[1., 2., 3., 4.])?;
/// let mut out = Tensor::for_output(&device, &[1, 2])?;
/// matmul(&a, &b, Transpose::NN, &Epilogue::default(), &mut out)?;
/// assert_eq!(out.to_vec()?, [7., 10.]);
/// matmul(&a, &b, Transpose::NT, &Epilogue::default(), &mut out)?;
/// assert_eq!(out.to_vec()?, [5., 11.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] where sizes do not fit or the output is also an argument,
/// [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn matmul(
    a: &Tensor,
    b: &Tensor,
    transpose: Transpose,
    epilogue: &Epilogue<'_>,
    out: &mut Tensor,
) -> Result<()> {
    let product = Product::new(a, b, transpose, epilogue, out)?;
    product.run(Outputs { mean: Some(out), sample: None, noise: None })
}

/// As [`matmul`], and a sample of the result: row r takes the random numbers of case
/// `draw.first_case + r`, column by column ([`crate::random`]). The mean is written only where it is
/// asked for; `accumulate` needs it.
///
/// # Errors
/// As [`matmul`].
pub fn matmul_sample(
    a: &Tensor,
    b: &Tensor,
    transpose: Transpose,
    epilogue: &Epilogue<'_>,
    (noise, draw): (Noise, &Draw),
    mean: Option<&mut Tensor>,
    sample: &mut Tensor,
) -> Result<()> {
    let product = Product::new(a, b, transpose, epilogue, sample)?;
    if let Some(mean) = &mean {
        expect("matmul", "mean", mean, a.device(), &[product.m, product.n])?;
    } else if epilogue.accumulate {
        return Err(Error::shape("matmul", "accumulate needs the mean as an output"));
    }
    product.run(Outputs { mean, sample: Some(sample), noise: Some((noise, draw)) })
}

struct Product<'a> {
    a: &'a Tensor,
    b: &'a Tensor,
    transpose: Transpose,
    epilogue: &'a Epilogue<'a>,
    m: usize,
    n: usize,
    k: usize,
}

struct Outputs<'a> {
    mean: Option<&'a mut Tensor>,
    sample: Option<&'a mut Tensor>,
    noise: Option<(Noise, &'a Draw)>,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    a_row: u32,
    a_k: u32,
    b_k: u32,
    b_column: u32,
    first_case: u32,
    key: [u32; 2],
    counter: [u32; 2],
    alpha: f32,
    beta: f32,
    noise_scale: f32,
    unused: u32,
}

impl<'a> Product<'a> {
    fn new(
        a: &'a Tensor,
        b: &'a Tensor,
        transpose: Transpose,
        epilogue: &'a Epilogue<'a>,
        out: &Tensor,
    ) -> Result<Self> {
        let op = "matmul";
        let (mut sa, mut sb) = (a.shape().matrix(op, "a")?, b.shape().matrix(op, "b")?);
        let (stored_a, stored_b) = (*a.shape(), *b.shape());
        if transpose.a {
            sa.swap(0, 1);
        }
        if transpose.b {
            sb.swap(0, 1);
        }
        let ([m, k], [k_b, n]) = (sa, sb);
        if k != k_b {
            let turned = |on: bool| if on { " transposed" } else { "" };
            return Err(Error::shape(
                op,
                format!(
                    "inner sizes differ: a is {stored_a}{}, b is {stored_b}{}; transpose one of them or correct its shape",
                    turned(transpose.a),
                    turned(transpose.b),
                ),
            ));
        }
        let device = a.device();
        expect(op, "a", a, device, stored_a.dims())?;
        expect(op, "b", b, device, stored_b.dims())?;
        expect(op, "the output", out, device, &[m, n])?;
        for (name, bias) in [("bias0", epilogue.bias0), ("bias1", epilogue.bias1)] {
            if let Some(bias) = bias {
                expect(op, name, bias, device, &[n])?;
            }
        }
        if let Some(c) = epilogue.c {
            expect(op, "c", c, device, &[m, n])?;
            if epilogue.accumulate {
                return Err(Error::shape(op, "c and accumulate exclude each other"));
            }
        }
        Ok(Product { a, b, transpose, epilogue, m, n, k })
    }

    fn cost(&self) -> Cost {
        let [m, n, k] = [self.m, self.n, self.k].map(|x| x as u64);
        Cost { flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + m * n) }
    }

    fn run(&self, outputs: Outputs<'_>) -> Result<()> {
        match self.a.device().clone().backend() {
            Backend::Cpu(cpu) => self.run_cpu(cpu, outputs),
            Backend::Gpu(gpu) => self.run_gpu(gpu, outputs),
        }
    }

    fn run_cpu(&self, cpu: &Cpu, outputs: Outputs<'_>) -> Result<()> {
        let a = self.a.host()?.f32();
        let b = self.b.host()?.f32();
        let operand = |data, transposed: bool, stored_columns: usize| GemmOperand {
            data,
            row_stride: if transposed { 1 } else { stored_columns },
            column_stride: if transposed { stored_columns } else { 1 },
        };
        let t = self.transpose;
        let a = operand(a, t.a, if t.a { self.m } else { self.k });
        let b = operand(b, t.b, if t.b { self.k } else { self.n });
        let shape = [self.m, self.n, self.k];
        let keep = f32::from(u8::from(self.epilogue.accumulate));
        let host = |t: Option<&'a Tensor>| -> Result<Option<&'a [f32]>> {
            Ok(match t {
                Some(t) => Some(t.host()?.f32()),
                None => None,
            })
        };
        let finish = Finish {
            n: self.n,
            alpha: self.epilogue.alpha,
            beta: self.epilogue.beta,
            c: host(self.epilogue.c)?,
            bias0: host(self.epilogue.bias0)?,
            bias1: host(self.epilogue.bias1)?,
            activation: self.epilogue.activation,
        };
        let Outputs { mean, sample, noise } = outputs;
        let mut mean = mean.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
        let mut sample = sample.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
        cpu.run("matmul", self.cost(), || {
            // Where only the sample is wanted, its memory holds the mean first.
            let target = match (&mut mean, &mut sample) {
                (Some(mean), _) => &mut **mean,
                (None, Some(sample)) => &mut **sample,
                (None, None) => return Ok(()),
            };
            cpu.gemm("matmul", shape, target, [keep, 1.0], a, b)?;
            if self.n == 0 {
                return Ok(());
            }
            match (&mut mean, &mut sample, noise) {
                (Some(mean), Some(sample), Some(noise)) => {
                    let rows = mean.par_chunks_mut(self.n).zip(sample.par_chunks_mut(self.n));
                    rows.enumerate().for_each(|(r, (mean, sample))| {
                        finish.row(r, mean);
                        sample.copy_from_slice(mean);
                        draw_row(noise, r, sample);
                    });
                }
                (None, Some(sample), Some(noise)) => {
                    sample.par_chunks_mut(self.n).enumerate().for_each(|(r, row)| {
                        finish.row(r, row);
                        draw_row(noise, r, row);
                    });
                }
                (Some(mean), ..) if !finish.is_identity() => {
                    let rows = mean.par_chunks_mut(self.n).enumerate();
                    rows.for_each(|(r, row)| finish.row(r, row));
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn run_gpu(&self, gpu: &std::sync::Arc<Gpu>, outputs: Outputs<'_>) -> Result<()> {
        let t = self.transpose;
        let (m, n, k) = (self.m as u32, self.n as u32, self.k as u32);
        let Outputs { mean, sample, noise } = outputs;
        let draw = noise.map_or(Draw::new(0, 0), |(_, draw)| *draw);
        let params = Params {
            m,
            n,
            k,
            a_row: if t.a { 1 } else { k },
            a_k: if t.a { m } else { 1 },
            b_k: if t.b { 1 } else { n },
            b_column: if t.b { k } else { 1 },
            first_case: draw.first_case,
            key: draw.key(),
            counter: draw.counter_words(),
            alpha: self.epilogue.alpha,
            beta: self.epilogue.beta,
            noise_scale: match noise {
                Some((Noise::Gaussian(scale), _)) => scale,
                _ => 1.0,
            },
            unused: 0,
        };
        let e = self.epilogue;
        let constants = Variant {
            transpose: t,
            add: if e.accumulate { 2 } else { flag(e.c.is_some()) },
            biases: [e.bias0.is_some(), e.bias1.is_some()],
            activation: e.activation,
            mean: mean.is_some(),
            noise: noise.map(|(noise, _)| noise),
        }
        .constants();
        let read = |t: Option<&'a Tensor>| -> Result<Bind<'a>> {
            Ok(match t {
                Some(t) => Bind::Read(t.gpu()?),
                None => Bind::Unused,
            })
        };
        let mean = mean.as_deref().map(Tensor::gpu).transpose()?;
        let sample = sample.as_deref().map(Tensor::gpu).transpose()?;
        let shader = SHADERS.for_gpu(gpu);
        gpu.record(Command {
            op: "matmul",
            shader,
            constants: &constants,
            params: bytemuck::bytes_of(&params),
            binds: &[
                Bind::Read(self.a.gpu()?),
                Bind::Read(self.b.gpu()?),
                read(e.c)?,
                read(e.bias0)?,
                read(e.bias1)?,
                match mean {
                    Some(mean) if e.accumulate => Bind::Update(mean),
                    Some(mean) => Bind::Write(mean),
                    None => Bind::Unused,
                },
                sample.map_or(Bind::Unused, Bind::Write),
            ],
            groups: tile::groups(shader, self.m, self.n),
            cost: self.cost(),
        })
    }
}

/// One compiled form of the shader.
struct Variant {
    transpose: Transpose,
    add: u32,
    biases: [bool; 2],
    activation: Activation,
    mean: bool,
    noise: Option<Noise>,
}

impl Variant {
    fn constants(&self) -> [(&'static str, u32); 8] {
        [
            ("A_ALONG_K", flag(!self.transpose.a)),
            ("B_ALONG_K", flag(self.transpose.b)),
            ("ADD", self.add),
            ("BIAS0", flag(self.biases[0])),
            ("BIAS1", flag(self.biases[1])),
            ("ACTIVATION", self.activation as u32),
            ("MEAN", flag(self.mean)),
            (
                "SAMPLE",
                match self.noise {
                    None => 0,
                    Some(Noise::Bernoulli) => 1,
                    Some(Noise::Gaussian(_)) => 2,
                },
            ),
        ]
    }
}

/// The variants of a Bernoulli machine's training step.
pub(crate) fn common_variants() -> Vec<[(&'static str, u32); 8]> {
    let half_step = |transpose, mean, noise| {
        let activation = Activation::Sigmoid;
        Variant { transpose, add: 0, biases: [false, true], activation, mean, noise }.constants()
    };
    vec![
        half_step(Transpose::NN, true, Some(Noise::Bernoulli)),
        half_step(Transpose::NT, false, Some(Noise::Bernoulli)),
        half_step(Transpose::NN, true, None),
        half_step(Transpose::NT, true, None),
    ]
}

/// The epilogue on the host.
struct Finish<'a> {
    n: usize,
    alpha: f32,
    beta: f32,
    c: Option<&'a [f32]>,
    bias0: Option<&'a [f32]>,
    bias1: Option<&'a [f32]>,
    activation: Activation,
}

impl Finish<'_> {
    fn is_identity(&self) -> bool {
        self.alpha == 1.0
            && self.c.is_none()
            && self.bias0.is_none()
            && self.bias1.is_none()
            && self.activation == Activation::Identity
    }

    fn row(&self, r: usize, row: &mut [f32]) {
        if let Some(c) = self.c {
            let c = &c[r * self.n..(r + 1) * self.n];
            row.iter_mut().zip(c).for_each(|(x, c)| *x += c);
        }
        if self.alpha != 1.0 {
            row.iter_mut().for_each(|x| *x *= self.alpha);
        }
        if let Some(bias) = self.bias0 {
            let weight = 1.0 - self.beta;
            row.iter_mut().zip(bias).for_each(|(x, b)| *x += weight * b);
        }
        if let Some(bias) = self.bias1 {
            row.iter_mut().zip(bias).for_each(|(x, b)| *x += self.beta * b);
        }
        self.activation.apply_slice(row);
    }
}

/// Replaces a row of means by a sample.
fn draw_row((noise, draw): (Noise, &Draw), row: usize, values: &mut [f32]) {
    let columns = values.len() as u32;
    draw.for_each_block(row as u32, columns, |start, words| {
        let block = values[start as usize..].iter_mut().take(4);
        match noise {
            Noise::Bernoulli => {
                block.zip(words).for_each(|(v, word)| *v = random::bernoulli(word, *v));
            }
            Noise::Gaussian(scale) => block.enumerate().for_each(|(lane, v)| {
                *v += scale * random::normal(words, lane as u32);
            }),
        }
    });
}
