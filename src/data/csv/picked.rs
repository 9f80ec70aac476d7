//! Which columns of a table are the data, where it has others, or has them in another order than the data that
//! a model was trained on.

use std::collections::HashMap;

use super::columns::Columns;
use super::{Table, listed};
use crate::data::reading::Reading;
use crate::error::{Error, Result};

/// How many names a refusal lists.
const LISTED: usize = 6;

/// The columns of a table that are data.
#[derive(Debug, Clone, Default)]
pub(super) struct Picked {
    /// Those of the training data, in their order, where the table names all of them.
    places: Option<Vec<usize>>,
    /// Whether a column is left out unread.
    skipped: Vec<bool>,
}

/// What the names of a table say of the training data's columns.
enum Match {
    /// Nothing is known, or the table names none.
    Unnamed,
    /// No name is the same.
    Foreign,
    /// All are there.
    Named(Picked),
}

/// Looks for the training data's columns by their names: exactly, else in letters and digits alone, of any case.
///
/// # Errors
/// Where some are there and others are not: those that are missing.
fn find(columns: &Columns, known: &[String]) -> std::result::Result<Match, String> {
    if known.is_empty() || columns.names.iter().all(|name| name.trim().is_empty()) {
        return Ok(Match::Unnamed);
    }
    let plain = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let exact = |name: &str| name.trim().to_string();
    let found = [places(columns, known, exact), places(columns, known, plain)];
    let full = found.iter().find_map(|found| found.iter().copied().collect::<Option<Vec<_>>>());
    if let Some(places) = full {
        return Ok(Match::Named(Picked { places: Some(places), skipped: Vec::new() }));
    }
    let [_, found] = found;
    if found.iter().all(Option::is_none) {
        return Ok(Match::Foreign);
    }
    let missing: Vec<&str> =
        known.iter().zip(&found).filter(|(_, at)| at.is_none()).map(|(name, _)| &**name).collect();
    let listed: Vec<String> = missing.iter().take(LISTED).map(|name| format!("'{name}'")).collect();
    let more = if missing.len() > LISTED { " …" } else { "" };
    Err(format!(
        "the table has no column named {}{more}, of the {} of the training data; name its columns as those are, or remove \
         the line of names, and the columns are taken by their place",
        listed.join(", "),
        known.len()
    ))
}

/// Where each name stands; nowhere, where several columns have it.
fn places(columns: &Columns, known: &[String], key: impl Fn(&str) -> String) -> Vec<Option<usize>> {
    let mut at: HashMap<String, Option<usize>> = HashMap::new();
    for (column, name) in columns.names.iter().take(columns.count).enumerate() {
        at.entry(key(name)).and_modify(|place| *place = None).or_insert(Some(column));
    }
    let mut taken = vec![false; columns.names.len()];
    let mut take = |column: &usize| !std::mem::replace(&mut taken[*column], true);
    known
        .iter()
        .map(|name| at.get(&key(name)).copied().flatten().filter(|column| take(column)))
        .collect()
}

impl Picked {
    /// Whether the columns are those of the training data, by their names.
    pub fn by_name(&self) -> bool {
        self.places.is_some()
    }

    /// Whether a column is one of the training data's.
    pub fn has(&self, column: usize) -> bool {
        self.places.as_ref().is_some_and(|places| places.contains(&column))
    }

    /// Leaves a column out.
    pub fn skip(&mut self, column: usize) {
        if self.skipped.len() <= column {
            self.skipped.resize(column + 1, false);
        }
        self.skipped[column] = true;
    }

    pub fn skips(&self, column: usize) -> bool {
        self.skipped.get(column).copied().unwrap_or(false)
    }

    /// Leaves out all of `count` columns that are neither the training data's nor among `others`, and says which.
    pub fn skip_others(&mut self, count: usize, others: &[Option<usize>]) -> Vec<usize> {
        let mut own = vec![false; count];
        let places = self.places.iter().flatten().chain(others.iter().flatten());
        places.for_each(|&column| own[column] = true);
        let skipped: Vec<usize> = (0..count).filter(|&column| !own[column]).collect();
        skipped.iter().for_each(|&column| self.skip(column));
        skipped
    }

    /// Where each value of a case stands among those that were read, if they are to be put into another order.
    pub fn order(&self) -> Option<Vec<usize>> {
        let places = self.places.as_ref()?;
        let mut sorted: Vec<usize> = (0..places.len()).collect();
        sorted.sort_unstable_by_key(|&k| places[k]);
        let mut order = vec![0; places.len()];
        sorted.iter().enumerate().for_each(|(rank, &k)| order[k] = rank);
        order.iter().enumerate().any(|(k, &at)| k != at).then_some(order)
    }

    /// The values of all cases, each case's in the order of the training data.
    pub fn ordered(&self, values: Vec<f32>) -> Vec<f32> {
        match self.order() {
            None => values,
            Some(order) => values
                .chunks_exact(order.len())
                .flat_map(|row| order.iter().map(|&at| row[at]))
                .collect(),
        }
    }
}

impl Table {
    /// Looks for the columns of the training data of the model that the table is read for.
    pub(super) fn pick(&mut self, reading: &Reading) -> Result<()> {
        match find(&self.columns, &reading.columns) {
            Ok(Match::Named(picked)) => self.picked = picked,
            Ok(Match::Unnamed) => {}
            Ok(Match::Foreign) => self.note(format!(
                "none of the columns has a name of the training data's ({}): they are taken by their place",
                listed(&reading.columns)
            )),
            Err(detail) => return Err(Error::file(&self.path, "columns", detail)),
        }
        Ok(())
    }

    /// The column that held the labels in the training data, where this table names all of their columns.
    pub(super) fn trained_labels(&self, reading: &Reading) -> Option<usize> {
        let asked = reading.trained_labels.as_deref().filter(|asked| *asked != "none")?;
        let found = self.columns.asked(asked).ok()?;
        (self.picked.by_name() && !self.picked.has(found)).then_some(found)
    }

    /// Of a table that names the training data's columns: leaves out what is neither one of these nor among `others`, and
    /// says so.
    pub(super) fn leave_out_others(&mut self, others: [Option<usize>; 2], reading: &Reading) {
        if !self.picked.by_name() {
            return;
        }
        let left_out = self.picked.skip_others(self.columns.count, &others);
        if !left_out.is_empty() {
            let words: Vec<String> = left_out.iter().map(|&at| self.columns.word(at)).collect();
            self.note(format!(
                "not among the training data's columns, and left out: {}",
                listed(&words)
            ));
        }
        if self.picked.order().is_some() {
            self.note(format!(
                "the columns stand in another order than the training data's, and are put into that order ({})",
                listed(&reading.columns)
            ));
        }
    }
}
