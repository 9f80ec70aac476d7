//! Settings that several kinds of training share.

use std::fmt;
use std::str::FromStr;

use toml::{Table, Value};

use crate::data::{Binarize, DataSet, Holdout, Reading, Streaming};
use crate::device::DEVICE_VARIABLE;
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::run::settings::{Default, Setting, setting_values, settings_text};
use crate::training::ranges;

/// How many training cases are held out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Validation {
    /// A tenth, but none of fewer than ten cases.
    #[default]
    Auto,
    /// None.
    None,
    /// So many.
    Some(Holdout),
}

impl FromStr for Validation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text.trim(), text.trim().parse::<f64>()) {
            ("auto", _) => Ok(Validation::Auto),
            (_, Ok(0.0)) => Ok(Validation::None),
            (text, _) => text.parse().map(Validation::Some),
        }
    }
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Validation::Auto => f.write_str("auto"),
            Validation::None => f.write_str("0"),
            Validation::Some(holdout) => holdout.fmt(f),
        }
    }
}

impl Validation {
    /// What it comes to for so many cases; never [`Validation::Auto`].
    pub fn of(self, cases: usize) -> Self {
        match self {
            Validation::Auto if cases < 10 => Validation::None,
            Validation::Auto => Validation::Some(Holdout::Fraction(0.1)),
            asked => asked,
        }
    }

    /// The training cases and those held out.
    ///
    /// # Errors
    /// [`Error::Setting`] where nothing would be left on one side.
    pub fn split(self, set: DataSet, seed: u64) -> Result<(DataSet, Option<DataSet>)> {
        match self.of(set.cases.len()) {
            Validation::Some(holdout) => {
                let (train, held_out) = set.split_validation(holdout, seed)?;
                Ok((train, Some(held_out)))
            }
            _ => Ok((set, None)),
        }
    }
}

/// How many bytes of memory cases may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(u64);

/// Units of memory; a kilobyte of 1,000 bytes is read, and never written.
const MEMORY_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl std::default::Default for Memory {
    fn default() -> Self {
        Memory(2 << 30)
    }
}

impl Memory {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// Whether it is what it is where nobody says.
    pub fn is_default(&self) -> bool {
        *self == Memory::default()
    }

    /// So many bytes for people: `7.9 GiB`.
    pub fn words(bytes: u64) -> String {
        let unit = MEMORY_UNITS[..4].iter().find(|(_, unit)| bytes >= *unit);
        let (name, unit) = unit.copied().unwrap_or(("B", 1));
        format!("{} {name}", (bytes as f64 / unit as f64 * 10.0).round() / 10.0)
    }
}

impl FromStr for Memory {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let wrong = |detail: String| Err(Error::setting("memory", detail));
        let unit = MEMORY_UNITS.iter().find_map(|(name, unit)| {
            let number = text.get(..text.len().checked_sub(name.len())?)?;
            text[number.len()..].eq_ignore_ascii_case(name).then_some((number, *unit))
        });
        let (number, unit) = unit.unwrap_or((text, 1));
        let Ok(number) = number.trim().parse::<f64>() else {
            return wrong(format!("'{text}' is no amount of memory; write 2GiB, 512MiB or 1.5GB"));
        };
        let bytes = number * unit as f64;
        if !(Streaming::LEAST as f64..=u64::MAX as f64 / 2.0).contains(&bytes) {
            return wrong(format!("{text} is below 1MiB, the least, or beyond all memory"));
        }
        Ok(Memory(bytes as u64))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, unit): &&(&str, u64)| self.0.is_multiple_of(*unit);
        let (name, unit) = MEMORY_UNITS[..4].iter().find(whole).copied().unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// How values become bits, if they do.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BinarizeHow(pub Option<Binarize>);

impl FromStr for BinarizeHow {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "none" => Ok(BinarizeHow(None)),
            how => how.parse().map(|how| BinarizeHow(Some(how))).map_err(|_| {
                let detail =
                    format!("'{how}' is none of: a threshold in (0, 1], sample, resample, none");
                Error::setting("binarize", detail)
            }),
        }
    }
}

impl fmt::Display for BinarizeHow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(how) => how.fmt(f),
        }
    }
}

/// Words for the variants of an enum.
macro_rules! words {
    ($type:ident, $all:expr, $word:expr) => {
        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> std::result::Result<Self, String> {
                let found = $all.into_iter().find(|value| $word(*value) == text);
                found.ok_or_else(|| {
                    let known: Vec<&str> = $all.into_iter().map($word).collect();
                    format!("'{text}' is none of {}", known.join(", "))
                })
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($word(*self))
            }
        }
    };
}

pub(super) use words;

settings_text!(Validation, BinarizeHow, Memory);
setting_values!(
    Validation,
    BinarizeHow,
    Memory,
    crate::models::UnitKind,
    crate::training::Distortion
);

/// A text of a table of settings.
pub(super) fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or("")
}

/// Whether the optimiser is steepest descent.
pub(super) fn uses_sgd(table: &Table) -> bool {
    text(table, "optimizer") == "sgd"
}

/// A default that is a text.
pub(super) fn word(text: &str) -> Option<Value> {
    Some(Value::String(text.into()))
}

/// A default that is a number of things.
pub(super) fn whole(n: i64) -> Option<Value> {
    Some(Value::Integer(n))
}

/// A default that is an f32.
pub(super) fn real(x: f32) -> Option<Value> {
    Some(Value::Float(x.into()))
}

/// Whether a setting of a table is on.
pub(super) fn is(table: &Table, key: &str) -> bool {
    table.get(key).and_then(Value::as_bool) == Some(true)
}

/// Why a setting of some optimizers, `words`, does nothing beside another one.
pub(super) fn of_optimizers(table: &Table, these: &[&str], words: &str) -> Option<String> {
    let name = text(table, "optimizer");
    (!name.is_empty() && !these.contains(&name))
        .then(|| format!("belongs to {words}, and the optimizer is {name}; leave it out"))
}

/// What is off unless it is asked for.
pub(super) const fn flag(help: &'static str) -> Setting {
    Setting {
        value: "BOOL",
        help,
        alone: Some("true"),
        default: Default::By("", |_| Some(Value::Boolean(false))),
        ..Setting::NEW
    }
}

/// Gives settings that name data and how they are read the methods that come of it.
macro_rules! of_data {
    ($settings:ty) => {
        impl $settings {
            /// How the data are read.
            pub fn reading(&self) -> crate::data::Reading {
                crate::data::Reading::of(self.labels.clone(), self.array.clone(), self.scale)
            }

            /// The defaults for some data: their name, or sets in memory.
            ///
            /// # Errors
            /// None for the defaults.
            pub fn of(data: impl Into<crate::jobs::Data>) -> crate::error::Result<Self> {
                let data = data.into();
                let usual: Self = crate::run::settings::defaults([("data", data.name())])?;
                Ok(Self { data, ..usual })
            }
        }
    };
}

pub(super) use of_data;

/// Data, for every command that reads some.
pub const DATA_HELP: &str = "digits or fashion (bundled); a folder in the naming of MNIST or EMNIST, with train.csv and test.csv, or with a \
     folder of pictures for each class; or a file: idx, .npy, .npz, .csv (or .gz of these), .png, .jpg";

/// Which data.
pub(super) const DATA: Setting =
    Setting { value: "DATA", help: DATA_HELP, default: Default::Is("digits"), ..Setting::NEW };
/// Where the labels are.
pub(super) const LABELS: Setting =
    Setting { value: "COLUMN|FILE", help: LABELS_HELP, ..Setting::NEW };
/// Of a .npz.
pub(super) const ARRAY: Setting = Setting { value: "NAME", help: ARRAY_HELP, ..Setting::NEW };
/// What stands for 1.
pub(super) const SCALE: Setting =
    Setting { value: "MAX", help: SCALE_HELP, range: Some(Reading::SCALE), ..Setting::NEW };

/// For every command that reads data.
pub const LABELS_HELP: &str = "Where the labels are: a csv's column, by name or by number from 1; of arrays a file (idx, .npy, .csv) or another \
     array of the .npz; none takes nothing for labels";
/// For every command that reads data.
pub const ARRAY_HELP: &str = "The array of a .npz that holds the cases";
/// For every command that reads data.
pub const SCALE_HELP: &str = "Divide all values by MAX, which stands for 1 (or white)";

/// Training cases, at most.
pub(super) const LIMIT: Setting = Setting {
    value: "N",
    help: "Use the first N training cases only",
    range: Some(Interval::COUNT),
    ..Setting::NEW
};

/// Reading in pieces.
pub(super) const STREAM: Setting = Setting {
    value: "BOOL",
    help: "Read the training cases in pieces in every epoch even where they fit in --memory: .npy, idx, .csv, .gz of these, \
           and folders of part-*.npy",
    alone: Some("true"),
    ..Setting::NEW
};

/// Memory for cases.
pub(super) const MEMORY: Setting = Setting {
    value: "SIZE",
    help: "Memory for cases: a larger set is read in pieces in every epoch, mixed by blocks and within what is in memory",
    default: Default::Is("2GiB"),
    ..Setting::NEW
};

/// Cases held out.
pub(super) const VALIDATION: Setting = Setting {
    value: "X",
    help: "Hold out this fraction (below 1) or number of training cases; 0 holds out none",
    default: Default::By("0.1; none of fewer than 10 cases", |_| word("auto")),
    ..Setting::NEW
};

/// Persistent chains, and how far they move.
pub(super) const PCD: Setting = Setting {
    value: "K",
    help: "PCD-K: persistent chains, as many as the batch, moved K steps an update [K: 1]",
    range: Some(ranges::STEPS),
    group: "model's term",
    alone: Some("1"),
    ..Setting::NEW
};

/// How much cases count.
pub(super) const WEIGHTS: Setting = Setting {
    value: "FILE.npy",
    help: "How much each training case counts, one number a case, 0 or above: learning, means and scores are those of cases \
           that are repeated so often",
    default: Default::None("all alike"),
    ..Setting::NEW
};

/// The decay of a machine's weights.
pub(super) const MACHINE_DECAY: Setting = Setting {
    value: "X",
    help: "L2 decay of the weights",
    range: Some(ranges::WEIGHT_DECAY),
    ..Setting::NEW
};

/// The learning rate of a machine.
pub(super) const MACHINE_RATE: Setting = Setting {
    value: "X",
    help: "Per update, of mean gradients; or a schedule: 0.1,20:0.01 (0.01 after epoch 20), 0.1..0.001 (linear)",
    range: Some(ranges::LEARNING_RATE),
    ..Setting::NEW
};

/// The seed of everything.
pub(super) const SEED: Setting = Setting { value: "S", default: Default::Is("1"), ..Setting::NEW };

/// Bits that ranks do not change.
pub(super) const REPRODUCIBLE: Setting = Setting {
    value: "BOOL",
    help: "The same model bit for bit on however many ranks (mpirun), one too: each batch is cut into 8 blocks, whose \
           gradients are summed in their order. Slower",
    alone: Some("true"),
    ..Setting::NEW
};

/// Where it runs.
pub(super) const DEVICE: Setting = Setting {
    value: "DEVICE",
    help: "auto (a hardware GPU, else the CPU), cpu, vulkan, gl, metal, dx12, an index of `harmonium devices`, or a \
           part of an adapter's name",
    default: Default::Is("auto"),
    variable: DEVICE_VARIABLE,
    ..Setting::NEW
};
