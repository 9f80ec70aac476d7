//! Classes by name: those of some data as those that a model was trained to tell apart.

use crate::data::DataSet;
use crate::error::{Error, Result};

/// The labels of a set as a model's own classes: those of the same names. Where none has a known name, and either
/// side has but numbers, they are taken by their place.
pub fn known_classes(set: &mut DataSet, own: &[String], model: &str) -> Result<Option<Vec<u32>>> {
    let Some(labels) = set.labels.take() else { return Ok(None) };
    let numbers = |names: &[String]| names.iter().all(|name| name.parse::<i64>().is_ok());
    let place = |name: &String| own.iter().position(|known| known == name);
    let none_known = set.classes.iter().all(|name| place(name).is_none());
    let fits = |name: &String| name.parse::<usize>().is_ok_and(|n| n < own.len());
    let places: Vec<Option<usize>> =
        if none_known && numbers(&set.classes) && set.classes.iter().all(fits) {
            set.classes.iter().map(|name| name.parse().ok()).collect()
        } else if none_known && numbers(own) && set.classes.len() == own.len() {
            (0..own.len()).map(Some).collect()
        } else {
            set.classes.iter().map(place).collect()
        };
    if none_known && !labels.is_empty() && places.iter().all(Option::is_some) {
        set.notices.push(format!(
            "{}: the classes have other names than the {model}'s, and are taken by their place",
            set.name
        ));
    }
    let class = |(case, &label): (usize, &u32)| {
        places.get(label as usize).copied().flatten().map(|class| class as u32).ok_or_else(|| {
            let name = set.classes.get(label as usize).map_or("?", String::as_str);
            let known: Vec<&str> = own.iter().map(String::as_str).take(12).collect();
            let more = if own.len() > known.len() { " …" } else { "" };
            let case = set.cases.number(case);
            let detail = format!(
                "case {case} has the label {name}, and the {model} knows {} classes: {}{more}",
                own.len(),
                known.join(", ")
            );
            Error::data(&set.name, detail)
        })
    };
    labels.iter().enumerate().map(class).collect::<Result<_>>().map(Some)
}
