//! What a conditional random field is described by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::data::reserved;
use crate::error::{Error, Result};
use crate::kernels::chain::FORBIDDEN;
use crate::layers::{Initialization, LayerSpec};

/// What the scores of transitions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairwise {
    /// On the two labels alone.
    #[default]
    Constant,
    /// On what the layers make of the position that a transition leads into, too.
    Features,
}

impl Pairwise {
    fn is_constant(&self) -> bool {
        *self == Pairwise::Constant
    }
}

impl fmt::Display for Pairwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Pairwise::Constant => "constant",
            Pairwise::Features => "features",
        })
    }
}

impl FromStr for Pairwise {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "constant" => Ok(Pairwise::Constant),
            "features" => Ok(Pairwise::Features),
            _ => Err(Error::setting(
                "pairwise",
                format!("'{text}' is neither constant nor features"),
            )),
        }
    }
}

/// A deep conditional random field as it is described: in a model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CrfSpec {
    /// A position's sizes, `[N]` or `[channels, height, width]`.
    pub input: Vec<usize>,
    /// How many labels, at least 1.
    pub labels: usize,
    /// Where weights start.
    #[serde(default)]
    pub initialization: Initialization,
    /// The layers, the same for every position; the last gives [`CrfSpec::values`].
    pub layers: Vec<LayerSpec>,
    /// What the scores of transitions depend on.
    #[serde(default, skip_serializing_if = "Pairwise::is_constant")]
    pub pairwise: Pairwise,
    /// Transitions that must not be, as [before, after]; before = `labels` forbids a first label, `labels` + 1 a last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<[usize; 2]>,
    /// A field that reads the sequences first: its probabilities of each label stand beside a position's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<Box<CrfSpec>>,
}

impl CrfSpec {
    /// A chain on top of one linear layer: no net yet.
    pub fn linear(inputs: usize, labels: usize) -> Self {
        CrfSpec {
            input: vec![inputs],
            labels,
            initialization: Initialization::default(),
            layers: vec![LayerSpec::linear(labels, Default::default())],
            pairwise: Pairwise::Constant,
            forbidden: Vec::new(),
            lower: None,
        }
    }

    /// With these layers, the last of which gives [`CrfSpec::values`].
    pub fn layers(self, layers: Vec<LayerSpec>) -> Self {
        CrfSpec { layers, ..self }
    }

    /// Where weights start.
    pub fn initialization(self, initialization: Initialization) -> Self {
        CrfSpec { initialization, ..self }
    }

    /// With transitions whose scores depend on this. A last linear layer that gives as many values as were asked for gives
    /// those that are asked for now.
    pub fn pairwise(mut self, pairwise: Pairwise) -> Self {
        let before = self.values();
        self.pairwise = pairwise;
        let now = self.values();
        if let Some(LayerSpec::Linear(last)) = self.layers.last_mut() {
            last.units = if last.units == before { now } else { last.units };
        }
        self
    }

    /// What the layers give for a position: a score a label, K; and where those of transitions depend on features, behind
    /// them K² more, of label j after label i at K + i·K + j.
    pub fn values(&self) -> usize {
        let k = self.labels;
        match self.pairwise {
            Pairwise::Constant => k,
            Pairwise::Features => k.saturating_mul(k).saturating_add(k),
        }
    }

    /// The most values that it, or a field below, has for a position.
    pub(crate) fn widest(&self) -> usize {
        self.values().max(self.lower.as_ref().map_or(0, |lower| lower.widest()))
    }

    /// With transitions that must not be.
    pub fn forbidden(self, forbidden: Vec<[usize; 2]>) -> Self {
        CrfSpec { forbidden, ..self }
    }

    /// With a field that reads the same sequences first.
    pub fn above(self, lower: CrfSpec) -> Self {
        CrfSpec { lower: Some(Box::new(lower)), ..self }
    }

    /// The sizes that the layers read: a position's own, or with a field below one row of its values and of that field's
    /// probabilities.
    pub(super) fn seen(&self) -> Vec<usize> {
        match &self.lower {
            None => self.input.clone(),
            Some(lower) => vec![self.input.iter().product::<usize>() + lower.labels],
        }
    }

    /// The scores that keep them out, `[K + 2, K]`.
    pub(super) fn mask(&self) -> Result<Option<Vec<f32>>> {
        let k = self.labels;
        if self.forbidden.is_empty() {
            return Ok(None);
        }
        let mut mask = reserved("forbidden", &[k + 2, k])?;
        mask.resize((k + 2) * k, 0.0);
        for &[before, after] in &self.forbidden {
            if before > k + 1 || after >= k {
                let detail =
                    format!("there is no transition {before} to {after} between {k} labels");
                return Err(Error::setting("forbidden", detail));
            }
            mask[before * k + after] = FORBIDDEN;
        }
        Ok(Some(mask))
    }
}
