//! What the columns of a table are: names in a first line, an index, labels, data.

use csv::ByteRecord;

use super::form::{Form, number, unquoted};

/// Columns of these names hold labels; the first of them, in this order.
const LABELS: [&str; 7] = ["label", "labels", "class", "classes", "target", "targets", "y"];
/// Columns of these names hold row numbers, if they are the first.
const INDEX: [&str; 9] =
    ["unnamed: 0", "index", "idx", "id", "imageid", "image_id", "row", "rowid", "row_id"];
/// What stands for a value that is not there.
const MISSING: [&str; 10] = ["", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-"];

/// Whether the cell of a label is missing: "none" and "-" may be classes.
pub(super) fn is_missing_label(cell: &[u8]) -> bool {
    is_missing(cell) && !["none", "-"].iter().any(|word| cell.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether the cell says that its value is missing.
pub(super) fn is_missing(cell: &[u8]) -> bool {
    MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word.as_bytes()))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.trim().eq_ignore_ascii_case(known))
}

/// What a first line of cells is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum First {
    Names,
    /// The columns' numbers.
    Numbers,
    Data,
}

/// Looks at the first record, at the one after it, and at how the first is written in the file.
pub(super) fn first(
    record: &ByteRecord,
    second: Option<&ByteRecord>,
    line: &[u8],
    form: Form,
) -> First {
    let told: Vec<(usize, &[u8])> =
        record.iter().enumerate().filter(|(_, cell)| !is_missing(cell)).collect();
    let is_number = |cell: &[u8]| number(cell, form.decimal_comma).is_some();
    let words: Vec<usize> = told.iter().filter(|(_, c)| !is_number(c)).map(|(j, _)| *j).collect();
    let numbers: Vec<f32> =
        told.iter().filter_map(|(_, c)| number(c, form.decimal_comma)).collect();
    if words.is_empty() {
        return match second.is_some() && is_count(record, second, &numbers, line, form) {
            true => First::Numbers,
            false => First::Data,
        };
    }
    if numbers.is_empty() {
        return First::Names;
    }
    // Numbers may be names too, where they count or where a word among them is a name that is known.
    let known = words.iter().any(|&j| {
        let name = String::from_utf8_lossy(&record[j]);
        is_one_of(&name, &LABELS) || is_one_of(&name, &INDEX)
    });
    match known || (numbers.len() > 2 && counts(&numbers)) {
        true => First::Names,
        false => First::Data,
    }
}

fn counts(numbers: &[f32]) -> bool {
    numbers.first().is_some_and(|&first| first == 0.0 || first == 1.0)
        && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0)
}

/// Whether a line of numbers counts the columns: 0, 1, 2 …, from 1 only if it is long, or each in quotes where the next
/// line has none. The first cell may be empty.
fn is_count(
    record: &ByteRecord,
    second: Option<&ByteRecord>,
    numbers: &[f32],
    line: &[u8],
    form: Form,
) -> bool {
    let empty = record.len() - numbers.len();
    let only_first_empty = empty == 0 || (empty == 1 && record[0].is_empty());
    let next = |second: &ByteRecord| -> Vec<f32> {
        second.iter().filter_map(|cell| number(cell, form.decimal_comma)).collect()
    };
    if !only_first_empty
        || !counts(numbers)
        || second.map(next).is_some_and(|n| counts(&n) && n.len() == numbers.len())
    {
        return false;
    }
    let quoted = line
        .split(|&b| b == form.separator)
        .all(|cell| unquoted(cell.trim_ascii()).len() + 2 == cell.trim_ascii().len());
    quoted
        || numbers.len() >= if numbers[0] == 0.0 { 3 } else { 8 }
        || (empty == 1 && numbers.len() > 1)
}

/// The columns of a table with or without names.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// A name for each column, empty where it has none; no name at all where there is no line of names.
    pub names: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl Columns {
    /// `3 ('height')`.
    pub(super) fn word(&self, column: usize) -> String {
        match self.names.get(column).map(String::as_str) {
            None | Some("") => (column + 1).to_string(),
            Some(name) => format!("{} ('{name}')", column + 1),
        }
    }

    /// The column that may hold row numbers.
    pub(super) fn index(&self) -> Option<usize> {
        let name = self.names.first()?;
        (self.count > 1 && (name.trim().is_empty() || is_one_of(name, &INDEX))).then_some(0)
    }

    /// The column that holds labels by its name. A column `y` beside a column `x` is a coordinate.
    pub(super) fn labels(&self) -> Option<usize> {
        let at = |wanted: &str| self.names.iter().position(|name| is_one_of(name, &[wanted]));
        let found = LABELS.iter().find_map(|name| Some((*name, at(name)?)));
        let coordinate = |name: &str| name == "y" && at("x").is_some();
        found.filter(|(name, _)| self.count > 1 && !coordinate(name)).map(|(_, column)| column)
    }

    /// The column that a user means by a name or a number counted from 1.
    ///
    /// # Errors
    /// The columns that there are.
    pub(super) fn asked(&self, asked: &str) -> Result<usize, String> {
        let asked = asked.trim();
        let named = |exact: bool| {
            self.names.iter().position(|name| match exact {
                true => name == asked,
                false => name.eq_ignore_ascii_case(asked),
            })
        };
        let counted = || match asked {
            "last" => Some(self.count - 1),
            "first" => Some(0),
            _ => asked.parse::<usize>().ok()?.checked_sub(1),
        };
        let found = named(true).or_else(|| named(false)).or_else(counted);
        found.filter(|&column| column < self.count).ok_or_else(|| {
            let names: Vec<String> =
                self.names.iter().filter(|n| !n.is_empty()).take(8).map(|n| format!("'{n}'")).collect();
            let more = if self.names.len() > names.len() { " …" } else { "" };
            let named = match names.is_empty() {
                true => String::new(),
                false => format!(", named {}{more}", names.join(", ")),
            };
            format!(
                "'{asked}' is no column; there are {}{named}; name one, or give its number counted from 1",
                self.count
            )
        })
    }
}

/// Which of the outer columns of a table without names holds labels: every other one makes a square picture, and it has
/// whole numbers without a gap from 0 or 1 on. `Err` where either may.
pub(super) fn labels_by_layout(
    values: &[f32],
    width: usize,
    last_only: bool,
) -> Result<Option<usize>, ()> {
    let side = width.saturating_sub(1).isqrt();
    if side < 4 || side * side + 1 != width {
        return Ok(None);
    }
    let first = if last_only { None } else { classes(values, width, 0).map(|k| (k, 0)) };
    let last = classes(values, width, width - 1).map(|k| (k, width - 1));
    match (first, last) {
        (Some((few, first)), Some((many, last))) => match few.cmp(&many) {
            std::cmp::Ordering::Less => Ok(Some(first)),
            std::cmp::Ordering::Greater => Ok(Some(last)),
            std::cmp::Ordering::Equal => Err(()),
        },
        (one, other) => Ok(one.or(other).map(|(_, column)| column)),
    }
}

/// How many classes a column of such numbers has: 2 to 100.
fn classes(values: &[f32], width: usize, column: usize) -> Option<usize> {
    const MOST: usize = 100;
    let mut seen = [false; MOST + 1];
    for x in values.iter().skip(column).step_by(width) {
        let whole = x.fract() == 0.0 && (0.0..=MOST as f32).contains(x);
        *seen.get_mut(*x as usize).filter(|_| whole)? = true;
    }
    let first = seen.iter().position(|&seen| seen)?;
    let last = seen.iter().rposition(|&seen| seen)?;
    let found = last - first + 1;
    (first < 2 && found > 1 && seen[first..=last].iter().all(|&seen| seen)).then_some(found)
}

/// Whether the cells can be row numbers or row names: whole numbers of which none comes twice, or words.
pub(super) fn is_index(cells: &[String], form: Form) -> bool {
    let numbers: Option<Vec<f32>> =
        cells.iter().map(|cell| number(cell.as_bytes(), form.decimal_comma)).collect();
    let Some(numbers) = numbers else { return true };
    let mut sorted: Vec<i64> = numbers.iter().map(|&x| x as i64).collect();
    sorted.sort_unstable();
    numbers.iter().all(|x| x.fract() == 0.0) && sorted.windows(2).all(|pair| pair[0] != pair[1])
}
