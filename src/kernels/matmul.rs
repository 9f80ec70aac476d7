//! The matrix product with its epilogue: `f(α(AB + C) + (1 − β)·bias₀ + β·bias₁)`, and samples of it,
//! in one dispatch.
//!
//! A half-step of a Boltzmann machine is one call: `sample_h_from_v` is V·W + a, sigmoid, Bernoulli.
//! C serves a layer that is fed from two sides; α and β serve tempering and annealed importance
//! sampling (Salakhutdinov and Murray 2008, eq. 15–19).
//!
//! Accumulation: in ascending k in f32, one sum per element, on software adapters one per 32,768 products; on a CPU with fused
//! products and sums it is fused. Against exact arithmetic each is within (K + 4)·ε·Σ|aᵢbᵢ| of the product.

mod epilogue;
mod host;
#[doc(hidden)]
pub mod proof;
mod sums;
mod timed;

pub use epilogue::{Epilogue, Noise, Transpose};
#[doc(hidden)]
pub use sums::proof as sums_proof;
pub use sums::{Sums, matmul_sums};

use super::activation::Activation;
use super::slices::{Slice, slices};
use super::tile::{Tiled, Tiling, VECTOR_LOOPS};
use super::{expect, flag, shader, tiled};
use crate::device::{Backend, Bind, Command, Cost, Gpu, GpuBuffer, Shader};
use crate::error::{Error, Result};
use crate::random::Draw;
use crate::tensor::Tensor;

pub(crate) static SHADERS: Tiled =
    tiled!("matmul", "philox", "activation", "slope", "matmul_elements"; Some(&QUADS));

static QUADS: [Shader; VECTOR_LOOPS] =
    tiled!(quads "matmul", "philox", "activation", "slope", "matmul_quads");

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

/// A sample of a product: what is drawn, with which random numbers, and where it goes.
#[derive(Debug)]
pub struct Sampled<'a> {
    /// Bernoulli or Gaussian.
    pub noise: Noise,
    /// Row r takes the random numbers of case `draw.first_case + r`, column by column ([`crate::random`]).
    pub draw: &'a Draw,
    /// The sample `[m, n]`.
    pub sample: &'a mut Tensor,
    /// The mean `[m, n]`, written only where it is asked for.
    pub mean: Option<&'a mut Tensor>,
}

impl<'a> Sampled<'a> {
    /// A sample alone.
    pub fn new(noise: Noise, draw: &'a Draw, sample: &'a mut Tensor) -> Self {
        Sampled { noise, draw, sample, mean: None }
    }

    /// And its mean.
    pub fn with_mean(self, mean: &'a mut Tensor) -> Self {
        Sampled { mean: Some(mean), ..self }
    }
}

/// As [`matmul`], and a sample of the result; `accumulate` needs the mean as an output.
///
/// # Errors
/// As [`matmul`].
pub fn matmul_sample(
    a: &Tensor,
    b: &Tensor,
    transpose: Transpose,
    epilogue: &Epilogue<'_>,
    out: Sampled<'_>,
) -> Result<()> {
    let Sampled { noise, draw, sample, mean } = out;
    let product = Product::new(a, b, transpose, epilogue, sample)?;
    if let Some(mean) = &mean {
        expect("matmul", "mean", mean, a.device(), &[product.m, product.n])?;
    } else if epilogue.accumulate {
        return Err(Error::shape("matmul", "accumulate needs the mean as an output"));
    }
    if epilogue.slope.is_some() {
        return Err(Error::shape("matmul", "a sample goes on through no activation"));
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
    /// Whose sums the second output takes, in the place of a sample.
    sums: Option<Sums>,
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
    k_start: u32,
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
        if let Some((_, outputs)) = epilogue.slope {
            expect(op, "the slope's outputs", outputs, device, &[m, n])?;
            if epilogue.c.is_some() {
                return Err(Error::shape(op, "c and a slope exclude each other"));
            }
        }
        Ok(Product { a, b, transpose, epilogue, m, n, k, sums: None })
    }

    /// m, n and k, with a row of ones below A or a column of them beside B, which give sums.
    fn sizes(&self) -> [usize; 3] {
        let more = |of| usize::from(self.sums == Some(of));
        [self.m + more(Sums::OfB), self.n + more(Sums::OfA), self.k]
    }

    /// Whether it may load vectors of four. Sums of A go one by one.
    fn is_in_quads(&self) -> bool {
        self.sums != Some(Sums::OfA) && rows_are_quads(self.transpose, [self.m, self.n, self.k])
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

    fn run_gpu(&self, gpu: &std::sync::Arc<Gpu>, outputs: Outputs<'_>) -> Result<()> {
        let Outputs { mean, sample, noise } = outputs;
        let mean = mean.as_deref().map(Tensor::gpu).transpose()?;
        let sample = sample.as_deref().map(Tensor::gpu).transpose()?;
        let tiling = SHADERS.tiling(gpu, self.sizes(), 1)?;
        // The sums of slices stand where the mean goes, or in memory of their own.
        let mut sums: Option<Tensor> = None;
        for slice in slices(gpu, [self.k], tiling.loops_each()) {
            if !slice.last && mean.is_none() && sums.is_none() {
                sums = Some(Tensor::for_output(self.a.device(), &[self.m, self.n])?);
            }
            let kept = sums.as_ref().map(Tensor::gpu).transpose()?;
            self.record(&tiling, &slice, [mean, sample], kept, noise)?;
        }
        Ok(())
    }

    /// One dispatch: all of it, or a slice of k, of which the last has the epilogue.
    fn record(
        &self,
        tiling: &Tiling,
        slice: &Slice<1>,
        [mean, sample]: [Option<&GpuBuffer>; 2],
        sums: Option<&GpuBuffer>,
        noise: Option<(Noise, &Draw)>,
    ) -> Result<()> {
        let (t, e, plain) = (self.transpose, self.epilogue, Epilogue::default());
        let (m, n, k) = (self.m as u32, self.n as u32, self.k as u32);
        let draw = noise.map_or(Draw::new(0, 0), |(_, draw)| *draw);
        let [rows, columns, _] = self.sizes().map(|size| size as u32);
        let params = Params {
            m: rows,
            n: columns,
            k: slice.ranges[0].end,
            a_row: if t.a { 1 } else { k },
            a_k: if t.a { m } else { 1 },
            b_k: if t.b { 1 } else { n },
            b_column: if t.b { k } else { 1 },
            first_case: draw.first_case,
            key: draw.key(),
            counter: draw.counter_words(),
            alpha: if slice.last { e.alpha } else { plain.alpha },
            beta: e.beta,
            noise_scale: match noise {
                Some((Noise::Gaussian(scale), _)) => scale,
                _ => 1.0,
            },
            k_start: slice.ranges[0].start,
        };
        // Where the sums go, and where those of earlier slices are: in place, but for a last slice without
        // a mean, whose C they are.
        let mean = if slice.last { mean } else { mean.or(sums) };
        let (c, in_place) = match (slice.first, mean.is_some()) {
            (true, _) => (e.c.map(Tensor::gpu).transpose()?, e.accumulate),
            (false, true) => (None, true),
            (false, false) => (sums, false),
        };
        let last = |bias: Option<&'a Tensor>| bias.filter(|_| slice.last);
        let slope = e.slope.filter(|(f, _)| slice.last && *f != Activation::Identity);
        let (bias0, bias1) = (last(e.bias0), last(e.bias1));
        let (sample, noise) = if slice.last { (sample, noise) } else { (None, None) };
        let constants = Compiled {
            transpose: t,
            add: if in_place { 2 } else { flag(c.is_some()) },
            biases: [bias0.is_some(), bias1.is_some()],
            activation: if slice.last { e.activation } else { plain.activation },
            mean: mean.is_some(),
            slope: slope.map_or(0, |(f, _)| f as u32),
            ones: self.sums.map_or(0, |of| if of == Sums::OfB { 1 } else { 2 }),
            noise: noise.map(|(noise, _)| noise),
        }
        .constants();
        let bias = |bias: Option<&'a Tensor>| -> Result<Bind<'a>> {
            Ok(match bias {
                Some(bias) => Bind::Read(bias.gpu()?),
                None => Bind::Unused,
            })
        };
        self.a.device().gpu_backend()?.record(Command {
            op: "matmul",
            shader: tiling.shader(self.is_in_quads() && slice.is_whole()),
            constants: &constants,
            params: bytemuck::bytes_of(&params),
            binds: &[
                Bind::Read(self.a.gpu()?),
                Bind::Read(self.b.gpu()?),
                match slope {
                    Some((_, outputs)) => Bind::Read(outputs.gpu()?),
                    None => c.map_or(Bind::Unused, Bind::Read),
                },
                bias(bias0)?,
                bias(bias1)?,
                match mean {
                    Some(mean) if in_place => Bind::Update(mean),
                    Some(mean) => Bind::Write(mean),
                    None => Bind::Unused,
                },
                sample.map_or(Bind::Unused, Bind::Write),
            ],
            loops: slice.loops,
            groups: tiling.groups,
            cost: slice.cost(self.cost()),
        })
    }
}

/// Whether each row of the operands and of the result of a product `[m, n, k]` is a whole number of vectors of four.
pub(crate) fn rows_are_quads(t: Transpose, [m, n, k]: [usize; 3]) -> bool {
    let widths = [if t.a { m } else { k }, if t.b { k } else { n }, n];
    widths.iter().all(|width| width.is_multiple_of(4))
}

/// One compiled form of the shader.
struct Compiled {
    transpose: Transpose,
    add: u32,
    biases: [bool; 2],
    activation: Activation,
    mean: bool,
    slope: u32,
    ones: u32,
    noise: Option<Noise>,
}

impl Compiled {
    fn constants(&self) -> [(&'static str, u32); 10] {
        [
            ("A_ALONG_K", flag(!self.transpose.a)),
            ("B_ALONG_K", flag(self.transpose.b)),
            ("ADD", self.add),
            ("BIAS0", flag(self.biases[0])),
            ("BIAS1", flag(self.biases[1])),
            ("ACTIVATION", self.activation as u32),
            ("MEAN", flag(self.mean)),
            ("SLOPE", self.slope),
            ("ONES", self.ones),
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
