//! How far to go along a direction: a step that satisfies the strong Wolfe conditions.

use super::ranges;
use crate::error::{Error, Result};
use crate::interval::Interval;

/// A line search after Nocedal and Wright, *Numerical Optimization* (second edition, 2006), algorithms 3.5
/// (bracketing) and 3.6 (zoom), with safeguarded cubic interpolation (their eq. 3.59).
///
/// Of φ(α), the loss at the distance α along a direction, it looks for an α > 0 with
///
/// - φ(α) ≤ φ(0) + c₁αφ′(0), the sufficient decrease, and
/// - |φ′(α)| ≤ c₂|φ′(0)|, the strong condition of curvature.
///
/// Losses of f32 have a precision, below which they tell nothing: a decrease counts as sufficient where it misses by
/// no more than the `noise` that [`LineSearch::search`] is given; slopes decide then.
///
/// ```
/// use harmonium::training::{LinePoint, LineSearch, LineSearchEnd};
/// // φ(α) = (α − 3)² along the line.
/// let mut along = |step: f64| {
///     Ok(LinePoint { step, loss: (step - 3.0).powi(2), slope: 2.0 * (step - 3.0) })
/// };
/// let start = LinePoint { step: 0.0, loss: 9.0, slope: -6.0 };
/// let found = LineSearch::new(0.1).search(start, 1.0, 0.0, &mut along)?;
/// assert_eq!((found.point.step, found.end), (3.0, LineSearchEnd::Wolfe));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LineSearch {
    /// c₁, in (0, 1/2).
    pub sufficient_decrease: f64,
    /// c₂, in (c₁, 1): the smaller, the more exact.
    pub curvature: f64,
    /// φ is evaluated so often at most, at least twice.
    pub evaluations: usize,
}

/// φ at a distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinePoint {
    /// α.
    pub step: f64,
    /// φ(α).
    pub loss: f64,
    /// φ′(α).
    pub slope: f64,
}

/// How a line search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineSearchEnd {
    /// Both conditions hold.
    Wolfe,
    /// The evaluations are used up, or steps lie too close to be told apart. The lowest point found is below the
    /// start by the first condition, and the second does not hold there.
    Lower,
    /// As `Lower`, and no point that was tried is below the start; the step is 0.
    Nothing,
}

/// What a line search came to.
#[derive(Debug, Clone, PartialEq)]
pub struct LineSearchResult {
    /// Where it ended; the start where it found nothing.
    pub point: LinePoint,
    /// How.
    pub end: LineSearchEnd,
    /// The points tried, in order.
    pub tried: Vec<LinePoint>,
}

/// The most that a step grows by from trial to trial while no minimum is bracketed.
const GROWTH: f64 = 10.0;
/// A trial stays so far, of an interval's length, from both its ends.
const MARGIN: f64 = 0.01;
/// The share of an interval to be tried where nothing is known of its far end but that it is too far.
const BACK: f64 = 0.1;
/// Noise above this share of what a slope says of an interval makes its losses useless.
const BLIND: f64 = 0.1;
/// Two trials have to shorten an interval to this at least, else the next one halves it.
const SHORTER: f64 = 0.66;

/// c₁, and c₂.
const FRACTION: Interval = Interval::above(0.0).below(1.0);

impl LineSearch {
    /// c₁ = 10⁻⁴, this c₂, 20 evaluations.
    pub fn new(curvature: f64) -> Self {
        LineSearch { sufficient_decrease: 1e-4, curvature, evaluations: 20 }
    }

    /// c₁.
    pub fn sufficient_decrease(self, sufficient_decrease: f64) -> Self {
        LineSearch { sufficient_decrease, ..self }
    }

    /// c₂.
    pub fn curvature(self, curvature: f64) -> Self {
        LineSearch { curvature, ..self }
    }

    /// φ is evaluated so often at most.
    pub fn evaluations(self, evaluations: usize) -> Self {
        LineSearch { evaluations, ..self }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<()> {
        let (c1, c2) = (self.sufficient_decrease, self.curvature);
        FRACTION.below(0.5).check("sufficient-decrease", c1 as f32)?;
        FRACTION.check("curvature", c2 as f32)?;
        if c1 >= c2 {
            let detail =
                format!("{c2} is not above sufficient-decrease, {c1}; then no step may do");
            return Err(Error::setting("curvature", detail));
        }
        ranges::EVALUATIONS.check_count("evaluations", self.evaluations as u64)?;
        match self.evaluations {
            1 => Err(Error::setting("evaluations", "1 is too few; a bracket takes at least 2")),
            _ => Ok(()),
        }
    }

    /// Searches from `start`, whose step is 0, beginning with `first`. `along` evaluates φ and φ′; the steps that it
    /// is asked for are numbers of f32. Infinite and NaN results are taken for steps that went too far; none is
    /// ever accepted. Losses count as equal up to `noise` ≥ 0.
    ///
    /// # Errors
    /// [`Error::Run`] where the start is not finite, its slope is not negative or `first` is not positive;
    /// [`Error::Setting`]; those of `along`.
    pub fn search(
        &self,
        start: LinePoint,
        first: f64,
        noise: f64,
        along: &mut dyn FnMut(f64) -> Result<LinePoint>,
    ) -> Result<LineSearchResult> {
        self.check()?;
        let LinePoint { loss, slope, .. } = start;
        if !start.is_finite() || slope >= 0.0 {
            let detail = format!(
                "it starts at a loss of {loss} with a slope of {slope}; it needs a finite loss and a direction \
                 that leads downwards"
            );
            return Err(Error::run("line search", detail));
        }
        if !(first > 0.0 && first.is_finite() && noise >= 0.0) {
            let detail = format!("a first step of {first} at a noise of {noise}");
            return Err(Error::run("line search", detail));
        }
        let start = LinePoint { step: 0.0, ..start };
        let mut line = Line { search: self, start, noise, along, tried: Vec::new() };
        let found = line.bracket(first)?;
        let tried = line.tried;
        if let Some(point) = found {
            return Ok(LineSearchResult { point, end: LineSearchEnd::Wolfe, tried });
        }
        let descends = |p: &&LinePoint| {
            p.is_finite() && p.loss <= loss + self.sufficient_decrease * p.step * slope
        };
        let lowest = tried.iter().filter(descends).min_by(|a, b| a.loss.total_cmp(&b.loss));
        let (point, end) = match lowest {
            Some(&point) if point.loss < loss => (point, LineSearchEnd::Lower),
            _ => (start, LineSearchEnd::Nothing),
        };
        Ok(LineSearchResult { point, end, tried })
    }
}

impl LinePoint {
    fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.slope.is_finite()
    }
}

struct Line<'a> {
    search: &'a LineSearch,
    start: LinePoint,
    noise: f64,
    along: &'a mut dyn FnMut(f64) -> Result<LinePoint>,
    tried: Vec<LinePoint>,
}

/// What the conditions say of a point.
enum Judged {
    /// Both hold.
    Accepted,
    /// Not low enough, or not finite: a minimum lies before it.
    TooFar,
    /// The first holds.
    Descends,
}

impl Line<'_> {
    /// Evaluates a step, if evaluations are left.
    fn at(&mut self, step: f64) -> Result<Option<LinePoint>> {
        if self.tried.len() >= self.search.evaluations {
            return Ok(None);
        }
        let point = LinePoint { step, ..(self.along)(step)? };
        self.tried.push(point);
        Ok(Some(point))
    }

    /// `lowest` is the lowest point so far that descends.
    fn judge(&self, point: &LinePoint, lowest: &LinePoint) -> Judged {
        let LineSearch { sufficient_decrease, curvature, .. } = self.search;
        let most = self.start.loss + sufficient_decrease * point.step * self.start.slope;
        // Of the start the first condition tells already; without noise a point as low as another is too far.
        let rises = lowest.step != 0.0 && point.loss - lowest.loss >= self.noise;
        if !point.is_finite() || point.loss - most > self.noise || rises {
            return Judged::TooFar;
        }
        match point.slope.abs() <= curvature * self.start.slope.abs() {
            true => Judged::Accepted,
            false => Judged::Descends,
        }
    }

    /// Algorithm 3.5: longer and longer steps until a minimum lies between two.
    fn bracket(&mut self, first: f64) -> Result<Option<LinePoint>> {
        let mut before = self.start;
        let mut step = rounded(first).clamp(f32::MIN_POSITIVE.into(), f32::MAX.into());
        while let Some(now) = self.at(step)? {
            match self.judge(&now, &before) {
                Judged::Accepted => return Ok(Some(now)),
                Judged::TooFar => return self.zoom(before, now),
                Judged::Descends if now.slope >= 0.0 => return self.zoom(now, before),
                Judged::Descends => {}
            }
            let most = GROWTH * now.step;
            let wanted = minimum(&before, &now, self.noise).filter(|&at| at > now.step);
            step = rounded(wanted.map_or(most, |at| at.min(most)));
            before = now;
            if !step.is_finite() || step <= now.step {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Algorithm 3.6: `low` descends, and of all such points tried is the lowest; its slope leads towards `high`.
    fn zoom(&mut self, mut low: LinePoint, mut high: LinePoint) -> Result<Option<LinePoint>> {
        let mut lengths = [f64::INFINITY; 2];
        loop {
            let length = high.step - low.step;
            let share = match high.is_finite() {
                false => BACK,
                true if length.abs() > SHORTER * lengths[0] => 0.5,
                true => {
                    let at = minimum(&low, &high, self.noise);
                    at.map_or(0.5, |at| ((at - low.step) / length).clamp(MARGIN, 1.0 - MARGIN))
                }
            };
            lengths = [lengths[1], length.abs()];
            let step = rounded(low.step + share * length);
            if step == low.step || step == high.step {
                return Ok(None);
            }
            let Some(now) = self.at(step)? else { return Ok(None) };
            match self.judge(&now, &low) {
                Judged::Accepted => return Ok(Some(now)),
                Judged::TooFar => high = now,
                Judged::Descends => {
                    if now.slope * length >= 0.0 {
                        high = low;
                    }
                    low = now;
                }
            }
        }
    }
}

/// As the device takes it.
fn rounded(step: f64) -> f64 {
    f64::from(step as f32)
}

/// Where the cubic through two points and their slopes has its minimum (eq. 3.59); where noise hides how the losses
/// differ, the parabola through the slopes alone. `None` where there is no such minimum.
fn minimum(a: &LinePoint, b: &LinePoint, noise: f64) -> Option<f64> {
    let length = b.step - a.step;
    let at = if noise <= BLIND * (a.slope * length).abs() {
        let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.step - b.step);
        let d2 = length.signum() * (d1 * d1 - a.slope * b.slope).sqrt();
        b.step - length * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2)
    } else if (b.slope - a.slope) * length > 0.0 {
        a.step - length * a.slope / (b.slope - a.slope)
    } else {
        return None;
    };
    at.is_finite().then_some(at)
}
