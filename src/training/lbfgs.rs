//! Quasi-Newton steps of limited memory.

use std::collections::VecDeque;

use super::line_search::LineSearch;
use super::minimization::{
    At, Directions, Heading, Minimum, Objective, Until, minimize, no_direction,
};
use super::ranges;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::dot::dots;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::models::Visit;
use crate::tensor::Tensor;

/// L-BFGS (Nocedal and Wright, *Numerical Optimization*, second edition, algorithm 7.5): the direction is −Hg, where H,
/// an estimate of the inverse Hessian, is known by the last m pairs s = x − x′, y = g − g′ of steps and of what they
/// changed in the gradient, and by H₀ = γI, γ = sᵀy/yᵀy of the last pair (eq. 7.20).
///
/// The two loops of algorithm 7.4 run on the host in f64 over the coefficients of g, s and y, whose inner products are
/// read at once, instead of over vectors (W. Chen, Z. Wang and J. Zhou, Large-scale L-BFGS using MapReduce, NIPS 2014):
/// a direction waits for the device twice, not 2m times. A pair that does not show a curvature, sᵀy ≤ 10⁻⁶‖s‖‖y‖, is
/// left out. Line searches begin with the step 1.
///
/// All tensors are flat, `[n]`; beside x and its gradient 2m + 3 of that size are kept.
///
/// ```
/// use harmonium::training::{Lbfgs, LineSearch};
/// let minimizer = Lbfgs::new(10)?.line_search(LineSearch::new(0.9).evaluations(10));
/// assert!(Lbfgs::new(0).is_err());
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct Lbfgs {
    search: LineSearch,
    most: usize,
    /// The oldest first.
    pairs: VecDeque<Pair>,
    direction: Option<Tensor>,
}

crate::error::opaque!(Lbfgs);

struct Pair {
    s: Tensor,
    y: Tensor,
    /// With each pair up to this one, the last of them first: their sᵀ and yᵀ times this y. Empty until it is asked
    /// for: it is a function of the pairs.
    products: Vec<[f64; 2]>,
}

/// The least cosine between s and y.
const CURVATURE: f64 = 1e-6;

impl Lbfgs {
    /// Before its first search, with up to `pairs` pairs and a line search of c₂ = 0.9.
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no pair, or there are more than 1,000.
    pub fn new(pairs: usize) -> Result<Self> {
        ranges::PAIRS.check_count("pairs", pairs as u64)?;
        let search = LineSearch::new(0.9);
        Ok(Lbfgs { search, most: pairs, pairs: VecDeque::new(), direction: None })
    }

    /// The line search.
    pub fn line_search(self, search: LineSearch) -> Self {
        Lbfgs { search, ..self }
    }

    /// As [`ConjugateGradient::minimize`](super::ConjugateGradient::minimize).
    ///
    /// # Errors
    /// As there.
    pub fn minimize(
        &mut self,
        objective: &mut dyn Objective,
        x: &mut Tensor,
        until: Until,
    ) -> Result<Minimum> {
        let search = self.search;
        minimize(self, &search, objective, x, until)
    }

    /// Forgets the pairs: the next search goes along −g.
    pub fn restart(&mut self) {
        self.pairs.clear();
    }

    /// Shows the arrays that the next searches depend on besides x: the pairs `lbfgs.s0`, `lbfgs.y0`, … from the
    /// oldest on. With them another one goes on to the same bits.
    ///
    /// # Errors
    /// Those of the visit.
    pub fn visit(&mut self, device: &Device, visit: &mut Visit<'_>) -> Result<()> {
        let reads = visit.reads();
        let mut seen = VecDeque::new();
        for number in 0..self.most {
            let (s, y, products) = match self.pairs.pop_front() {
                Some(Pair { s, y, products }) => (Some(s), Some(y), products),
                None => (None, None, Vec::new()),
            };
            let (mut s, mut y) = (s, y);
            visit.optional(&format!("lbfgs.s{number}"), device, &mut s)?;
            visit.optional(&format!("lbfgs.y{number}"), device, &mut y)?;
            if let (Some(s), Some(y)) = (s, y) {
                let products = if reads { products } else { Vec::new() };
                seen.push_back(Pair { s, y, products });
            }
        }
        self.pairs = seen;
        Ok(())
    }

    /// Of every pair its products with those before, where they are not known.
    fn multiply(&mut self) -> Result<()> {
        for at in 0..self.pairs.len() {
            if !self.pairs[at].products.is_empty() {
                continue;
            }
            let y = &self.pairs[at].y;
            let before = self.pairs.range(..=at).rev();
            let factors: Vec<_> = before.flat_map(|p| [(&p.s, y), (&p.y, y)]).collect();
            let products = dots(&factors)?;
            self.pairs[at].products = products.chunks_exact(2).map(|c| [c[0], c[1]]).collect();
        }
        Ok(())
    }

    /// The coefficients of −Hg in g and in each pair's s and y: algorithm 7.4, of which every inner product with q
    /// and r is a sum over theirs. `with_g` has sᵀg and yᵀg of each pair.
    fn coefficients(&self, with_g: &[[f64; 2]]) -> (f64, Vec<[f64; 2]>) {
        let n = self.pairs.len();
        // Of pairs i ≤ j: sᵢᵀyⱼ and yᵢᵀyⱼ.
        let product = |i: usize, j: usize| self.pairs[j].products[j - i];
        let rho = |i: usize| 1.0 / product(i, i)[0];
        let mut alpha = vec![0.0; n];
        for i in (0..n).rev() {
            // q = g − Σ αⱼyⱼ over the younger pairs.
            let younger: f64 = (i + 1..n).map(|j| alpha[j] * product(i, j)[0]).sum();
            alpha[i] = rho(i) * (with_g[i][0] - younger);
        }
        let [sy, yy] = product(n - 1, n - 1);
        let gamma = sy / yy;
        let mut gain = vec![0.0; n];
        for i in 0..n {
            // r = γq + Σ (αⱼ − βⱼ)sⱼ over the older pairs.
            let y_q: f64 = (0..n).map(|j| alpha[j] * product(i.min(j), i.max(j))[1]).sum::<f64>();
            let older: f64 = (0..i).map(|j| gain[j] * product(j, i)[0]).sum();
            let beta = rho(i) * (gamma * (with_g[i][1] - y_q) + older);
            gain[i] = alpha[i] - beta;
        }
        let pairs = gain.into_iter().zip(alpha).map(|(gain, alpha)| [-gain, gamma * alpha]);
        (-gamma, pairs.collect())
    }
}

impl Directions for Lbfgs {
    fn restart(&mut self) {
        Lbfgs::restart(self);
    }

    fn head(&mut self, At { x, gradient: g }: At<'_>) -> Result<Heading> {
        self.multiply()?;
        let mut factors = vec![(g, g), (x, x)];
        factors.extend(self.pairs.iter().flat_map(|p| [(&p.s, g), (&p.y, g)]));
        let products = dots(&factors)?;
        let (gg, xx) = (products[0], products[1]);
        let mut d = match self.direction.take().filter(|d| d.shape() == g.shape()) {
            Some(direction) => direction,
            None => Tensor::for_output(g.device(), g.shape().dims())?,
        };
        if self.pairs.is_empty() {
            elementwise(Elementwise::Affine(-1.0, 0.0), g, None, &mut d)?;
            self.direction = Some(d);
            return Ok(Heading::steepest(gg, xx));
        }
        let with_g: Vec<_> = products[2..].chunks_exact(2).map(|c| [c[0], c[1]]).collect();
        let (of_g, of_pairs) = self.coefficients(&with_g);
        elementwise(Elementwise::Affine(of_g as f32, 0.0), g, None, &mut d)?;
        for (pair, [of_s, of_y]) in self.pairs.iter().zip(of_pairs) {
            for (vector, factor) in [(&pair.s, of_s), (&pair.y, of_y)] {
                let add = Elementwise::Combine(1.0, factor as f32);
                elementwise_in_place(add, &mut d, Some(vector))?;
            }
        }
        // As the direction came out in f32.
        let slope = dots(&[(g, &d)])?[0];
        self.direction = Some(d);
        Ok(Heading { gradient: gg, position: xx, slope, first_step: 1.0, steepest: false })
    }

    fn direction(&self) -> Result<&Tensor> {
        self.direction.as_ref().ok_or_else(no_direction)
    }

    fn moved(&mut self, _: &Heading, _: f64, from: At<'_>, to: At<'_>) -> Result<()> {
        let difference = |a: &Tensor, b: &Tensor| {
            let mut difference = Tensor::for_output(a.device(), a.shape().dims())?;
            elementwise(Elementwise::SUBTRACT, a, Some(b), &mut difference)?;
            Ok::<_, Error>(difference)
        };
        let (s, y) = (difference(to.x, from.x)?, difference(to.gradient, from.gradient)?);
        let products = dots(&[(&s, &y), (&s, &s), (&y, &y)])?;
        if products[0] > CURVATURE * (products[1] * products[2]).sqrt() {
            while self.pairs.len() >= self.most {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { s, y, products: Vec::new() });
        }
        Ok(())
    }

    fn visit(&mut self, device: &Device, visit: &mut Visit<'_>) -> Result<()> {
        Lbfgs::visit(self, device, visit)
    }
}
