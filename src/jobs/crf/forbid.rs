//! Transitions that must not be, from a file.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// The pairs of a file, as [`CrfSpec::forbidden`](crate::models::CrfSpec::forbidden) has them.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] with the line for what is no pair of labels.
pub fn forbidden(path: &Path, classes: &[String]) -> Result<Vec<[usize; 2]>> {
    let text = fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let k = classes.len();
    let mut pairs: Vec<[usize; 2]> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |detail: String| Error::file(path, format!("line {}", number + 1), detail);
        let words: Vec<&str> = line.split_whitespace().collect();
        let label = |word: &str| {
            let found = classes.iter().position(|class| class == word);
            found.ok_or_else(|| {
                let known =
                    classes.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if k > 12 { " …" } else { "" };
                wrong(format!("'{word}' is none of the labels {known}{more}"))
            })
        };
        let pair = match words[..] {
            [] => continue,
            ["^", first] => [k, label(first)?],
            [last, "$"] => [k + 1, label(last)?],
            [before, after] => [label(before)?, label(after)?],
            _ => {
                let detail = format!(
                    "{} words, expected two: the label before and the label after, ^ and a first label, or a last label \
                     and $",
                    words.len()
                );
                return Err(wrong(detail));
            }
        };
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    Ok(pairs)
}
