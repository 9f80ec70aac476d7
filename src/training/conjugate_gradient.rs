//! Nonlinear conjugate gradients.

use super::line_search::LineSearch;
use super::minimization::{
    At, Directions, Heading, Minimum, Objective, Until, minimize, no_direction,
};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::dot::dots;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::models::Visit;
use crate::tensor::Tensor;

/// Conjugate gradients after Polak and Ribière with β ≥ 0 (PR⁺; Nocedal and Wright, *Numerical Optimization*,
/// second edition, eq. 5.44 and 5.45): from x the search goes along
///
/// d ← −g + βd, β = max(0, gᵀ(g − g′) / g′ᵀg′),
///
/// where g′ is the gradient at the point before. It starts again with d = −g where β = 0, after as many searches as
/// there are numbers, and where d leads down less than a hundredth as fast as −g. A line search begins with the last
/// step times the ratio of the slopes, at most ten times the last step.
///
/// All tensors are flat, `[n]`; beside x and its gradient four of that size are kept. Inner products come in parts
/// from the device and are added in f64. A search waits for the device once for its direction, and for each
/// evaluation.
///
/// ```
/// use harmonium::training::{ConjugateGradient, Objective, Until};
/// use harmonium::{Device, Result, Tensor};
/// /// (x₀ − 1)² + 10x₁²
/// struct Bowl(Device);
/// impl Objective for Bowl {
///     fn size(&self) -> usize {
///         2
///     }
///     fn device(&self) -> &Device {
///         &self.0
///     }
///     fn evaluate(&mut self, x: &Tensor, gradient: &mut Tensor) -> Result<f64> {
///         let x = x.to_vec()?;
///         gradient.upload(&[2.0 * (x[0] - 1.0), 20.0 * x[1]])?;
///         Ok(f64::from(x[0] - 1.0).powi(2) + 10.0 * f64::from(x[1]).powi(2))
///     }
/// }
/// let device = Device::cpu();
/// let mut x = Tensor::from_f32(&device, &[2], &[3.0, 2.0])?;
/// let found = ConjugateGradient::new().minimize(&mut Bowl(device), &mut x, Until::searches(10))?;
/// assert!(found.loss < 1e-6 && (x.to_vec()?[0] - 1.0).abs() < 1e-3);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Default)]
pub struct ConjugateGradient {
    search: Option<LineSearch>,
    direction: Option<Tensor>,
    /// Of the point before.
    gradient: Option<Tensor>,
    last: Option<Last>,
}

crate::error::opaque!(ConjugateGradient);

/// The last line search, in numbers that a file of f32 holds.
#[derive(Clone, Copy)]
struct Last {
    step: f32,
    slope: f32,
    /// Searches since the last start.
    searches: f32,
}

/// gᵀd is at most −‖g‖² times this.
const DESCENT: f64 = 0.01;
/// The first step of a search is at most so many times the last one.
const LONGER: f64 = 10.0;

impl ConjugateGradient {
    /// Before its first search, with a line search of c₂ = 0.1.
    pub fn new() -> Self {
        Self::default()
    }

    /// The line search.
    pub fn line_search(self, search: LineSearch) -> Self {
        ConjugateGradient { search: Some(search), ..self }
    }

    /// Minimises `objective` from `x` on, which moves; a later call goes on where this one ended. On an error x is
    /// where the last line search ended.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where x is not `[size]`; [`Error::Run`](crate::Error::Run) where the
    /// start is not finite, or the gradient turns out not to be the objective's; the objective's and device errors.
    pub fn minimize(
        &mut self,
        objective: &mut dyn Objective,
        x: &mut Tensor,
        until: Until,
    ) -> Result<Minimum> {
        let search = self.search.unwrap_or(LineSearch::new(0.1));
        minimize(self, &search, objective, x, until)
    }

    /// Forgets what is known of the objective: the next search goes along −g.
    pub fn restart(&mut self) {
        (self.direction, self.gradient, self.last) = (None, None, None);
    }

    /// Shows the arrays that the next searches depend on besides x: `cg.direction`, `cg.gradient`, `cg.last` (step,
    /// slope and searches since the last start); none before the first. With them another one goes on to the same
    /// bits.
    ///
    /// # Errors
    /// Those of the visit.
    pub fn visit(&mut self, device: &Device, visit: &mut Visit<'_>) -> Result<()> {
        visit.optional("cg.direction", device, &mut self.direction)?;
        visit.optional("cg.gradient", device, &mut self.gradient)?;
        let values = self.last.map(|Last { step, slope, searches }| [step, slope, searches]);
        let mut last = values.map(|v| Tensor::from_f32(device, &[3], &v)).transpose()?;
        visit.optional("cg.last", device, &mut last)?;
        if !visit.reads() {
            let values = last.map(|last| last.to_vec()).transpose()?;
            self.last = match values.as_deref() {
                Some(&[step, slope, searches]) => Some(Last { step, slope, searches }),
                _ => None,
            };
        }
        Ok(())
    }

    /// The direction's tensor, to be overwritten.
    fn spare(&mut self, like: &Tensor) -> Result<Tensor> {
        match self.direction.take().filter(|d| d.shape() == like.shape()) {
            Some(direction) => Ok(direction),
            None => Tensor::for_output(like.device(), like.shape().dims()),
        }
    }

    fn steepest(&mut self, gradient: &Tensor) -> Result<()> {
        let mut direction = self.spare(gradient)?;
        elementwise(Elementwise::Affine(-1.0, 0.0), gradient, None, &mut direction)?;
        self.direction = Some(direction);
        Ok(())
    }
}

impl Directions for ConjugateGradient {
    fn restart(&mut self) {
        ConjugateGradient::restart(self);
    }

    fn head(&mut self, At { x, gradient: g }: At<'_>) -> Result<Heading> {
        let (Some(d), Some(before), Some(last)) =
            (&mut self.direction, &self.gradient, &mut self.last)
        else {
            let products = dots(&[(g, g), (x, x)])?;
            self.steepest(g)?;
            return Ok(Heading::steepest(products[0], products[1]));
        };
        let products = dots(&[(g, g), (x, x), (g, before), (before, before), (g, &*d)])?;
        let (gg, xx) = (products[0], products[1]);
        let beta = ((gg - products[2]) / products[3]).max(0.0) as f32;
        let slope = -gg + f64::from(beta) * products[4];
        last.searches += 1.0;
        let expected = f64::from(last.step) * (f64::from(last.slope) / slope).min(LONGER);
        let again = beta == 0.0
            || !beta.is_finite()
            || slope > -DESCENT * gg
            || last.searches >= g.shape().len() as f32;
        if again {
            last.searches = 0.0;
            let first_step = f64::from(last.step) * (-f64::from(last.slope) / gg).min(LONGER);
            self.steepest(g)?;
            return Ok(Heading { first_step, ..Heading::steepest(gg, xx) });
        }
        elementwise_in_place(Elementwise::Combine(beta, -1.0), d, Some(g))?;
        Ok(Heading { gradient: gg, position: xx, slope, first_step: expected, steepest: false })
    }

    fn direction(&self) -> Result<&Tensor> {
        self.direction.as_ref().ok_or_else(no_direction)
    }

    fn moved(&mut self, heading: &Heading, step: f64, from: At<'_>, _: At<'_>) -> Result<()> {
        let searches = self.last.map_or(0.0, |last| last.searches);
        self.last = Some(Last { step: step as f32, slope: heading.slope as f32, searches });
        match &mut self.gradient {
            Some(before) if before.shape() == from.gradient.shape() => {
                before.copy_from(from.gradient)
            }
            before => {
                *before = Some(from.gradient.try_clone()?);
                Ok(())
            }
        }
    }

    fn visit(&mut self, device: &Device, visit: &mut Visit<'_>) -> Result<()> {
        ConjugateGradient::visit(self, device, visit)
    }
}
