//! Layers of settings, and files of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Spanned, Table, Value};

use super::{Mistake, Setting, Settings};
use crate::error::{Error, Result};

/// What is asked for, over what else there is: later layers go before earlier ones, and the defaults come last.
///
/// # Errors
/// [`Error::Setting`] for settings of one group within a layer, and for what [`Settings::check`] refuses.
pub fn resolve<S: Settings>(layers: Vec<Table>) -> Result<S> {
    let mut table = Table::new();
    for layer in layers {
        check_groups::<S>(&layer)?;
        table = over::<S>(layer, table);
    }
    check_required::<S>(&table)?;
    table = filled::<S>(table);
    for setting in S::declared() {
        table.get(setting.name).map_or(Ok(()), |value| setting.check(value))?;
    }
    let settings: S = table
        .try_into()
        .map_err(|e| Error::setting("settings", e.message().replace('\n', "; ")))?;
    settings.check()?;
    Ok(settings)
}

/// The same where the last layer is what a user asks for: nothing of it may do nothing, and what below would do nothing
/// beside it alone gives way, as a file's momentum to another optimizer.
///
/// # Errors
/// As [`resolve`]; [`Error::Setting`] for what does nothing.
pub fn resolve_asked<S: Settings>(mut layers: Vec<Table>) -> Result<S> {
    let asked = layers.pop().unwrap_or_default();
    let mut below = layers.into_iter().fold(Table::new(), |lower, layer| over::<S>(layer, lower));
    let alone = filled::<S>(below.clone());
    let together = |below: &Table| filled::<S>(over::<S>(asked.clone(), below.clone()));
    let mut both = together(&below);
    for setting in S::declared() {
        let gives_way = !asked.contains_key(setting.name) && below.contains_key(setting.name);
        if gives_way && (setting.idle)(&both).is_some() && (setting.idle)(&alone).is_none() {
            below.remove(setting.name);
            both = together(&below);
        }
    }
    for setting in S::declared() {
        // Who asks for what it is anyway asks for nothing.
        let usual = setting.fill(&both);
        let asks = given(&asked, setting.name) && asked.get(setting.name) != usual.as_ref();
        if let (Some(why), true) = ((setting.idle)(&both), asks) {
            return Err(Error::setting(setting.option(), why));
        }
    }
    resolve(vec![below, asked])
}

/// With the defaults of what is not there.
fn filled<S: Settings>(mut table: Table) -> Table {
    for setting in S::declared() {
        if !table.contains_key(setting.name)
            && let Some(value) = setting.fill(&table)
        {
            table.insert(setting.name.into(), value);
        }
    }
    table
}

/// The defaults beside what these words say.
///
/// # Errors
/// As [`resolve`].
pub fn defaults<S: Settings>(
    words: impl IntoIterator<Item = (&'static str, impl ToString)>,
) -> Result<S> {
    let asked = words.into_iter().map(|(name, word)| (name.into(), word.to_string().into()));
    resolve(vec![Table::from_iter(asked)])
}

/// That settings can be read back from where they are recorded: a program may have set them one by one.
///
/// # Errors
/// As [`resolve`]; [`Error::Setting`] for those of another model.
pub fn check_recorded<S: Settings>(settings: &S, kind: &str) -> Result<()> {
    let table = super::table(settings)?;
    if let Some(model) = table.get("model").and_then(Value::as_str) {
        check_kind(model, kind)?;
    }
    resolve::<S>(vec![table]).map(|_| ())
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

/// That nothing is asked for that does nothing without another setting.
fn check_required<S: Settings>(table: &Table) -> Result<()> {
    let alone =
        |s: &&Setting| !s.requires.is_empty() && given(table, s.name) && !given(table, s.requires);
    match S::declared().iter().find(alone) {
        Some(setting) => {
            let detail = format!("means nothing without {}", setting.requires.replace('_', "-"));
            Err(Error::setting(setting.option(), detail))
        }
        None => Ok(()),
    }
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
        let value = match (value.into_inner(), setting.alone) {
            // As the option stands on the command line, without a value.
            (Value::Boolean(true), Some(alone)) if alone != "true" => {
                alone.parse().map_or_else(|_| Value::String(alone.into()), Value::Integer)
            }
            (Value::Boolean(false), Some(alone)) if alone != "true" => continue,
            (value, _) => value,
        };
        let canonical = (setting.canonical)(value);
        let value = canonical
            .map_err(|e| fail((setting.explain)(&text).unwrap_or((Some(span.clone()), e))))?;
        setting.check(&value).map_err(|e| fail((Some(span), e.to_string())))?;
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
            format!(
                "the settings are of {found}, not of {kind}; they go with the command that trains {found}"
            ),
        )),
    }
}
