//! Two Gaussian layers: one normal distribution over both, exactly.
//!
//! E = ½‖s‖² + ½‖t‖² − cᵀs − dᵀt − sᵀRt, s being the smaller layer. With M = I − RRᵀ the means are m_s = M⁻¹(c + Rd)
//! and m_t = d + Rᵀm_s, the covariance of s and t is M⁻¹R, and
//! ln Z = ½(n + m) ln 2π − ½ ln |M| + ½(cᵀm_s + dᵀm_t). M is positive definite where the spectral norm of W is below
//! 1; elsewhere exp(−E) grows without end along some direction, and there is no distribution.

use rayon::prelude::*;

use super::Rbm;
use super::expectations::Expectations;
use super::sums::gaussian_constant;
use super::units::UnitKind;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A machine's parameters on the host, seen from the smaller layer.
pub(super) struct GaussianPair {
    /// R `[n, m]`.
    rows: Vec<f64>,
    own: Vec<f64>,
    other: Vec<f64>,
    /// Whether the hidden layer is the smaller one.
    hidden: bool,
    /// The lower triangle L of M = LLᵀ, `[n, n]`.
    factor: Vec<f64>,
}

/// Refuses a machine of two Gaussian layers that has no distribution; takes every other.
///
/// # Errors
/// [`Error::Data`] with the reason, device errors.
pub(crate) fn check_normalizable(rbm: &Rbm) -> Result<()> {
    match (rbm.visible().kind(), rbm.hidden().kind()) {
        (UnitKind::Gaussian, UnitKind::Gaussian) => GaussianPair::new(rbm).map(drop),
        _ => Ok(()),
    }
}

impl GaussianPair {
    pub fn new(rbm: &Rbm) -> Result<Self> {
        let (i, j) = (rbm.visible_count(), rbm.hidden_count());
        let hidden = j <= i;
        let read = |t: &Tensor| -> Result<Vec<f64>> {
            Ok(t.to_vec()?.into_iter().map(f64::from).collect())
        };
        let (w, b, a) = (read(&rbm.w)?, read(&rbm.b)?, read(&rbm.a)?);
        let (rows, own, other) = match hidden {
            true => (turned(&w, j), a, b),
            false => (w, b, a),
        };
        let (n, m) = (own.len(), other.len());
        let row = |k: usize| &rows[k * m..(k + 1) * m];
        let mut factor: Vec<f64> = (0..n * n)
            .into_par_iter()
            .map(|at| {
                let (x, y) = (at / n, at % n);
                if y > x { 0.0 } else { f64::from(u8::from(x == y)) - dot(row(x), row(y)) }
            })
            .collect();
        if !factorize(&mut factor, n) {
            return Err(Error::data(
                "log Z",
                "there is none: both layers are Gaussian and the spectral norm of W is not below 1, so that exp(-E) has \
                 no finite integral; train with a smaller learning rate or more weight decay",
            ));
        }
        Ok(GaussianPair { rows, own, other, hidden, factor })
    }

    pub fn log_partition(&self) -> f64 {
        let (s, t) = self.means();
        self.log_partition_at(&s, &t)
    }

    pub fn expectations(&self) -> Expectations {
        let (n, m) = (self.own.len(), self.other.len());
        let (s, t) = self.means();
        let log_partition = self.log_partition_at(&s, &t);
        // Column by column of R.
        let columns = turned(&self.rows, m);
        let both: Vec<f64> = columns
            .par_chunks(n)
            .zip(&t)
            .flat_map_iter(|(column, t)| {
                let covariances = self.solve(column.to_vec());
                covariances.into_iter().zip(&s).map(|(c, s)| c + s * t).collect::<Vec<_>>()
            })
            .collect();
        // `both` is [m, n].
        match self.hidden {
            true => Expectations { log_partition, v: t, h: s, vh: both },
            false => Expectations { log_partition, v: s, h: t, vh: turned(&both, n) },
        }
    }

    /// m_s and m_t.
    fn means(&self) -> (Vec<f64>, Vec<f64>) {
        let m = self.other.len();
        let rows = self.rows.chunks(m);
        let s =
            self.solve(self.own.iter().zip(rows).map(|(c, r)| c + dot(r, &self.other)).collect());
        let mut t = self.other.clone();
        for (s, row) in s.iter().zip(self.rows.chunks(m)) {
            t.iter_mut().zip(row).for_each(|(t, r)| *t += s * r);
        }
        (s, t)
    }

    fn log_partition_at(&self, s: &[f64], t: &[f64]) -> f64 {
        let n = self.own.len();
        let half_log_determinant: f64 = (0..n).map(|k| self.factor[k * n + k].ln()).sum();
        // A visible unit's energy is ½(v − b)².
        let b = if self.hidden { &self.other } else { &self.own };
        gaussian_constant(n + self.other.len()) - half_log_determinant
            + 0.5 * (dot(&self.own, s) + dot(&self.other, t) - dot(b, b))
    }

    /// M⁻¹x.
    fn solve(&self, mut x: Vec<f64>) -> Vec<f64> {
        let n = x.len();
        let l = |row: usize, column: usize| self.factor[row * n + column];
        for k in 0..n {
            let known: f64 = (0..k).map(|c| l(k, c) * x[c]).sum();
            x[k] = (x[k] - known) / l(k, k);
        }
        for k in (0..n).rev() {
            let known: f64 = (k + 1..n).map(|r| l(r, k) * x[r]).sum();
            x[k] = (x[k] - known) / l(k, k);
        }
        x
    }
}

/// Puts the lower triangle L of M = LLᵀ (Cholesky) in the place of M `[n, n]`; no where M is not positive definite.
fn factorize(m: &mut [f64], n: usize) -> bool {
    for row in 0..n {
        for column in 0..=row {
            let known = dot(&m[row * n..][..column], &m[column * n..][..column]);
            let left = m[row * n + column] - known;
            m[row * n + column] = if column < row {
                left / m[column * n + column]
            } else if left > 0.0 {
                left.sqrt()
            } else {
                return false;
            };
        }
    }
    true
}

/// A matrix of `columns` columns, its rows as columns.
fn turned(x: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|k| x.iter().skip(k).step_by(columns).copied()).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}
