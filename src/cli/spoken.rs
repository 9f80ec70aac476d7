//! Where a setting was given that an error is about: an option, a file or an environment variable.

use toml::Value;

use super::train_args::TrainOptions;
use crate::error::Error;
use crate::run::settings::{Setting, Settings, read_file};
use crate::shape::TOO_LARGE;

/// The same error with the place of the setting that it is about, where that is no option, and with the setting that made
/// an array too large.
pub fn named<S: Settings>(error: Error, kind: &str, options: &TrainOptions<S>) -> Error {
    let config = options.how.config.as_deref();
    // That it can be read was found before.
    let file = config.and_then(|path| read_file::<S>(path, kind).ok());
    let file = file.map(|file| file.settings).unwrap_or_default();
    let asked = &options.asked;
    let value = |key: &str| asked.settings.get(key).or_else(|| file.get(key)).cloned();
    let place = |setting: &Setting| match config {
        _ if asked.by_variable.contains(&setting.name) => {
            format!(
                "--{}, which {} in the environment speaks for",
                setting.option(),
                setting.variable
            )
        }
        Some(path)
            if !asked.settings.contains_key(setting.name) && file.contains_key(setting.name) =>
        {
            format!("{} in {}", setting.name, path.display())
        }
        _ => String::new(),
    };
    match error {
        Error::Setting { name, mut detail } => {
            let key = name.trim_start_matches("--").replace('-', "_");
            // Of cases that are too few, and not of a run that goes on.
            if let (true, Some(limit)) =
                (key == "validation" && detail.contains(" cases"), value("limit"))
            {
                detail += &format!("; --limit {limit} leaves no more");
            }
            let setting = S::declared().iter().find(|setting| setting.name == key);
            let place = setting.map(place).filter(|place| !place.is_empty());
            Error::Setting { name: place.unwrap_or(name), detail }
        }
        Error::Shape { op, detail } => {
            let asks =
                too_large::<S>(&detail, &value).map(|(setting, value)| match place(setting) {
                    place if place.is_empty() => {
                        format!(" (--{} {value} asks for it)", setting.option())
                    }
                    place => format!(" ({place}, {value}, asks for it)"),
                });
            let of = asks.unwrap_or_default();
            Error::Shape { op, detail: detail + &of }
        }
        other => other,
    }
}

/// The setting that has the largest size of an array which is too large, and what it says; `None` where the error is
/// another.
fn too_large<S: Settings>(
    detail: &str,
    value: &dyn Fn(&str) -> Option<Value>,
) -> Option<(&'static Setting, String)> {
    if !detail.contains(TOO_LARGE) {
        return None;
    }
    let (sizes, _) = detail.split_once('[')?.1.split_once(']')?;
    let largest = numbers(sizes).into_iter().max()?;
    S::declared().iter().find_map(|setting| {
        let text = match value(setting.name)? {
            Value::Integer(n) => n.to_string(),
            Value::String(text) => text,
            _ => return None,
        };
        numbers(&text).contains(&largest).then_some((setting, text))
    })
}

/// The whole numbers of a text.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}
