//! What the units of a layer are: a short arm for each kind, here and nowhere else.
//!
//! x is a unit's input: its bias, and the other layer's states times the weights. A layer of either side may be of
//! either kind.
//!
//! | kind | states s | p(s \| x) | energy besides −s·x | ln Σ or ∫ over the states |
//! |---|---|---|---|---|
//! | Bernoulli | 0, 1 | P(1) = σ(x) | 0 | softplus(x) |
//! | Gaussian | ℝ | N(x, 1) | ½s² | ½x² + ½ ln 2π |
//! | softmax, groups of K | one of K | exp(xₖ)/Σ exp(x) | 0 | ln Σₖ exp(xₖ) |
//! | spin | −1, 1 | P(1) = σ(2x) | 0 | ln(2 cosh x) |
//! | rectified | [0, ∞) | max(0, N(x, σ(x))) | none | none |
//! | labelled | Bernoulli units, then one softmax group | as theirs | 0 | the sum of theirs |
//!
//! A labelled layer is features with their class (Hinton, Osindero and Teh 2006): the only one of mixed kinds, and a
//! visible one. Spins are visible ones too: with v = (s + 1)/2 their machine is one of Bernoulli units, of weights 2W and
//! biases 2b and a − Wᵀ1.
//!
//! Rectified units (Nair and Hinton 2010) stand for many Bernoulli ones of the same weights. They are hidden ones, and have
//! conditionals alone: no energy gives such noise, so what needs one is refused.
//!
//! A Gaussian *visible* unit's energy is written ½(v − b)², which has ½b² more than −bv + ½v²: its states are the
//! same, and free energies of machines that differ in b compare as those of densities do.

use std::fmt;
use std::str::FromStr;

use super::sums::{gaussian_constant, log_sum_exp, sum_of_softplus};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::anneal;
use crate::kernels::matmul::Noise;

/// What a unit is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum UnitKind {
    /// 0 or 1; a probability in between while training on grey values.
    #[default]
    Bernoulli,
    /// Real numbers with unit variance: standardise the data.
    Gaussian,
    /// −1 or 1.
    Spin,
    /// max(0, N(x, σ(x))) of the input x: hidden units that say how much, not only whether. They have no energy, and so no
    /// likelihood (Nair and Hinton 2010).
    Rectified,
    /// Groups of so many neighbouring units, of which one is 1 and the others are 0: a choice, a class.
    Softmax(usize),
    /// Bernoulli units, and behind them one softmax group of so many: features with their class.
    Labelled(usize),
}

const LABELLED: &str = "bernoulli+softmax:";

impl fmt::Display for UnitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnitKind::Bernoulli => f.write_str("bernoulli"),
            UnitKind::Gaussian => f.write_str("gaussian"),
            UnitKind::Spin => f.write_str("spin"),
            UnitKind::Rectified => f.write_str("rectified"),
            UnitKind::Softmax(states) => write!(f, "softmax:{states}"),
            UnitKind::Labelled(classes) => write!(f, "{LABELLED}{classes}"),
        }
    }
}

impl FromStr for UnitKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |prefix| text.strip_prefix(prefix).and_then(|n: &str| n.parse().ok());
        let some = |n: &usize| *n > 0;
        match (text, number("softmax:").filter(some), number(LABELLED).filter(some)) {
            ("bernoulli", ..) => Ok(UnitKind::Bernoulli),
            ("gaussian", ..) => Ok(UnitKind::Gaussian),
            ("spin", ..) => Ok(UnitKind::Spin),
            ("rectified", ..) => Ok(UnitKind::Rectified),
            (_, Some(states), _) => Ok(UnitKind::Softmax(states)),
            (_, _, Some(classes)) => Ok(UnitKind::Labelled(classes)),
            _ => Err(Error::setting(
                "visible",
                format!("'{text}' is none of bernoulli, gaussian, spin and softmax:STATES"),
            )),
        }
    }
}

impl TryFrom<String> for UnitKind {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<UnitKind> for String {
    fn from(kind: UnitKind) -> String {
        kind.to_string()
    }
}

/// A layer of units: their kind and their number.
///
/// ```
/// use harmonium::models::{UnitKind, Units};
/// assert_eq!(Units::bernoulli(784).count(), 784);
/// // Three choices, each one of ten.
/// let labels = Units::softmax(3, 10);
/// assert_eq!((labels.count(), labels.kind()), (30, UnitKind::Softmax(10)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    kind: UnitKind,
    choices: usize,
}

impl Units {
    /// The binary units' worth of its states, rounded up.
    pub(super) fn bits(&self) -> usize {
        match self.kind() {
            UnitKind::Softmax(states) => {
                // Above 2⁵³ bits no digit counts.
                (self.choices() as f64 * (states as f64).log2()).ceil() as usize
            }
            UnitKind::Labelled(classes) => {
                self.features().count() + (classes as f64).log2().ceil() as usize
            }
            _ => self.count(),
        }
    }

    /// `count` units that are 0 or 1.
    pub const fn bernoulli(count: usize) -> Self {
        Units { kind: UnitKind::Bernoulli, choices: count }
    }

    /// `count` real units with unit variance.
    pub const fn gaussian(count: usize) -> Self {
        Units { kind: UnitKind::Gaussian, choices: count }
    }

    /// `count` units that are −1 or 1.
    pub const fn spin(count: usize) -> Self {
        Units { kind: UnitKind::Spin, choices: count }
    }

    /// `groups` groups of `states` units each, one of which is 1 and the others 0.
    pub const fn softmax(groups: usize, states: usize) -> Self {
        Units { kind: UnitKind::Softmax(states), choices: groups }
    }

    /// `features` Bernoulli units and a softmax group of `classes` behind them.
    pub const fn labelled(features: usize, classes: usize) -> Self {
        Units { kind: UnitKind::Labelled(classes), choices: features.saturating_add(1) }
    }

    /// `count` units of a kind.
    ///
    /// # Errors
    /// [`Error::Setting`] for no unit, and where `count` makes no whole groups.
    pub fn new(kind: UnitKind, count: usize) -> Result<Self> {
        let choices = match kind {
            UnitKind::Bernoulli | UnitKind::Gaussian | UnitKind::Spin | UnitKind::Rectified => {
                Some(count)
            }
            UnitKind::Softmax(states) => {
                count.checked_div(states).filter(|_| count.is_multiple_of(states))
            }
            UnitKind::Labelled(classes) => {
                count.checked_sub(classes).and_then(|features| features.checked_add(1))
            }
        };
        let Some(choices) = choices else {
            let detail = match kind {
                UnitKind::Labelled(classes) => {
                    format!("{count} units hold no group of {classes} classes beside features")
                }
                kind => format!("{count} units make no groups of {} states", kind.states()),
            };
            return Err(Error::setting("units", detail));
        };
        let units = Units { kind, choices };
        units.check()?;
        Ok(units)
    }

    fn checked_count(&self) -> Option<usize> {
        match self.kind {
            UnitKind::Bernoulli | UnitKind::Gaussian | UnitKind::Spin | UnitKind::Rectified => {
                Some(self.choices)
            }
            UnitKind::Softmax(states) => self.choices.checked_mul(states),
            // Without features there is nothing that is labelled.
            UnitKind::Labelled(0) => Some(0),
            UnitKind::Labelled(_) if self.choices < 2 => Some(0),
            UnitKind::Labelled(classes) => (self.choices - 1).checked_add(classes),
        }
    }

    /// Checks that there are units, and not more than can be counted.
    pub(super) fn check(&self) -> Result<()> {
        match self.checked_count() {
            Some(0) => {
                let detail = format!("0 {} units; at least 1 is needed", self.kind);
                Err(Error::setting("units", detail))
            }
            None => {
                let detail = format!("{} groups of {} are too many", self.choices, self.kind);
                Err(Error::setting("units", detail))
            }
            Some(_) => Ok(()),
        }
    }

    /// As [`Units::check`], for a visible layer: rectified units are hidden ones.
    pub(super) fn check_visible(&self) -> Result<()> {
        match self.kind {
            UnitKind::Rectified => {
                let detail = "rectified units are hidden ones; of data from 0 on gaussian visible units can be made";
                Err(Error::setting("visible", detail))
            }
            _ => self.check(),
        }
    }

    /// As [`Units::check`], for a hidden layer: a label joins a visible one.
    pub(super) fn check_hidden(&self) -> Result<()> {
        match self.kind {
            UnitKind::Labelled(_) => Err(self.kind.hidden_label()),
            UnitKind::Spin => {
                let detail = "spins are visible units; bernoulli hidden ones say the same of them";
                Err(Error::setting("hidden", detail))
            }
            _ => self.check(),
        }
    }

    /// What they are.
    pub fn kind(&self) -> UnitKind {
        self.kind
    }

    /// How many there are; each state of a softmax group counts.
    pub fn count(&self) -> usize {
        self.checked_count().unwrap_or(usize::MAX)
    }

    /// The classes of a labelled layer.
    pub fn classes(&self) -> Option<usize> {
        match self.kind {
            UnitKind::Labelled(classes) => Some(classes),
            _ => None,
        }
    }

    /// The layer without its label.
    pub fn features(&self) -> Units {
        match self.kind {
            UnitKind::Labelled(_) => Units::bernoulli(self.choices.saturating_sub(1)),
            _ => *self,
        }
    }

    /// Independent choices: the units, the groups, or both.
    pub fn choices(&self) -> usize {
        self.choices
    }

    /// ln Σ or ∫ over the layer's states, given their inputs.
    pub(crate) fn log_sum(&self, input: &[f64]) -> f64 {
        match self.kind {
            UnitKind::Bernoulli => sum_of_softplus(input),
            UnitKind::Gaussian => {
                0.5 * input.iter().map(|x| x * x).sum::<f64>() + gaussian_constant(input.len())
            }
            // ln 2 cosh x = softplus(2x) − x.
            UnitKind::Spin => {
                let doubled: Vec<f64> = input.iter().map(|x| 2.0 * x).collect();
                sum_of_softplus(&doubled) - input.iter().sum::<f64>()
            }
            UnitKind::Softmax(states) => input.chunks(states).map(log_sum_exp).sum(),
            // Whoever asks was to look at `check_energy` before.
            UnitKind::Rectified => f64::NAN,
            UnitKind::Labelled(_) => {
                let (features, label) = input.split_at(input.len().min(self.features().count()));
                sum_of_softplus(features) + log_sum_exp(label)
            }
        }
    }

    /// Biases with which units alone have these means: Bernoulli ln(p / (1 − p)) with p in [0.01, 0.99] (Hinton
    /// 2010, section 8.1), Gaussian the mean itself, spins artanh of it within as much, softmax ln p with p from 0.01 on.
    pub fn bias_of_means(&self, means: &[f32]) -> Vec<f32> {
        let [low, high] = MEAN_BOUNDS;
        let features = self.features().count();
        let bias = |(at, &m): (usize, &f32)| match self.kind {
            UnitKind::Gaussian | UnitKind::Rectified => m,
            UnitKind::Spin => {
                let p = (0.5 * (m + 1.0)).clamp(low, high);
                0.5 * (p / (1.0 - p)).ln()
            }
            UnitKind::Labelled(_) if at >= features => m.clamp(low, 1.0).ln(),
            UnitKind::Bernoulli | UnitKind::Labelled(_) => {
                let p = m.clamp(low, high);
                (p / (1.0 - p)).ln()
            }
            UnitKind::Softmax(_) => m.clamp(low, 1.0).ln(),
        };
        means.iter().enumerate().map(bias).collect()
    }
}

/// Bounds of the mean in the initial visible bias, ln(p / (1 − p)).
const MEAN_BOUNDS: [f32; 2] = [0.01, 0.99];

impl UnitKind {
    /// Units of the last choice: of a group its states, else 1.
    pub(crate) fn states(self) -> usize {
        match self {
            UnitKind::Softmax(states) | UnitKind::Labelled(states) => states,
            UnitKind::Bernoulli | UnitKind::Gaussian | UnitKind::Spin | UnitKind::Rectified => 1,
        }
    }

    /// The error that a label is hidden.
    pub(super) fn hidden_label(self) -> Error {
        let detail = format!("{self} units cannot be hidden; join the label to the visible layer");
        Error::setting("hidden", detail)
    }

    /// Where each unit's mean is a function of its own input: that function, and the noise of a sample around it.
    pub(crate) fn by_unit(self) -> Option<(Activation, Noise)> {
        match self {
            UnitKind::Bernoulli => Some((Activation::Sigmoid, Noise::Bernoulli)),
            UnitKind::Gaussian => Some((Activation::Identity, Noise::Gaussian(1.0))),
            UnitKind::Spin | UnitKind::Rectified | UnitKind::Softmax(_) | UnitKind::Labelled(_) => {
                None
            }
        }
    }

    /// What annealing calls hidden units of this kind; a labelled layer and spins are never hidden.
    pub(crate) fn annealed(self) -> Option<anneal::Hidden> {
        match self {
            UnitKind::Bernoulli => Some(anneal::Hidden::Bernoulli),
            UnitKind::Gaussian => Some(anneal::Hidden::Gaussian),
            UnitKind::Softmax(states) => Some(anneal::Hidden::Softmax(states)),
            UnitKind::Spin | UnitKind::Rectified | UnitKind::Labelled(_) => None,
        }
    }

    /// The least and the greatest value of a unit, where there are such.
    pub fn range(self) -> Option<(f32, f32)> {
        match self {
            UnitKind::Gaussian | UnitKind::Rectified => None,
            UnitKind::Spin => Some((-1.0, 1.0)),
            UnitKind::Bernoulli | UnitKind::Softmax(_) | UnitKind::Labelled(_) => Some((0.0, 1.0)),
        }
    }

    /// The mean of a hidden unit without weights and bias, where a centred learner's offset begins.
    pub(crate) fn mean_at_rest(self) -> f32 {
        match self {
            UnitKind::Bernoulli | UnitKind::Labelled(_) => 0.5,
            UnitKind::Gaussian | UnitKind::Spin => 0.0,
            // √½ φ(0).
            UnitKind::Rectified => 0.282_094_8,
            UnitKind::Softmax(states) => 1.0 / states.max(1) as f32,
        }
    }
}
