//! Options that not every model takes, each declared once with what it needs; and their one refusal.

use super::args::{EvalOptions, SampleOptions};
use crate::error::{Error, Result};

/// What a model must have for an option to mean something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A log Z, its own or its top's.
    LogPartition,
    /// Chains of its own units, whose means can be averaged.
    Chains,
    /// Chains of which some units can be held.
    Held,
    /// A single machine, its own or its top, whose log Z a ladder of machines leads to.
    Climb,
    /// That it is a single machine without classes.
    Machine,
    /// Classes that it draws from.
    Classes,
    /// Cases, each of which stands alone.
    Cases,
}

impl Needs {
    fn words(self) -> &'static str {
        match self {
            Needs::LogPartition => "is about log Z, which machines and deep belief nets have",
            Needs::Chains => "is of chains of all units, which machines have, deep ones too",
            Needs::Held => "is of machines without classes, deep ones too",
            Needs::Climb => {
                "is of single machines without classes and of the tops of deep belief nets"
            }
            Needs::Machine => "is of single machines without classes",
            Needs::Classes => {
                "is of classification machines and of deep belief nets whose top has labels"
            }
            Needs::Cases => "is of cases, and positions of a sequence do not stand alone",
        }
    }
}

/// Options of a command, as they are given.
pub trait Needing {
    /// Each option that not every model takes: its name, what it needs, whether it is given.
    fn needing(&self) -> Vec<(&'static str, Needs, bool)>;

    /// Refuses what a model that has only `has` cannot answer; `why` says what it has: `a network has error and loss`.
    fn refuse_but(&self, has: &[Needs], why: &str) -> Result<()> {
        let refused = |&(_, needs, given): &(_, Needs, bool)| given && !has.contains(&needs);
        match self.needing().into_iter().find(refused) {
            Some((name, needs, _)) => {
                Err(Error::setting(name, format!("{}; {why}: leave it out", needs.words())))
            }
            None => Ok(()),
        }
    }
}

impl Needing for EvalOptions {
    fn needing(&self) -> Vec<(&'static str, Needs, bool)> {
        vec![
            ("exact", Needs::LogPartition, self.exact),
            ("ais", Needs::LogPartition, self.ais.is_some()),
            ("ais-grid", Needs::LogPartition, self.ais_grid.is_some()),
            ("exact-pseudo", Needs::Machine, self.exact_pseudo),
            ("diagnostics", Needs::Machine, self.diagnostics),
            ("ladder", Needs::Climb, self.ladder.is_some()),
            ("weights", Needs::Cases, self.weights.is_some()),
            ("per-case", Needs::Cases, self.per_case.is_some()),
        ]
    }
}

impl Needing for SampleOptions {
    fn needing(&self) -> Vec<(&'static str, Needs, bool)> {
        // Beside a mask, else the starts of chains.
        let init = if self.clamp.is_some() { Needs::Held } else { Needs::Machine };
        vec![
            ("average", Needs::Chains, self.average),
            ("init", init, self.init.is_some()),
            ("clamp", Needs::Held, self.clamp.is_some()),
            ("pt", Needs::Machine, self.pt.is_some()),
            ("ptt", Needs::Machine, self.ptt),
            ("class", Needs::Classes, self.class.is_some()),
        ]
    }
}
