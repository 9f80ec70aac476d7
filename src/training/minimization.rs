//! Minimising a function of one flat tensor by line searches along directions that a rule gives.

use super::line_search::{LinePoint, LineSearch, LineSearchEnd, LineSearchResult};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::dot::dots;
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::models::Visit;
use crate::tensor::Tensor;

/// A function to be minimised.
pub trait Objective {
    /// How many numbers it is a function of.
    fn size(&self) -> usize;

    /// Where they lie.
    fn device(&self) -> &Device;

    /// The function's value at `x`, and its gradient there into `gradient`; both tensors are `[size]`. The same x
    /// has to give the same bits.
    ///
    /// # Errors
    /// Whatever hinders it. A value that is not finite is no error: the search takes a shorter step.
    fn evaluate(&mut self, x: &Tensor, gradient: &mut Tensor) -> Result<f64>;
}

/// When a minimisation ends.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Until {
    /// After so many line searches.
    pub searches: usize,
    /// Where ‖gradient‖ is no larger.
    pub gradient_norm: f64,
}

impl Until {
    /// After so many line searches, or at a gradient of 0.
    pub fn searches(searches: usize) -> Self {
        Until { searches, gradient_norm: 0.0 }
    }

    /// Or where ‖gradient‖ is no larger than this.
    pub fn gradient_norm(self, gradient_norm: f64) -> Self {
        Until { gradient_norm, ..self }
    }
}

/// Why a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinimumEnd {
    /// All line searches are done.
    Searches,
    /// The gradient is small enough.
    Gradient,
    /// It comes no further: a step changed the loss by no more than rounding of x does, or along the steepest descent
    /// no lower point was found with the evaluations and the precision of losses that there are.
    Stalled,
}

/// What a minimisation came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum {
    /// The function's value at the beginning.
    pub start: f64,
    /// And at the end.
    pub loss: f64,
    /// ‖gradient‖ at the point where the last line search began, or ended it all.
    pub gradient_norm: f64,
    /// Line searches done.
    pub searches: usize,
    /// How often the function was evaluated.
    pub evaluations: usize,
    /// Why it ended.
    pub end: MinimumEnd,
}

/// The way on from a point.
pub(super) struct Heading {
    /// ‖g‖².
    pub gradient: f64,
    /// ‖x‖².
    pub position: f64,
    /// gᵀd.
    pub slope: f64,
    /// Where the line search begins.
    pub first_step: f64,
    /// Whether d = −g.
    pub steepest: bool,
}

impl Heading {
    /// Along −g with nothing known of the function's size.
    pub fn steepest(gradient: f64, position: f64) -> Self {
        let first_step = Self::cautious(gradient);
        Heading { gradient, position, slope: -gradient, first_step, steepest: true }
    }

    /// The first step of C. E. Rasmussen's `minimize.m`, which trained the networks of 2006.
    fn cautious(gradient: f64) -> f64 {
        1.0 / (1.0 + gradient)
    }
}

/// A point and its gradient.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub x: &'a Tensor,
    pub gradient: &'a Tensor,
}

/// Where directions come from.
pub(super) trait Directions: Send + Sync {
    /// Forgets what is known of the function.
    fn restart(&mut self);

    /// Makes the direction at a point.
    fn head(&mut self, at: At<'_>) -> Result<Heading>;

    /// The direction made last.
    fn direction(&self) -> Result<&Tensor>;

    /// Hears of the step that was taken.
    fn moved(&mut self, heading: &Heading, step: f64, from: At<'_>, to: At<'_>) -> Result<()>;

    /// Shows every array that its next directions depend on.
    fn visit(&mut self, device: &Device, visit: &mut Visit<'_>) -> Result<()>;
}

/// What a rule says that is asked for a direction before it made one.
pub(super) fn no_direction() -> Error {
    Error::run("minimisation", "there is no direction yet")
}

/// Losses of f32 tell differences down to this share of theirs.
const LOSS_PRECISION: f64 = 1e-7;
/// What rounding does to a number of f32, as a share of it.
const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;

/// Line searches from `x` on, which moves.
pub(super) fn minimize(
    rule: &mut dyn Directions,
    search: &LineSearch,
    objective: &mut dyn Objective,
    x: &mut Tensor,
    until: Until,
) -> Result<Minimum> {
    let op = "minimisation";
    search.check()?;
    objective.device().require_same(op, x.device())?;
    let size = objective.size();
    if x.shape().dims() != [size] {
        let detail = format!("the start is {}, expected [{size}]", x.shape());
        return Err(Error::shape(op, detail));
    }
    let new = || Tensor::for_output(x.device(), &[size]);
    let (mut gradient, trial, trial_gradient) = (new()?, new()?, new()?);
    let start = objective.evaluate(x, &mut gradient)?;
    let minimum = Minimum {
        start,
        loss: start,
        gradient_norm: f64::NAN,
        searches: 0,
        evaluations: 1,
        end: MinimumEnd::Searches,
    };
    let mut descent = Descent { rule, objective, gradient, trial, trial_gradient, minimum };
    while descent.minimum.searches < until.searches {
        if let Some(end) = descent.search(search, x, until.gradient_norm)? {
            // The direction made last is not gone along again.
            descent.rule.restart();
            descent.minimum.end = end;
            break;
        }
    }
    Ok(descent.minimum)
}

struct Descent<'a> {
    rule: &'a mut dyn Directions,
    objective: &'a mut dyn Objective,
    /// At the point itself.
    gradient: Tensor,
    trial: Tensor,
    trial_gradient: Tensor,
    minimum: Minimum,
}

impl Descent<'_> {
    /// One line search, unless it is over.
    fn search(
        &mut self,
        search: &LineSearch,
        x: &mut Tensor,
        gradient_norm: f64,
    ) -> Result<Option<MinimumEnd>> {
        let heading = self.head(x)?;
        self.minimum.gradient_norm = heading.gradient.sqrt();
        if self.minimum.gradient_norm <= gradient_norm {
            return Ok(Some(MinimumEnd::Gradient));
        }
        // What rounding of x does to the loss.
        let rounding = ROUNDING * (heading.position * heading.gradient).sqrt();
        let noise = LOSS_PRECISION * self.minimum.loss.abs() + rounding;
        let first = match heading.first_step {
            first if first > 0.0 && first.is_finite() => first,
            _ => Heading::cautious(heading.gradient),
        };
        let start = LinePoint { step: 0.0, loss: self.minimum.loss, slope: heading.slope };
        let found = search.search(start, first, noise, &mut |step| self.along(x, step))?;
        self.minimum.evaluations += found.tried.len();
        self.minimum.searches += 1;
        if found.end == LineSearchEnd::Nothing {
            if !heading.steepest {
                self.rule.restart();
                return Ok(None);
            }
            check_slopes(start, &found, noise)?;
            return Ok(Some(MinimumEnd::Stalled));
        }
        let step = found.point.step;
        if found.tried.last() != Some(&found.point) {
            self.along(x, step)?;
            self.minimum.evaluations += 1;
        }
        let from = At { x, gradient: &self.gradient };
        let to = At { x: &self.trial, gradient: &self.trial_gradient };
        self.rule.moved(&heading, step, from, to)?;
        std::mem::swap(x, &mut self.trial);
        std::mem::swap(&mut self.gradient, &mut self.trial_gradient);
        self.minimum.loss = found.point.loss;
        Ok((step * heading.slope.abs() <= rounding).then_some(MinimumEnd::Stalled))
    }

    /// The way on, which leads downwards.
    fn head(&mut self, x: &Tensor) -> Result<Heading> {
        let at = At { x, gradient: &self.gradient };
        let mut heading = self.rule.head(at)?;
        if heading.slope.is_nan() || heading.slope >= 0.0 {
            self.rule.restart();
            heading = self.rule.head(at)?;
        }
        let (loss, norm) = (self.minimum.loss, heading.gradient.sqrt());
        if !(loss.is_finite() && norm.is_finite()) {
            let detail =
                format!("the loss is {loss}, the gradient's norm {norm}: expected finite ones");
            return Err(Error::run("minimisation", detail));
        }
        Ok(heading)
    }

    /// Tries the point at this distance from `x`.
    fn along(&mut self, x: &Tensor, step: f64) -> Result<LinePoint> {
        let direction = self.rule.direction()?;
        let to = Elementwise::Combine(1.0, step as f32);
        elementwise(to, x, Some(direction), &mut self.trial)?;
        let loss = self.objective.evaluate(&self.trial, &mut self.trial_gradient)?;
        let slope = dots(&[(&self.trial_gradient, direction)])?[0];
        Ok(LinePoint { step, loss, slope })
    }
}

/// Where a search found nothing: whether the gradient is that of the loss, by the shortest step whose change of the
/// loss can be seen. If the slopes at its two ends are nearly one, the loss in between is nearly a straight line.
fn check_slopes(start: LinePoint, found: &LineSearchResult, noise: f64) -> Result<()> {
    let seen = |p: &&LinePoint| p.loss.is_finite() && p.step * start.slope.abs() > 10.0 * noise;
    let shortest = found.tried.iter().filter(seen).min_by(|a, b| a.step.total_cmp(&b.step));
    let Some(point) = shortest else { return Ok(()) };
    let straight = (point.slope - start.slope).abs() < 0.5 * start.slope.abs();
    let (expected, change) =
        (0.5 * (start.slope + point.slope) * point.step, point.loss - start.loss);
    if !straight || (change - expected).abs() <= 0.5 * expected.abs() {
        return Ok(());
    }
    let detail = format!(
        "no step along the steepest descent lowers the loss, and the gradient is not that of the loss: at the step \
         {:e} the slope says that the loss of {} changes by {expected:e}, and it changes by {change:e}",
        point.step, start.loss
    );
    Err(Error::run("line search", detail))
}
