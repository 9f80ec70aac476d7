//! The kinds of models that files hold, and what makes one.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::models::{Model, UnitKind};

/// The kinds of models that files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// A restricted Boltzmann machine.
    Rbm,
    /// A classifier of layers.
    Network,
    /// A deep autoencoder.
    Autoencoder,
    /// A deep belief net.
    Dbn,
    /// A conditional random field.
    Crf,
    /// A deep Boltzmann machine.
    Dbm,
    /// A restricted Boltzmann machine of cases and their classes.
    ClassRbm,
}

/// A tensor that every model of a kind has, or may have.
pub(super) struct Expected {
    pub name: &'static str,
    /// What its sizes count; the first tensor of a kind says how many there are of each.
    pub dims: &'static [&'static str],
    pub optional: bool,
    /// Every value is above 0.
    pub positive: bool,
}

const fn needed(name: &'static str, dims: &'static [&'static str]) -> Expected {
    Expected { name, dims, optional: false, positive: false }
}

/// Those of a machine, in the order in which they are written.
pub(super) const RBM: [Expected; 5] = [
    needed("W", &["visible units", "hidden units"]),
    needed("b", &["visible units"]),
    needed("a", &["hidden units"]),
    Expected { optional: true, ..needed("data_mean", &["visible units"]) },
    Expected { optional: true, positive: true, ..needed("data_std", &["visible units"]) },
];

impl ModelKind {
    /// All of them.
    pub const ALL: [ModelKind; 7] = [
        ModelKind::Rbm,
        ModelKind::Network,
        ModelKind::Autoencoder,
        ModelKind::Dbn,
        ModelKind::Crf,
        ModelKind::Dbm,
        ModelKind::ClassRbm,
    ];

    /// What `harmonium.model` says.
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::Rbm => "rbm",
            ModelKind::Network => "network",
            ModelKind::Autoencoder => "autoencoder",
            ModelKind::Dbn => "dbn",
            ModelKind::Crf => "crf",
            ModelKind::Dbm => "dbm",
            ModelKind::ClassRbm => "class-rbm",
        }
    }

    /// What people call one.
    pub fn words(self) -> &'static str {
        match self {
            ModelKind::Rbm => "restricted Boltzmann machine",
            ModelKind::Dbn => "deep belief net",
            ModelKind::Crf => "conditional random field",
            ModelKind::Dbm => "deep Boltzmann machine",
            ModelKind::ClassRbm => "classification machine",
            ModelKind::Network | ModelKind::Autoencoder => self.name(),
        }
    }

    /// The same with its article.
    pub fn one(self) -> String {
        let article = if self == ModelKind::Autoencoder { "an" } else { "a" };
        format!("{article} {}", self.words())
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The tensors that make such a model; empty where its description names them.
    pub(super) fn tensors(self) -> &'static [Expected] {
        match self {
            ModelKind::Rbm => &RBM,
            ModelKind::Network
            | ModelKind::Autoencoder
            | ModelKind::Dbn
            | ModelKind::Crf
            | ModelKind::Dbm
            | ModelKind::ClassRbm => &[],
        }
    }
}

/// What the hidden units of a machine are, where they are not of the usual kind.
pub(crate) const HIDDEN_KEY: &str = "harmonium.hidden";

impl ModelKind {
    /// In what a model is not as a file of this kind describes it: the key, and what each says.
    pub(super) fn differs(
        self,
        metadata: &BTreeMap<String, String>,
        model: &dyn Model,
    ) -> Option<(String, String)> {
        if model.kind() != self.name() {
            let other = Self::named(model.kind()).map_or(model.kind().into(), Self::one);
            return Some(("kind".into(), format!("{}, and the model is {other}", self.one())));
        }
        let mut described = model.description();
        if self == ModelKind::Rbm {
            described.entry(HIDDEN_KEY.into()).or_insert(UnitKind::Bernoulli.to_string());
        }
        described.into_iter().find_map(|(key, own)| {
            let found = metadata.get(&key).filter(|found| !is_described_by(found, &own))?;
            let detail = format!("{found}, and the model's is {own}");
            Some((key, detail))
        })
    }
}

/// Whether a file's description is a model's own. An older file may say less.
fn is_described_by(found: &str, own: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text);
    match (parsed(found), parsed(own)) {
        (Ok(found), Ok(own)) => found.iter().all(|(key, value)| own.get(key) == Some(value)),
        _ => found == own,
    }
}

impl fmt::Display for ModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
