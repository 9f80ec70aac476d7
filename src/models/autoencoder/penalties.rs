//! What training adds to the loss of an autoencoder, and what it takes from its inputs.

use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::sample::{bernoulli, gaussian};
use crate::layers::{Pass, Workspace};
use crate::random::{Draw, stream};
use crate::tensor::Tensor;

use super::{Autoencoder, Noise, Penalties};

impl Autoencoder {
    /// Adds the penalties' gradients by the units' states to what the backward pass will find; that of the
    /// contractive one by the weights themselves is what comes back. Of cases that count differently the contractive one is
    /// weighted as losses are; the mean activity of the sparse one, of which a batch has one penalty, by the batch's own
    /// weights.
    pub(super) fn penalize(
        &self,
        (rows, weights): (usize, Option<&Tensor>),
        space: &mut Workspace,
    ) -> Result<Option<Tensor>> {
        let Penalties { sparse, contractive } = self.spec.penalties;
        let mean = 1.0 / rows as f32;
        let mut slopes = None;
        let shares = match (sparse, weights) {
            (Some(_), Some(weights)) => Some(shares(weights)?),
            _ => None,
        };
        for number in 0..self.spec.layers.len() {
            let contractive = contractive.filter(|_| number == 0);
            if self.spec.activation(number) != Activation::Sigmoid
                || (sparse.is_none() && contractive.is_none())
            {
                continue;
            }
            let h = space.value(number).ok_or_else(|| Error::shape("autoencoder", "no pass"))?;
            let mut gradient = Tensor::zeros(h.device(), h.shape().dims())?;
            if let Some((target, cost)) = sparse {
                let slope = sparse_slope((h, shares.as_ref()), target, cost * mean)?;
                elementwise_in_place(Elementwise::ADD, &mut gradient, Some(&slope))?;
                if let Some(shares) = &shares {
                    elementwise_in_place(Elementwise::Multiply, &mut gradient, Some(shares))?;
                }
            }
            if let (Some(weight), Some(w)) = (contractive, self.layers.parameters().next()) {
                let cases = (h, weights);
                slopes = Some(contract(cases, &w.value, weight * mean, &mut gradient)?);
            }
            space.add_gradient(number, gradient)?;
        }
        Ok(slopes)
    }

    /// As [`Autoencoder::penalty`], of the input that a pass over `x` sees, where cases may count differently, `[B, 1]`; 0,
    /// at no cost, where there is none.
    pub(crate) fn penalty_in(
        &self,
        (x, weights): (&Tensor, Option<&Tensor>),
        pass: Pass,
    ) -> Result<f64> {
        let Penalties { sparse, contractive } = self.spec.penalties;
        if sparse.is_none() && contractive.is_none() {
            return Ok(0.0);
        }
        let weights = weights.map(Tensor::to_vec).transpose()?;
        match (self.spec.noise, pass) {
            (Some(noise), Pass::Train(draw)) => {
                self.penalty_of(&corrupt(noise, x, draw)?, weights.as_deref())
            }
            _ => self.penalty_of(x, weights.as_deref()),
        }
    }

    /// β Σ_j KL(ρ‖ρ̂_j) and the contractive penalty of a batch, in f64 on the host: what the gradient is of, besides
    /// the mean loss.
    ///
    /// # Errors
    /// [`Error::Shape`]; device errors.
    pub fn penalty(&self, x: &Tensor) -> Result<f64> {
        self.penalty_of(x, None)
    }

    fn penalty_of(&self, x: &Tensor, weights: Option<&[f32]>) -> Result<f64> {
        let Penalties { sparse, contractive } = self.spec.penalties;
        let (mut total, mut space) = (0.0, Workspace::new());
        let layers = &self.spec.layers;
        self.layers.forward_through(0..layers.len(), x, Pass::Evaluate, &mut space)?;
        for (number, &units) in layers.iter().enumerate() {
            if self.spec.activation(number) != Activation::Sigmoid {
                continue;
            }
            let h = space.value(number).ok_or_else(|| Error::shape("autoencoder", "no pass"))?;
            let h = h.to_vec()?;
            let rows = (h.len() / units).max(1) as f64;
            let weight =
                |row: usize| weights.map_or(1.0, |w| w.get(row).map_or(0.0, |&w| w.into()));
            let column = |j: usize, f: fn(f64) -> f64| {
                let own = h.iter().skip(j).step_by(units).enumerate();
                own.map(|(row, &h)| weight(row) * f(h.into())).sum::<f64>()
            };
            let whole = weights.map_or(rows, |w| w.iter().map(|&w| f64::from(w)).sum::<f64>());
            if let Some((target, cost)) = sparse {
                let p = f64::from(target);
                total += f64::from(cost)
                    * (0..units)
                        .map(|j| {
                            let mean = column(j, |h| h) / whole.max(f64::MIN_POSITIVE);
                            let q = mean.clamp(1e-6, 1.0 - 1e-6);
                            p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln()
                        })
                        .sum::<f64>();
            }
            if let (Some(weight), 0) = (contractive, number)
                && let Some(w) = self.layers.parameters().next()
            {
                let w = w.value.to_vec()?;
                let norm = |j: usize| {
                    w.iter().skip(j).step_by(units).map(|&w| f64::from(w).powi(2)).sum::<f64>()
                };
                let slope = |j: usize| column(j, |h| (h * (1.0 - h)).powi(2)) / rows;
                total += f64::from(weight) * (0..units).map(|j| slope(j) * norm(j)).sum::<f64>();
            }
        }
        Ok(total)
    }
}

/// x without what the noise takes.
pub(super) fn corrupt(noise: Noise, x: &Tensor, draw: Draw) -> Result<Tensor> {
    let of = |stream: u16| Draw { stream, ..draw };
    let output = || Tensor::for_output(x.device(), x.shape().dims());
    let (mut p, mut out) = (output()?, output()?);
    match noise {
        Noise::Gaussian(deviation) => {
            gaussian(&of(stream::CORRUPTION), Some(x), deviation, &mut out)?
        }
        Noise::Mask(share) => {
            elementwise(Elementwise::Affine(0.0, 1.0 - share), x, None, &mut p)?;
            bernoulli(&of(stream::CORRUPTION), &p, &mut out)?;
            elementwise_in_place(Elementwise::Multiply, &mut out, Some(x))?;
        }
        Noise::Salt(share) => {
            let mut kept = output()?;
            elementwise(Elementwise::Affine(0.0, 1.0 - share), x, None, &mut p)?;
            bernoulli(&of(stream::CORRUPTION), &p, &mut kept)?;
            elementwise_in_place(Elementwise::Affine(0.0, 0.5), &mut p, None)?;
            bernoulli(&of(stream::SALT), &p, &mut out)?;
            // kept·x + (1 − kept)·salt, of numbers that are 0 or 1: exact.
            elementwise(Elementwise::Affine(-1.0, 1.0), &kept, None, &mut p)?;
            elementwise_in_place(Elementwise::Multiply, &mut out, Some(&p))?;
            elementwise_in_place(Elementwise::Multiply, &mut kept, Some(x))?;
            elementwise_in_place(Elementwise::ADD, &mut out, Some(&kept))?;
        }
    }
    Ok(out)
}

/// The weights of a batch's cases relative to their mean, `[B, 1]`; zeros where all are.
fn shares(weights: &Tensor) -> Result<Tensor> {
    let rows = weights.shape().len().max(1);
    let mut mean = reduce(Reduction::Sum, Axis::All, 1.0 / rows as f32, weights)?;
    elementwise_in_place(Elementwise::Clamp(f32::MIN_POSITIVE, f32::MAX), &mut mean, None)?;
    let mut shares = weights.try_clone()?;
    elementwise_in_place(Elementwise::Divide, &mut shares, Some(&mean))?;
    Ok(shares)
}

/// `cost · ∂/∂h_bj Σ_j KL(ρ‖ρ̂_j) · B`, the same for each case but for its share: (1 − ρ)/(1 − ρ̂) − ρ/ρ̂, `[M]`. ρ̂ stays
/// 1e-6 away from 0 and 1, so that a dead unit's slope is finite.
fn sparse_slope((h, shares): (&Tensor, Option<&Tensor>), target: f32, cost: f32) -> Result<Tensor> {
    let [rows, units] = h.shape().matrix("autoencoder", "a layer")?;
    let weighted = shares.map(|shares| times(h, shares)).transpose()?;
    let h = weighted.as_ref().unwrap_or(h);
    let mut mean = reduce(Reduction::Sum, Axis::Columns, 1.0 / rows.max(1) as f32, h)?;
    elementwise_in_place(Elementwise::Clamp(1e-6, 1.0 - 1e-6), &mut mean, None)?;
    let share = |of: f32| Tensor::from_f32(h.device(), &[units], &vec![of * cost; units]);
    let (mut active, mut passive) = (share(target)?, share(1.0 - target)?);
    elementwise_in_place(Elementwise::Divide, &mut active, Some(&mean))?;
    elementwise_in_place(Elementwise::Affine(-1.0, 1.0), &mut mean, None)?;
    elementwise_in_place(Elementwise::Divide, &mut passive, Some(&mean))?;
    elementwise_in_place(Elementwise::SUBTRACT, &mut passive, Some(&active))?;
    Ok(passive)
}

/// Each row of x times its number, `[B, 1]`.
fn times(x: &Tensor, rows: &Tensor) -> Result<Tensor> {
    let mut out = x.try_clone()?;
    elementwise_in_place(Elementwise::Multiply, &mut out, Some(rows))?;
    Ok(out)
}

/// Of P = λ Σ_b Σ_j s² c_j with s = h(1 − h) and c_j = Σ_i W_ij²: adds ∂P/∂h = 2λ s(1 − 2h) c_j to `gradient`, and gives
/// ∂P/∂W_ij = 2λ W_ij Σ_b s². Where cases count differently, `[B, 1]`, each part of the sums over b does.
fn contract(
    (h, weights): (&Tensor, Option<&Tensor>),
    w: &Tensor,
    weight: f32,
    gradient: &mut Tensor,
) -> Result<Tensor> {
    let output = |like: &Tensor| Tensor::for_output(like.device(), like.shape().dims());
    let (mut s, mut slope, mut squares) = (output(h)?, output(h)?, output(w)?);
    elementwise(Elementwise::Affine(-1.0, 1.0), h, None, &mut s)?;
    elementwise_in_place(Elementwise::Multiply, &mut s, Some(h))?;
    elementwise(Elementwise::Multiply, w, Some(w), &mut squares)?;
    let norms = reduce(Reduction::Sum, Axis::Columns, 2.0 * weight, &squares)?;
    elementwise(Elementwise::Affine(-2.0, 1.0), h, None, &mut slope)?;
    elementwise_in_place(Elementwise::Multiply, &mut slope, Some(&s))?;
    elementwise_in_place(Elementwise::Multiply, &mut slope, Some(&norms))?;
    let mut s2 = output(h)?;
    elementwise(Elementwise::Multiply, &s, Some(&s), &mut s2)?;
    if let Some(weights) = weights {
        elementwise_in_place(Elementwise::Multiply, &mut slope, Some(weights))?;
        elementwise_in_place(Elementwise::Multiply, &mut s2, Some(weights))?;
    }
    elementwise_in_place(Elementwise::ADD, gradient, Some(&slope))?;
    let sums = reduce(Reduction::Sum, Axis::Columns, 2.0 * weight, &s2)?;
    let mut slopes = squares;
    elementwise(Elementwise::Multiply, w, Some(&sums), &mut slopes)?;
    Ok(slopes)
}
