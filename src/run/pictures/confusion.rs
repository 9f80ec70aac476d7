//! Confusion matrices: how often cases of each class were taken for each.

use std::path::Path;

use super::png_file::Picture;
use super::text::{self, FAINT, INK, Page};
use super::values::tint;
use crate::error::{Error, Result};
use crate::run::atomic;

/// The most classes that are drawn.
const MOST_CLASSES: usize = 1000;
/// Around the matrix, in pixels.
const MARGIN: usize = 16;
/// So that the words above the matrix have room.
const NARROWEST: usize = 480;
/// Characters of a class's name.
const NAME: usize = 16;
/// Full shares of right and of wrong answers.
const RIGHT: [u8; 3] = [21, 76, 148];
const WRONG: [u8; 3] = [190, 40, 30];

/// Counts `[true class, predicted class]`.
///
/// ```
/// use harmonium::run::Confusion;
/// let mut confusion = Confusion::new(["cat", "dog"].map(String::from).to_vec());
/// confusion.count(&[0, 0, 1], &[0, 1, 1])?;
/// assert_eq!(confusion.counts(), [1, 1, 0, 1]);
/// assert_eq!((confusion.cases(), confusion.errors()), (3, 1));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    names: Vec<String>,
    counts: Vec<u64>,
    /// Of each true class the cases that were taken for none.
    unclassified: Vec<u64>,
}

/// What cases are called that were taken for no class.
const NONE: &str = "none";

impl Confusion {
    /// No case yet; `names` are the classes'.
    pub fn new(names: Vec<String>) -> Self {
        let counts = vec![0; names.len() * names.len()];
        let unclassified = vec![0; names.len()];
        Confusion { names, counts, unclassified }
    }

    /// Adds cases: the class of each, and what it was taken for.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are not as many of both, or a class has no name; nothing is counted
    /// then.
    pub fn count(&mut self, truth: &[u32], predicted: &[u32]) -> Result<()> {
        let (op, n) = ("confusion", self.names.len());
        if truth.len() != predicted.len() {
            let detail = format!("{} classes, {} predictions", truth.len(), predicted.len());
            return Err(Error::shape(op, detail));
        }
        if let Some(class) = truth.iter().chain(predicted).find(|class| **class as usize >= n) {
            return Err(Error::shape(op, format!("class {class} of {n} (counted from 0)")));
        }
        for (&t, &p) in truth.iter().zip(predicted) {
            self.counts[t as usize * n + p as usize] += 1;
        }
        Ok(())
    }

    /// Adds a case of class `truth` that was taken for none: its scores were no numbers. It is an error, and has a
    /// column of its own in table and picture.
    ///
    /// # Errors
    /// [`Error::Shape`] where the class has no name.
    pub fn count_unclassified(&mut self, truth: u32) -> Result<()> {
        let n = self.names.len();
        match self.unclassified.get_mut(truth as usize) {
            Some(count) => *count += 1,
            None => {
                let detail = format!("class {truth} of {n} (counted from 0)");
                return Err(Error::shape("confusion", detail));
            }
        }
        Ok(())
    }

    /// Of each true class the cases that were taken for none.
    pub fn unclassified(&self) -> &[u64] {
        &self.unclassified
    }

    /// The columns' names: one more where cases were taken for no class.
    fn columns(&self) -> Vec<&str> {
        let any = self.unclassified.iter().any(|&count| count > 0);
        self.names.iter().map(String::as_str).chain(any.then_some(NONE)).collect()
    }

    /// Name and counts of each row, as many as there are columns.
    fn rows(&self) -> impl Iterator<Item = (&String, Vec<u64>)> {
        let (n, columns) = (self.names.len(), self.columns().len());
        self.names.iter().enumerate().map(move |(truth, name)| {
            let counts = &self.counts[truth * n..(truth + 1) * n];
            let all = counts.iter().chain(&self.unclassified[truth..=truth]);
            (name, all.copied().take(columns).collect())
        })
    }

    /// The classes' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Row by row: a row for each true class, a column for each predicted one.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many cases.
    pub fn cases(&self) -> u64 {
        self.counts.iter().chain(&self.unclassified).sum()
    }

    /// How many were taken for another class than theirs, or for none.
    pub fn errors(&self) -> u64 {
        self.cases() - self.counts.iter().step_by(self.names.len() + 1).sum::<u64>()
    }

    /// Writes the counts as `.csv`, atomically: a first line `true \ predicted` and the classes' names, then a
    /// line for each true class, its name first. Where cases were taken for no class, a last column `none` counts
    /// them.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        atomic::write(path.as_ref(), |out| {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_field("true \\ predicted")?;
            csv.write_record(self.columns())?;
            for (name, row) in self.rows() {
                csv.write_field(name)?;
                csv.write_record(row.iter().map(u64::to_string))?;
            }
            csv.flush()
        })
    }

    /// The matrix as a picture: a row for each true class, a column for each predicted one. The more of the
    /// row a cell has, the darker it is (by the cube root of its share, so that single mistakes can be seen): blue
    /// on the diagonal, red beside it. Counts are written in the cells of up to 60 classes, names beside those
    /// of up to 200.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is no class, or more than 1,000.
    pub fn picture(&self) -> Result<Picture> {
        let n = self.names.len();
        if n == 0 || n > MOST_CLASSES {
            let detail = format!("{n} classes cannot be drawn; from 1 to {MOST_CLASSES} can");
            return Err(Error::shape("draw confusion", detail));
        }
        let grid = Grid::new(self);
        let columns = self.columns();
        let width = grid.left + columns.len() * grid.cell + MARGIN;
        let mut page = Page::new(width.max(NARROWEST), MARGIN);
        page.room(MARGIN / 2);
        let (cases, errors) = (self.cases(), self.errors());
        let percent = 100.0 * errors as f64 / cases.max(1) as f64;
        page.words(&format!("{errors} of {cases} cases are wrong ({percent:.2} %)"), 2, INK);
        page.words("Rows: true class, columns: predicted. Blue: right, red: wrong; the darker, the larger its share of the row.", 2, FAINT);
        page.room(MARGIN / 2);
        let top = page.room(grid.head + n * grid.cell + MARGIN) + grid.head;
        let mut picture = page.picture;
        grid.labels(&mut picture, top, &columns, n);
        for (row, (_, counts)) in self.rows().enumerate() {
            let all = counts.iter().sum::<u64>().max(1) as f64;
            for (column, &count) in counts.iter().enumerate() {
                let shade = (count as f64 / all).cbrt();
                let at = (grid.left + column * grid.cell, top + row * grid.cell);
                let full = if row == column { RIGHT } else { WRONG };
                grid.draw_cell(&mut picture, at, Cell { count, full, shade });
            }
        }
        Ok(picture)
    }
}

/// What is drawn in a cell: its count, on a share of a colour.
struct Cell {
    count: u64,
    full: [u8; 3],
    shade: f64,
}

/// Where the cells are, in pixels.
struct Grid {
    cell: usize,
    /// Of the letters; 0 where there is no room for any.
    scale: usize,
    counts: bool,
    /// Left of the cells, and above them.
    left: usize,
    head: usize,
    /// Names of columns are written upwards.
    upwards: bool,
}

impl Grid {
    fn new(confusion: &Confusion) -> Self {
        let n = confusion.names.len();
        let scale = [(20, 2), (200, 1)].iter().find(|(most, _)| n <= *most).map_or(0, |(_, s)| *s);
        let all = confusion.counts.iter().chain(&confusion.unclassified);
        let most = all.max().copied().unwrap_or(0).to_string();
        let counts = n <= 60;
        let cell = match (scale, counts) {
            (0, _) => 3,
            (_, false) => text::HEIGHT + 2,
            (scale, true) => (text::width(&most, scale) + 5 * scale).max(16 * scale),
        };
        let named = |name: &str| text::width(&text::shorten(name, NAME), scale);
        let longest = confusion.columns().into_iter().map(named).max().unwrap_or(0);
        let upwards = longest + 2 * scale > cell;
        let line = (text::HEIGHT + 3) * scale;
        let labels = if upwards { longest + 3 * scale } else { line };
        Grid {
            cell,
            scale,
            counts,
            left: MARGIN + longest.max(text::width("true", scale)) + 4 * scale,
            head: labels + line,
            upwards,
        }
    }

    /// Names above the columns, and of the first `rows` beside the rows.
    fn labels(&self, picture: &mut Picture, top: usize, names: &[&str], rows: usize) {
        let (scale, cell) = (self.scale, self.cell);
        if scale == 0 {
            return;
        }
        let middle = |inner: usize| cell.saturating_sub(inner) / 2;
        let line = (text::HEIGHT + 3) * scale;
        text::draw(picture, (self.left, top - self.head), scale, FAINT, "predicted");
        text::draw(picture, (MARGIN, top - line), scale, FAINT, "true");
        for (at, name) in names.iter().enumerate() {
            let name = text::shorten(name, NAME);
            let width = text::width(&name, scale);
            let down = middle(text::CAPITAL * scale);
            let y = top + at * cell + down;
            if at < rows {
                text::draw(picture, (self.left - 3 * scale - width, y), scale, INK, &name);
            }
            let x = self.left + at * cell;
            if self.upwards {
                let place = (x + down, top - 3 * scale - width);
                text::draw_upwards(picture, place, scale, INK, &name);
            } else {
                text::draw(picture, (x + middle(width), top - line), scale, INK, &name);
            }
        }
    }

    fn draw_cell(
        &self,
        picture: &mut Picture,
        (x, y): (usize, usize),
        Cell { count, full, shade }: Cell,
    ) {
        let gap = usize::from(self.scale > 0);
        picture.fill(x, y, self.cell - gap, self.cell - gap, tint(full, shade));
        if self.counts {
            let text = count.to_string();
            let ink = match count {
                0 => [205; 3],
                _ if shade > 0.6 => [255; 3],
                _ => INK,
            };
            let middle = |inner: usize| (self.cell - gap).saturating_sub(inner) / 2;
            let left = x + middle(text::width(&text, self.scale));
            text::draw(
                picture,
                (left, y + middle(text::CAPITAL * self.scale)),
                self.scale,
                ink,
                &text,
            );
        }
    }
}
