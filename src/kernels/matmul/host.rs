//! The product on the CPU, and its epilogue.

use rayon::prelude::*;

use super::{Activation, Noise, Outputs, Product};
use crate::device::{Cpu, GemmOperand};
use crate::error::Result;
use crate::random::{self, Draw};
use crate::tensor::Tensor;

impl<'a> Product<'a> {
    pub(super) fn run_cpu(&self, cpu: &Cpu, outputs: Outputs<'_>) -> Result<()> {
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
