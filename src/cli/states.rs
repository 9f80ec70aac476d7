//! What units that are held, or that chains start from, can be.

use std::path::Path;

use crate::error::{Error, Result};
use crate::models::{UnitKind, Units};

/// That each row of values that a file has for these units is a state of theirs, as far as it `counts`: a value by its place.
/// Bernoulli units may have means; a group of softmax units counts where one of its units does.
///
/// # Errors
/// [`Error::File`] with the row and the column.
pub fn check(
    path: &Path,
    units: Units,
    values: &[f32],
    counts: &dyn Fn(usize) -> bool,
) -> Result<()> {
    let width = units.count().max(1);
    let wrong = |at: usize, detail: String| {
        Err(Error::file(path, format!("row {}, column {}", at / width, at % width), detail))
    };
    let (single, group) = match units.kind() {
        UnitKind::Softmax(states) => (0, states),
        UnitKind::Labelled(classes) => (width - classes.min(width), classes),
        _ => (width, 1),
    };
    for (row, case) in values.chunks(width).enumerate() {
        let begin = row * width;
        for (column, &x) in case.iter().take(single).enumerate().filter(|(j, _)| counts(begin + j))
        {
            match units.kind() {
                UnitKind::Spin if x.abs() != 1.0 => {
                    let detail =
                        format!("{x} is no spin: they are -1 and 1; of a bit b give 2b - 1");
                    return wrong(begin + column, detail);
                }
                UnitKind::Bernoulli | UnitKind::Labelled(_) if !(0.0..=1.0).contains(&x) => {
                    let detail = format!("{x} is outside [0, 1], the range of Bernoulli units");
                    return wrong(begin + column, detail);
                }
                _ => {}
            }
        }
        for (number, states) in case[single.min(case.len())..].chunks(group.max(1)).enumerate() {
            let at = begin + single + number * group;
            let ones = states.iter().filter(|&&x| x == 1.0).count();
            let zeros = states.iter().filter(|&&x| x == 0.0).count();
            if (at..at + states.len()).any(counts) && (ones, ones + zeros) != (1, states.len()) {
                let detail = format!(
                    "the {group} units from here on are a softmax group, of which one is 1 and the others are 0"
                );
                return wrong(at, detail);
            }
        }
    }
    Ok(())
}
