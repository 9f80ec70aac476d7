//! Settings, each declared once: a [`Setting`] says name, help, default and what may happen to it when a run goes on.
//! The command line, settings files, a run's `config.toml`, the check of a resumed run and the settings that a
//! checkpoint records all come from the declarations, which `settings!` joins to a struct of
//! values.
//!
//! Values come in layers, tables by name: what is asked for goes before a file, a file before a run's record, that
//! before the defaults. Settings of one group replace each other from layer to layer (`cd` and `pcd`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Spanned, Table, Value};

use crate::error::{Error, Result};
use crate::training::Schedule;

/// A mistake in a file's text: where it stands, and what it is.
pub type Mistake = (Option<Range<usize>>, String);

/// The declaration of a setting.
#[derive(Clone, Copy)]
pub struct Setting {
    /// `learning_rate`; on the command line `--learning-rate`.
    pub name: &'static str,
    /// What it is, for the help.
    pub help: &'static str,
    /// What a value is called in the help: `N`. Empty for what stands in files alone.
    pub value: &'static str,
    /// The words that it takes, if it takes no others.
    pub choices: &'static [&'static str],
    /// The default in words, for the help; empty where the help says it.
    pub default: &'static str,
    /// The default, which may depend on the settings declared before it.
    pub fill: fn(&Table) -> Option<Value>,
    /// What stands for the value where the option is given alone.
    pub alone: Option<&'static str>,
    /// Settings of one group exclude each other.
    pub group: &'static str,
    /// A setting without which this one means nothing.
    pub requires: &'static str,
    /// Whether it may grow when a run goes on; no other change is allowed.
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
        default: "",
        fill: |_| None,
        alone: None,
        group: "",
        requires: "",
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
    let value: T = value.try_into().map_err(|e: toml::de::Error| e.message().to_string())?;
    Value::try_from(value).map_err(|e| e.to_string())
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

setting_values!(String, f32, bool);

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
                parse_as::<$type>(text).map_err(|e| {
                    match text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
                        // 2^63 - 1 is the largest that TOML holds.
                        true if text.parse::<$type>().is_ok() => format!("{text} is above 2^63 - 1"),
                        true => "the number is too large".into(),
                        false if e.is_empty() => e,
                        false => "a whole number is expected, 0 or above".into(),
                    }
                })
            }

            fn canonical(value: Value) -> std::result::Result<Value, String> {
                canonical_as::<$type>(value)
            }
        }
    )* };
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
            $( #[doc = concat!("`", stringify!($field), "`; see the help of the command.")]
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

    /// Whether the values are in their ranges and go together.
    ///
    /// # Errors
    /// [`Error::Setting`].
    fn check(&self) -> Result<()>;

    /// The device that is asked for.
    fn device(&self) -> &str;

    /// The settings that 0.1 took a fingerprint of.
    fn of_0_1() -> &'static [&'static str];
}

/// What is asked for, over what else there is: later layers give what earlier ones do not.
///
/// # Errors
/// [`Error::Setting`] for settings of one group within a layer, and for what [`Settings::check`] refuses.
pub fn resolve<S: Settings>(layers: Vec<Table>) -> Result<S> {
    let mut table = Table::new();
    for layer in layers {
        check_groups::<S>(&layer)?;
        table = over::<S>(table, layer);
    }
    for setting in S::declared() {
        if !table.contains_key(setting.name)
            && let Some(value) = (setting.fill)(&table)
        {
            table.insert(setting.name.into(), value);
        }
    }
    let settings: S = table
        .try_into()
        .map_err(|e| Error::setting("settings", e.message().replace('\n', "; ")))?;
    settings.check()?;
    Ok(settings)
}

/// Whether a value asks for something: a switch that is off does not.
fn given(table: &Table, name: &str) -> bool {
    table.get(name).is_some_and(|value| value.as_bool() != Some(false))
}

fn check_groups<S: Settings>(layer: &Table) -> Result<()> {
    let grouped = S::declared().iter().filter(|s| !s.group.is_empty() && given(layer, s.name));
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for setting in grouped {
        if let Some(other) = seen.insert(setting.group, setting.option()) {
            let both = format!("{other} and {}", setting.option());
            return Err(Error::setting(both, "exclude each other; keep one"));
        }
    }
    Ok(())
}

fn over<S: Settings>(upper: Table, mut lower: Table) -> Table {
    let groups: BTreeSet<&str> = S::declared()
        .iter()
        .filter(|s| !s.group.is_empty() && given(&upper, s.name))
        .map(|s| s.group)
        .collect();
    for setting in S::declared().iter().filter(|s| groups.contains(s.group)) {
        lower.remove(setting.name);
    }
    lower.extend(upper);
    lower
}

/// A settings file, and what a run recorded in it beside the settings.
#[derive(Debug, Clone, Default)]
pub struct SettingsFile {
    /// The settings that it gives.
    pub settings: Table,
    /// The same to the letter.
    pub recorded: Table,
    /// Its table `run`.
    pub run: Option<Value>,
}

/// The key of what a run records beside its settings.
const RUN: &str = "run";

/// Reads a settings file.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] with the line for what is no setting of this model or has a wrong value;
/// [`Error::Setting`] for a file of another model.
pub fn read_file<S: Settings>(path: &Path, kind: &str) -> Result<SettingsFile> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let fail = |(span, detail): Mistake| {
        let line = span.map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        Error::file(path, format!("line {line}"), detail.replace('\n', "; "))
    };
    let mut values: BTreeMap<String, Spanned<Value>> =
        toml::from_str(&text).map_err(|e| fail((e.span(), e.message().to_string())))?;
    let run = values.remove(RUN).map(Spanned::into_inner);
    if let Some(model) = values.get("model").and_then(|model| model.get_ref().as_str()) {
        check_kind(model, kind)?;
    }
    let mut settings = Table::new();
    for (key, value) in values {
        let span = value.span();
        let Some(setting) = S::declared().iter().find(|s| s.name == key) else {
            let known: Vec<String> =
                S::declared().iter().map(|s| format!("`{}`", s.name)).collect();
            let detail = format!("unknown field `{key}`, expected one of {}", known.join(", "));
            return Err(fail((Some(span), detail)));
        };
        let canonical = (setting.canonical)(value.into_inner());
        let value =
            canonical.map_err(|e| fail((setting.explain)(&text).unwrap_or((Some(span), e))))?;
        settings.insert(key, value);
    }
    let recorded = settings.clone();
    let held_out = run.as_ref().and_then(|run| run.get("validation_cases")?.as_integer());
    if held_out == Some(0) {
        // A set of fewer than ten cases was not split unless asked for, and 0.1 recorded what would have been held
        // out of a larger one.
        settings.insert("validation".into(), Value::String("0".into()));
    }
    Ok(SettingsFile { settings, recorded, run })
}

/// That settings are of the model that is trained.
fn check_kind(found: &str, kind: &str) -> Result<()> {
    match found == kind {
        true => Ok(()),
        false => Err(Error::setting(
            "model",
            format!("the settings are of {found}, not of {kind}; use train {found}"),
        )),
    }
}

/// Settings as a table.
///
/// # Errors
/// [`Error::Setting`] for what TOML cannot hold.
pub fn table<S: Settings>(settings: &S) -> Result<Table> {
    Table::try_from(settings).map_err(|e| Error::setting("settings", e.to_string()))
}

/// Checks that settings that are asked for differ from those of the run in `path` in what may grow at most, and
/// that growing epochs change no earlier one.
///
/// # Errors
/// [`Error::Setting`] naming the first that differs, with both values.
pub fn check_same<S: Settings>(path: &Path, before: &S, now: &S) -> Result<()> {
    let (before, now) = (table(before)?, table(now)?);
    let declared = |key: &str| S::declared().iter().find(|s| s.name == key);
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut grown = false;
    for key in keys {
        if before.get(key) == now.get(key) {
            continue;
        }
        let grows = declared(key).is_some_and(|s| s.grows);
        let whole = |t: &Table| t.get(key).and_then(Value::as_integer);
        if grows && whole(&now) > whole(&before) {
            grown = true;
            continue;
        }
        let text = |t: &Table| t.get(key).map_or("none".into(), Value::to_string);
        let allowed = if grows { format!("{key} may only grow") } else { "leave it out".into() };
        return Err(Error::setting(
            format!("--{}", key.replace('_', "-")),
            format!(
                "{} is asked for, and the run in {} has {}; {allowed}, or start another run",
                text(&now),
                path.display(),
                text(&before)
            ),
        ));
    }
    if grown {
        check_lines::<S>(path, (&before, &now))?;
    }
    Ok(())
}

/// A line to the last epoch cannot be drawn again.
fn check_lines<S: Settings>(path: &Path, (before, now): (&Table, &Table)) -> Result<()> {
    let line = |value: &Value| match value.as_str()?.parse::<Schedule>() {
        Ok(line @ Schedule::Linear(..)) => Some(line),
        _ => None,
    };
    let schedules = S::declared().iter().filter(|s| s.schedule);
    for setting in schedules {
        if let Some(schedule) = now.get(setting.name).and_then(line) {
            let epochs = |t: &Table| t.get("epochs").map_or("none".into(), Value::to_string);
            return Err(Error::setting(
                "--epochs",
                format!(
                    "{} is asked for, and the run in {} has {} with --{} {schedule}, a line drawn to its last \
                     epoch: with more epochs all earlier ones would have been others; start another run",
                    epochs(now),
                    path.display(),
                    epochs(before),
                    setting.option()
                ),
            ));
        }
    }
    Ok(())
}

/// Settings as a checkpoint records them.
///
/// # Errors
/// [`Error::Setting`] for what TOML cannot hold.
pub fn recorded<S: Settings>(settings: &S) -> Result<String> {
    toml::to_string(&table(settings)?).map_err(|e| Error::setting("settings", e.to_string()))
}

/// The first setting that a checkpoint had otherwise, if there is one. What it does not know had its default: a
/// setting that is newer than the checkpoint changes nothing. `file` is what the run's `config.toml` says.
///
/// # Errors
/// [`Error::Setting`] where the record cannot be read.
pub fn first_changed<S: Settings>(
    checkpoint: &str,
    settings: &S,
    file: &Table,
) -> Result<Option<&'static str>> {
    let now = table(settings)?;
    if checkpoint.len() == 8 && checkpoint.bytes().all(|b| b.is_ascii_hexdigit()) {
        let same = checkpoint == fingerprint_of_0_1::<S>(now, file);
        return Ok((!same).then_some("not told which"));
    }
    let then: Table =
        checkpoint.parse().map_err(|e: toml::de::Error| Error::setting("settings", e.message()))?;
    let changed = S::declared().iter().filter(|s| !s.grows).find(|s| {
        let default = || (s.fill)(&now);
        let value = |t: &Table| t.get(s.name).cloned().or_else(default);
        value(&then) != value(&now)
    });
    Ok(changed.map(|s| s.name))
}

/// Version 0.1 kept a fingerprint of all its settings but the epochs, and of how a file said what is held out.
fn fingerprint_of_0_1<S: Settings>(mut table: Table, file: &Table) -> String {
    table.retain(|key, _| S::of_0_1().contains(&key) && key != "epochs");
    if let Some(text) = file.get("validation") {
        table.insert("validation".into(), text.clone());
    }
    format!("{:08x}", crc32fast::hash(table.to_string().as_bytes()))
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
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

pub(crate) use {setting_values, settings, settings_text};
