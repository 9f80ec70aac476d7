//! Sections that the reports of several kinds have.

use crate::error::Result;
use crate::run::html::figure;
use crate::run::report::{Section, picture};
use crate::run::{CONFUSION, FILTERS, LEVELS, MISTAKES, Record};

/// What `eval` found, of numbers by key and name.
pub fn evaluated(record: &Record, numbers: &[(&str, &str)]) -> Vec<Vec<String>> {
    let of = |key: &str| record.evaluated(key);
    let shown = numbers.iter().filter(|(key, _)| of(key).is_some());
    let annealed = |key: &str| {
        (key.contains("bound") || key.contains("log_partition")) && !key.ends_with("_ladder")
    };
    let says = |key: &str| {
        let doubt = record.distrust().filter(|_| annealed(key));
        let doubt = doubt.map_or(String::new(), |words| format!(" {words}"));
        format!("Found by <code>harmonium eval</code>{}.{doubt}", record.weighed())
    };
    shown.map(|(key, name)| vec![(*name).into(), figure(of(key)), says(key)]).collect()
}

/// A likelihood that `eval` found, with the cases whose mean it is.
pub fn of_cases(record: &Record, key: &str) -> String {
    let found = record.evaluated(key);
    match record.evaluated("cases").filter(|_| found.is_some()) {
        Some(cases) => format!("{} ({cases:.0} cases{})", figure(found), record.weighed()),
        None => figure(found),
    }
}

/// What stands beside the worst mistakes of a machine or a net.
pub const MISTAKEN: &str = "Wrong answers, the surest first, with the true class and the answer.";

/// What is taken for what; `words` are those of the matrix.
///
/// # Errors
/// As [`picture`].
pub fn confusions(record: &Record, words: &str) -> Result<[Section; 2]> {
    let section = |id, title: &str| Section::new(id, title, String::new());
    let matrix = section("confusion", "What is taken for what");
    Ok([
        picture(record, CONFUSION, matrix, words, "Confusion matrix")?,
        picture(record, MISTAKES, section("mistakes", "Worst mistakes"), MISTAKEN, "Mistakes")?,
    ])
}

/// The weights of the first layer, and what the units of every `level`, by that word, answer to.
///
/// # Errors
/// As [`picture`].
pub fn weights(record: &Record, level: &str) -> Result<[Section; 2]> {
    let words = "Each tile is a unit's weights: grey is 0, white positive, black negative, all on one scale.";
    let section = Section::new("filters", "Filters of the first layer", String::new());
    let first = picture(record, FILTERS, section, words, "Weights of the first layer")?;
    let words = format!(
        "The strongest units of every {level}: their weights, sent down through the {level}s below, so that each is a \
         picture of a case."
    );
    let title = format!("What every {level} answers to");
    let section = Section::new("answers", title, String::new());
    let all = picture(record, LEVELS, section, &words, &format!("Weights of every {level}"))?;
    Ok([first, all])
}
