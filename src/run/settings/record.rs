//! What may change of a run's settings when it goes on, and what checkpoints record of them.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::Settings;
use crate::error::{Error, Result};
use crate::training::Schedule;

/// Settings as a table.
///
/// # Errors
/// [`Error::Setting`] for what TOML cannot hold.
pub fn table<S: Settings>(settings: &S) -> Result<Table> {
    Table::try_from(settings).map_err(|e| Error::setting("settings", e.to_string()))
}

/// Checks that settings that are asked for differ from those of the run in `path` in what may grow at most, and
/// that growing epochs change no earlier one. `asked` is what was written, of which a mistake is told first.
///
/// # Errors
/// [`Error::Setting`] naming the first that differs, with both values.
pub fn check_same<S: Settings>(path: &Path, before: &S, now: &S, asked: &[Table]) -> Result<()> {
    let (before, now) = (table(before)?, table(now)?);
    let declared = |key: &str| S::declared().iter().find(|s| s.name == key);
    let mut keys: Vec<&String> =
        before.keys().chain(now.keys()).collect::<BTreeSet<_>>().into_iter().collect();
    // First what was written: the rest may have changed because of it.
    let written = |key: &String| asked.iter().rev().find_map(|layer| layer.get(key));
    keys.sort_by_key(|key| written(key).is_none());
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
                written(key).or(now.get(key)).map_or("none".into(), Value::to_string),
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
        let default = || s.fill(&now);
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

/// A text, or the text of a number: `validation = 0.2` says as much as `validation = "0.2"`.
pub(crate) fn text_or_number<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<String, D::Error> {
    struct Visitor;

    impl serde::de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text or a number")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<String, E> {
            Ok(text.into())
        }

        fn visit_i64<E: serde::de::Error>(self, n: i64) -> std::result::Result<String, E> {
            Ok(n.to_string())
        }

        fn visit_u64<E: serde::de::Error>(self, n: u64) -> std::result::Result<String, E> {
            Ok(n.to_string())
        }

        fn visit_f64<E: serde::de::Error>(self, x: f64) -> std::result::Result<String, E> {
            Ok(x.to_string())
        }
    }

    deserializer.deserialize_any(Visitor)
}
