//! What may change of a run's settings when it goes on, and what checkpoints record of them.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::Settings;
use crate::error::{Error, Result};
use crate::training::Schedule;

/// The last stage of a training, as far as going on with it matters.
#[derive(Debug, Clone, PartialEq)]
pub struct LastStage {
    /// Its epochs.
    pub epochs: u64,
    /// The setting that says how many, unless it says so of other stages too: these are over and cannot grow.
    pub grows: Option<&'static str>,
    /// Its learning rate, which may be left to a default; `None` where lines are searched.
    pub learning_rate: Option<Schedule>,
}

impl LastStage {
    /// Of epochs that `epochs` sets.
    pub fn of(epochs: u64, learning_rate: Option<Schedule>) -> Self {
        LastStage { epochs, grows: Some("epochs"), learning_rate }
    }

    /// The same where its epochs cannot grow.
    pub fn fixed(self) -> Self {
        LastStage { grows: None, ..self }
    }

    /// What the names of its settings begin with.
    fn prefix(&self) -> &'static str {
        self.grows.and_then(|name| name.strip_suffix("epochs")).unwrap_or_default()
    }

    /// Whether the setting `name` is of this stage.
    fn has(&self, name: &str) -> bool {
        let own = OTHER_STAGES.iter().find(|prefix| name.starts_with(**prefix));
        own.copied().unwrap_or_default() == self.prefix()
    }
}

/// What the names of settings begin with that are of one of several stages.
const OTHER_STAGES: [&str; 2] = ["pretrain_", "classifier_"];

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
    let last = now.last_stage();
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
        let grows = last.grows == Some(key);
        let whole = |t: &Table| t.get(key).and_then(Value::as_integer);
        if grows && whole(&now) > whole(&before) {
            grown = true;
            continue;
        }
        let text = |t: &Table| t.get(key).map_or("none".into(), Value::to_string);
        let allowed = match (grows, declared(key).is_some_and(|s| s.grows)) {
            (true, _) => format!("{key} may only grow"),
            (false, true) => "stages that are over had as many; leave it out".into(),
            (false, false) => "leave it out".into(),
        };
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
        check_lines::<S>(path, &last, (&before, &now))?;
    }
    Ok(())
}

/// A line to the last epoch cannot be drawn again.
fn check_lines<S: Settings>(
    path: &Path,
    last: &LastStage,
    (before, now): (&Table, &Table),
) -> Result<()> {
    let growing = last.grows.unwrap_or_default();
    let given = |name: &str| now.get(name)?.as_str()?.parse::<Schedule>().ok();
    let of_rate = format!("{}learning_rate", last.prefix());
    for setting in S::declared().iter().filter(|s| s.schedule && last.has(s.name)) {
        let default = || last.learning_rate.clone().filter(|_| setting.name == of_rate);
        if let Some(schedule @ Schedule::Linear(..)) = given(setting.name).or_else(default) {
            let epochs = |t: &Table| t.get(growing).map_or("none".into(), Value::to_string);
            return Err(Error::setting(
                format!("--{}", growing.replace('_', "-")),
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
