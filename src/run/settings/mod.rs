//! Settings, each declared once: a [`Setting`] says name, help, default and what may happen to it when a run goes on.
//! The command line, settings files, a run's `config.toml`, the check of a resumed run and the settings that a
//! checkpoint records all come from the declarations, which `settings!` joins to a struct of
//! values.
//!
//! Values come in layers, tables by name: what is asked for goes before a file, a file before a run's record, that
//! before the defaults. Settings of one group replace each other from layer to layer (`cd` and `pcd`).

mod layers;
mod record;

pub use layers::{SettingsFile, check_recorded, defaults, read_file, resolve, resolve_asked};
pub(crate) use record::text_or_number;
pub use record::{LastStage, check_same, first_changed, recorded, table};

use std::ops::Range;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::error::Result;
use crate::interval::Interval;
use crate::training::Schedule;

/// A mistake in a file's text: where it stands, and what it is.
pub type Mistake = (Option<Range<usize>>, String);

/// The declaration of a setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `learning_rate`; on the command line `--learning-rate`.
    pub name: &'static str,
    /// What it is, for the help.
    pub help: &'static str,
    /// What a value is called in the help: `N`. Empty for what stands in files alone.
    pub value: &'static str,
    /// The words that it takes, if it takes no others.
    pub choices: &'static [&'static str],
    /// What it is where nobody says.
    pub default: Default,
    /// The numbers that it takes; a schedule's values lie there too.
    pub range: Option<Interval>,
    /// What stands for the value where the option is given alone.
    pub alone: Option<&'static str>,
    /// Settings of one group exclude each other.
    pub group: &'static str,
    /// A setting without which this one means nothing.
    pub requires: &'static str,
    /// Why it does nothing beside the others, if it does nothing; they are known with their defaults.
    pub idle: fn(&Table) -> Option<String>,
    /// Whether it may grow when a run goes on, where it is of the last stage alone ([`LastStage::grows`]); no other
    /// change is allowed.
    pub grows: bool,
    /// An environment variable that speaks for it.
    pub variable: &'static str,
    /// Finds a mistake in a file that the reader cannot place.
    pub explain: fn(&str) -> Option<Mistake>,
    /// Reads a word of the command line.
    pub parse: fn(&str) -> std::result::Result<Value, String>,
    /// A value of a file as it is recorded.
    pub canonical: fn(Value) -> std::result::Result<Value, String>,
    /// Whether it is a [`Schedule`].
    pub schedule: bool,
}

impl Setting {
    /// Nothing is said yet: declarations give what differs.
    pub const NEW: Setting = Setting {
        name: "",
        help: "",
        value: "",
        choices: &[],
        default: Default::None(""),
        range: None,
        alone: None,
        group: "",
        requires: "",
        idle: |_| None,
        grows: false,
        variable: "",
        explain: |_| None,
        parse: |_| Err("it stands in a file".into()),
        canonical: Ok,
        schedule: false,
    };

    /// The name as options have it.
    pub fn option(&self) -> String {
        self.name.replace('_', "-")
    }

    /// What it is where nobody says, beside what is known of the settings declared before it.
    pub fn fill(&self, known: &Table) -> Option<Value> {
        match self.default {
            Default::None(_) => None,
            Default::Is(word) => (self.parse)(word).ok(),
            Default::If(word, holds) if holds(known) => (self.parse)(word).ok(),
            Default::If(..) => None,
            Default::By(_, find) => find(known),
        }
    }

    /// That a value lies in the range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting).
    pub fn check(&self, value: &Value) -> Result<()> {
        let Some(range) = self.range else { return Ok(()) };
        match value {
            Value::Integer(n) => match u64::try_from(*n) {
                Ok(n) => range.check_count(&self.option(), n),
                Err(_) => range.check(&self.option(), *n as f32),
            },
            Value::Float(x) => range.check(&self.option(), *x as f32),
            Value::String(text) if self.schedule => match text.parse::<Schedule>() {
                Ok(schedule) => schedule.check(&self.option(), range),
                Err(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// What the help says of it.
    pub fn words(&self) -> String {
        let range = match self.range {
            Some(range) if !range.is_of_counts() => format!(", in {range}"),
            _ => String::new(),
        };
        let default = match self.default {
            Default::None("") | Default::By("", _) => String::new(),
            Default::None(words)
            | Default::Is(words)
            | Default::If(words, _)
            | Default::By(words, _) => {
                format!(" [default: {words}]")
            }
        };
        format!("{}{range}{default}", self.help)
    }
}

/// What a setting is where nobody says.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// Nothing; what that means, where the help does not say it.
    None(&'static str),
    /// Always the same, as one would write it.
    Is(&'static str),
    /// The same where settings declared before it are so, else nothing.
    If(&'static str, fn(&Table) -> bool),
    /// What settings declared before it make it; in words for the help, which are empty where the help says it.
    By(&'static str, fn(&Table) -> Option<Value>),
}

/// A type that a setting may have.
pub trait SettingValue {
    /// Whether it is a [`Schedule`].
    const SCHEDULE: bool = false;

    /// Reads a word of the command line.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(text: &str) -> std::result::Result<Value, String>;

    /// A value of a file as it is recorded.
    ///
    /// # Errors
    /// What is wrong with it.
    fn canonical(value: Value) -> std::result::Result<Value, String>;
}

impl<T: SettingValue> SettingValue for Option<T> {
    const SCHEDULE: bool = T::SCHEDULE;

    fn parse(text: &str) -> std::result::Result<Value, String> {
        T::parse(text)
    }

    fn canonical(value: Value) -> std::result::Result<Value, String> {
        T::canonical(value)
    }
}

/// Reads a word as a T.
///
/// # Errors
/// What is wrong with it.
pub fn parse_as<T: FromStr<Err: ToString> + Serialize>(
    text: &str,
) -> std::result::Result<Value, String> {
    let value: T = text.parse().map_err(|e: T::Err| e.to_string())?;
    Value::try_from(value).map_err(|e| e.to_string())
}

/// A value as a T would be recorded.
///
/// # Errors
/// What is wrong with it.
pub fn canonical_as<T: Serialize + DeserializeOwned>(
    value: Value,
) -> std::result::Result<Value, String> {
    let value: T = value.try_into().map_err(|e: toml::de::Error| words_of(e.message()))?;
    Value::try_from(value).map_err(|e| e.to_string())
}

/// A parser's message without the names of Rust's types.
fn words_of(message: &str) -> String {
    let whole = "expected a whole number, 0 or more";
    let message = message.replace("expected usize", whole).replace("expected u64", whole);
    match message.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => message,
    }
}

/// Makes types that have words and a TOML form settings' types.
macro_rules! setting_values {
    ($($type:ty),*) => { $(
        impl $crate::run::settings::SettingValue for $type {
            fn parse(text: &str) -> std::result::Result<toml::Value, String> {
                $crate::run::settings::parse_as::<$type>(text)
            }

            fn canonical(value: toml::Value) -> std::result::Result<toml::Value, String> {
                $crate::run::settings::canonical_as::<$type>(value)
            }
        }
    )* };
}

setting_values!(f32, bool);

impl SettingValue for String {
    fn parse(text: &str) -> std::result::Result<Value, String> {
        Ok(Value::String(text.into()))
    }

    /// A number is the text that it is written as: `device = 0`.
    fn canonical(value: Value) -> std::result::Result<Value, String> {
        match value {
            Value::Integer(_) | Value::Float(_) => Ok(Value::String(value.to_string())),
            other => canonical_as::<String>(other),
        }
    }
}

impl SettingValue for Schedule {
    const SCHEDULE: bool = true;

    fn parse(text: &str) -> std::result::Result<Value, String> {
        parse_as::<Schedule>(text)
    }

    fn canonical(value: Value) -> std::result::Result<Value, String> {
        canonical_as::<Schedule>(value)
    }
}

/// A number of things.
macro_rules! whole {
    ($($type:ty),*) => { $(
        impl SettingValue for $type {
            fn parse(text: &str) -> std::result::Result<Value, String> {
                if let Some(n) = whole_of(text.parse().ok()) {
                    return Ok(Value::Integer(n));
                }
                match text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
                    // 2^63 - 1 is the largest that TOML holds.
                    true if text.parse::<$type>().is_ok() => Err(format!("{text} is above 2^63 - 1")),
                    true => Err("the number is too large".into()),
                    false => Err("a whole number is expected, 0 or above".into()),
                }
            }

            fn canonical(value: Value) -> std::result::Result<Value, String> {
                canonical_as::<$type>(match whole_of(value.as_float()) {
                    Some(n) => Value::Integer(n),
                    None => value,
                })
            }
        }
    )* };
}

/// The whole number that a float is: `1e3` is one.
fn whole_of(value: Option<f64>) -> Option<i64> {
    // Above 2^53 a float may stand for a neighbour.
    value.filter(|x| x.fract() == 0.0 && (0.0..=9e15).contains(x)).map(|x| x as i64)
}

whole!(u64, usize);

/// Declares a struct of settings: each field with its type and its [`Setting`].
macro_rules! settings {
    ($(#[$outer:meta])* pub struct $name:ident {
        $( $(#[$inner:meta])* $field:ident: $type:ty = $setting:expr; )*
    }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[non_exhaustive]
        pub struct $name {
            $( #[doc = concat!(
                "`", stringify!($field), "`: what it is, its range and its default stand in [`Self::SETTINGS`]."
            )]
               $(#[$inner])* pub $field: $type, )*
        }

        impl $name {
            /// The declarations.
            pub const SETTINGS: &'static [$crate::run::settings::Setting] = &[
                $( $crate::run::settings::Setting {
                    name: stringify!($field),
                    parse: <$type as $crate::run::settings::SettingValue>::parse,
                    canonical: <$type as $crate::run::settings::SettingValue>::canonical,
                    schedule: <$type as $crate::run::settings::SettingValue>::SCHEDULE,
                    ..$setting
                }, )*
            ];
        }
    };
}

/// The settings of a kind of training, with all values filled in.
pub trait Settings: Serialize + DeserializeOwned {
    /// The declarations, in the order of the fields.
    fn declared() -> &'static [Setting];

    /// Whether the values, each in its range, go together.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting).
    fn check(&self) -> Result<()>;

    /// The device that is asked for.
    fn device(&self) -> &str;

    /// Whether the model must not depend on the number of ranks.
    fn reproducible(&self) -> bool;

    /// How long the last stage is, and how it may go on.
    fn last_stage(&self) -> LastStage;

    /// Whether ranks can share what these settings ask for.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) saying what they cannot share.
    fn check_shared(&self) -> Result<()> {
        Ok(())
    }

    /// The settings that 0.1 took a fingerprint of: none of what it did not train.
    fn of_0_1() -> &'static [&'static str] {
        &[]
    }
}

/// Gives types that are written as words their serialised form.
macro_rules! settings_text {
    ($($type:ty),*) => { $(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = $crate::run::settings::text_or_number(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

pub(crate) use {setting_values, settings, settings_text};
