//! The product on the CPU, and its epilogue.

use super::{Activation, Noise, Outputs, Product};
use crate::device::{Cpu, Rows, Strided, Term};
use crate::error::Result;
use crate::kernels::activation_grad::grad_slice;
use crate::random::{self, Draw};
use crate::tensor::Tensor;

impl<'a> Product<'a> {
    pub(super) fn run_cpu(&self, cpu: &Cpu, outputs: Outputs<'_>) -> Result<()> {
        let operand = |data, transposed: bool, stored_columns: usize| Strided {
            data,
            row_stride: if transposed { 1 } else { stored_columns },
            column_stride: if transposed { stored_columns } else { 1 },
        };
        let t = self.transpose;
        let a = operand(self.a.host()?.f32(), t.a, if t.a { self.m } else { self.k });
        let b = operand(self.b.host()?.f32(), t.b, if t.b { self.k } else { self.n });
        let host = |t: Option<&'a Tensor>| -> Result<Option<&'a [f32]>> {
            Ok(match t {
                Some(t) => Some(t.host()?.f32()),
                None => None,
            })
        };
        let Outputs { mean, sample, noise } = outputs;
        let finish = Finish {
            n: self.n,
            alpha: self.epilogue.alpha,
            beta: self.epilogue.beta,
            c: host(self.epilogue.c)?,
            bias0: host(self.epilogue.bias0)?,
            bias1: host(self.epilogue.bias1)?,
            activation: self.epilogue.activation,
            accumulate: self.epilogue.accumulate,
            slope: match self.epilogue.slope {
                Some((f, outputs)) => Some((f, outputs.host()?.f32())),
                None => None,
            },
            noise: noise.map(|(noise, draw)| (noise, *draw)),
        };
        let [mean, sample] = [mean.map(Tensor::host_mut), sample.map(Tensor::host_mut)];
        let outputs = [mean.transpose()?, sample.transpose()?]
            .map(|host| host.map(|host| Rows { data: host.f32_mut(), stride: self.n }));
        let (shape, term) = ([self.m, self.n], Term::new(a, b, self.k));
        cpu.run("matmul", self.cost(), || {
            cpu.product("matmul", shape, &[term], outputs, &|place, sums, out| {
                finish.row(place, sums, out);
            })
        })
    }
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
    accumulate: bool,
    slope: Option<(Activation, &'a [f32])>,
    noise: Option<(Noise, Draw)>,
}

impl<'a> Finish<'a> {
    /// Makes a part of a row's mean and sample from its sums, column by column from `column` on.
    fn row(&self, [row, column]: [usize; 2], sums: &mut [f32], [mean, sample]: [&mut [f32]; 2]) {
        let columns = column..column + sums.len();
        let c = match self.c {
            Some(c) => &c[row * self.n..][columns.clone()],
            None if self.accumulate => &*mean,
            None => &[],
        };
        let part = |bias: Option<&'a [f32]>| bias.map_or(&[][..], |bias| &bias[columns.clone()]);
        let inputs = Inputs {
            alpha: self.alpha,
            c,
            biases: [(1.0 - self.beta, part(self.bias0)), (self.beta, part(self.bias1))],
            sums,
        };
        pulp::Arch::new().dispatch(inputs);
        self.activation.apply_slice(sums);
        if let Some((f, outputs)) = self.slope {
            grad_slice(f, &outputs[row * self.n..][columns.clone()], sums);
        }
        if !mean.is_empty() {
            mean.copy_from_slice(sums);
        }
        if let Some((noise, draw)) = &self.noise {
            sample.copy_from_slice(sums);
            let at = [row, column].map(|n| n as u32);
            match *noise {
                Noise::Bernoulli => random::bernoulli_row(draw, at, sample),
                Noise::Gaussian(scale) => random::normal_row(draw, at, scale, sample),
            }
        }
    }
}

/// α(sum + C) + biases, compiled for the vectors that the machine has.
struct Inputs<'a> {
    alpha: f32,
    c: &'a [f32],
    biases: [(f32, &'a [f32]); 2],
    sums: &'a mut [f32],
}

impl pulp::NullaryFnOnce for Inputs<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Inputs { alpha, c, biases, sums } = self;
        sums.iter_mut().zip(c).for_each(|(x, c)| *x += c);
        if alpha != 1.0 {
            sums.iter_mut().for_each(|x| *x *= alpha);
        }
        for (weight, bias) in biases {
            sums.iter_mut().zip(bias).for_each(|(x, b)| *x += weight * b);
        }
    }
}
