//! Cases as a model sees them, piece by piece where they are read in pieces.

use super::chosen::Chosen;
use super::rows::ROWS;
use super::settings::Memory;
use crate::data::{Cases, ColumnMeans, DataSet, Part, Stream, WindowReader};
use crate::error::{Error, Result};

/// What a model does to cases of a part before it sees them.
pub(super) type Treat<'m> = dyn Fn(DataSet, Part) -> Result<Chosen> + 'm;

/// Cases as a model sees them: all of them in memory, or read piece by piece.
///
/// What a model makes of a case may depend, in its last bits, on how many go through it at once. A piece has as many as that,
/// so that results have the same bits as from memory.
pub struct Pieces<'m> {
    pub(super) treat: Box<Treat<'m>>,
    pub(super) from: From,
    training: Option<Training>,
    /// Those of the data and, of a stream, of its first case.
    notices: Vec<String>,
    pub(super) data: String,
    pub(super) part: Part,
    pub(super) cases: usize,
}

crate::error::opaque!(Pieces<'_>);

pub(super) enum From {
    Memory(Chosen),
    Stream { stream: Stream, memory: Memory },
}

/// The training part, where that is another one.
enum Training {
    Memory(Box<DataSet>),
    Stream(Stream),
}

impl<'m> Pieces<'m> {
    /// Of a part that is in memory.
    pub(super) fn of_set(
        (set, part): (DataSet, Part),
        training: Option<DataSet>,
        treat: Box<Treat<'m>>,
    ) -> Result<Self> {
        let chosen = treat(set, part)?;
        Ok(Pieces {
            notices: chosen.notices.clone(),
            data: chosen.data.clone(),
            cases: chosen.cases.len(),
            from: From::Memory(chosen),
            training: training.map(|set| Training::Memory(Box::new(set))),
            treat,
            part,
        })
    }

    /// Of the first cases of a part that is read in pieces.
    pub(super) fn of_stream(
        (cases, part, stream): (usize, Part, Stream),
        training: Option<Stream>,
        memory: Memory,
        treat: Box<Treat<'m>>,
    ) -> Result<Self> {
        // Before it is treated, and after.
        let each = stream.case_bytes() + 4 * stream.width() as u64;
        let (rows, bytes) = (ROWS.min(cases), each * ROWS.min(cases) as u64);
        if bytes > memory.bytes() {
            let least = bytes.div_ceil(1 << 20);
            let detail = format!(
                "{rows} cases go through a model at once, and take {}; use --memory {least}MiB or more",
                Memory::words(bytes)
            );
            return Err(Error::setting("memory", detail));
        }
        let first = treat(stream.pick(&[0])?, part)?;
        let mut notices = stream.notices().to_vec();
        notices.extend(first.notices);
        let (data, training) = (first.data, training.map(Training::Stream));
        let from = From::Stream { stream, memory };
        Ok(Pieces { treat, from, training, notices, data, part, cases })
    }

    /// The same, of which the user should be told this first.
    pub(super) fn told(mut self, note: String) -> Self {
        self.notices.insert(0, note);
        self
    }

    /// How many cases there are.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// What the data are called.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// `train`, `test`, as a word.
    pub fn part_name(&self) -> &'static str {
        self.part.name()
    }

    /// What the user should be told of the data.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The file that each case comes from, where each has one of its own; else empty.
    pub(super) fn files(&self) -> &[String] {
        match &self.from {
            From::Memory(chosen) => &chosen.files,
            From::Stream { .. } => &[],
        }
    }

    /// Whether they are read in pieces.
    pub fn are_streamed(&self) -> bool {
        matches!(self.from, From::Stream { .. })
    }

    /// Does something with each piece in the source's order: all cases at once where they are in memory.
    ///
    /// # Errors
    /// What reading gives, and what `f` does.
    pub fn each(&self, f: &mut dyn FnMut(&Chosen) -> Result<()>) -> Result<()> {
        match &self.from {
            From::Memory(chosen) => f(chosen),
            From::Stream { stream, .. } => {
                let each = |set| f(&(self.treat)(set, self.part)?);
                in_order(stream, self.cases, each)
            }
        }
    }

    /// All cases in memory.
    ///
    /// # Errors
    /// [`Error::Setting`] where they are more than it may hold; what reading gives.
    pub fn whole(self) -> Result<Chosen> {
        let (stream, memory) = match self.from {
            From::Memory(chosen) => return Ok(chosen),
            From::Stream { stream, memory } => (stream, memory),
        };
        if stream.case_bytes() * self.cases as u64 > memory.bytes() {
            let detail = format!(
                "{} cases are more than {memory} of memory holds, and here all are looked at together; --limit N takes the \
                 first N",
                self.cases
            );
            return Err(Error::setting("limit", detail));
        }
        let mut windows = stream.in_order(self.cases, self.cases);
        let Some(window) = windows.next() else { return Err(no_case(&self.data)) };
        let mut chosen = (self.treat)(WindowReader::new(&stream).read(&window)?, self.part)?;
        chosen.notices = self.notices;
        Ok(chosen)
    }

    /// Some cases by their places; a place may be named more than once.
    ///
    /// # Errors
    /// [`Error::Data`] for a place that there is not; what reading gives.
    pub(super) fn pick(&self, places: &[u32]) -> Result<Chosen> {
        match &self.from {
            From::Stream { stream, .. } => (self.treat)(stream.pick(places)?, self.part),
            From::Memory(chosen) => {
                let labels = |labels: &Vec<u32>| {
                    places.iter().filter_map(|&i| labels.get(i as usize).copied()).collect()
                };
                Ok(Chosen {
                    cases: chosen.cases.select(places)?,
                    labels: chosen.labels.as_ref().map(labels),
                    data: chosen.data.clone(),
                    part: self.part,
                    files: places
                        .iter()
                        .filter_map(|&i| chosen.files.get(i as usize).cloned())
                        .collect(),
                    ground_chosen: chosen.ground_chosen,
                    notices: chosen.notices.clone(),
                })
            }
        }
    }

    /// One case, counted from 0, alone.
    ///
    /// # Errors
    /// [`Error::Setting`] for a case that there is not; what reading gives.
    pub fn case(&self, case: usize) -> Result<Chosen> {
        if case >= self.cases {
            let (part, last) = (self.part_name(), self.cases.saturating_sub(1));
            let detail =
                format!("{case} is past the last; the {part} part has the cases 0 to {last}");
            return Err(Error::setting("case", detail));
        }
        self.pick(&[case as u32])
    }

    /// The means of the training part as the model sees it; where there is none beside these cases, theirs.
    ///
    /// # Errors
    /// What reading gives.
    pub(super) fn training_means(&self) -> Result<Vec<f32>> {
        let of = |stream: &Stream, cases: usize, part: Part| {
            let mut means = ColumnMeans::default();
            in_order(stream, cases, |set| {
                means.add(&(self.treat)(set, part)?.cases);
                Ok(())
            })?;
            Ok(means.means())
        };
        match (&self.training, &self.from) {
            (Some(Training::Memory(set)), _) => {
                Ok((self.treat)(DataSet::clone(set), Part::Train)?.cases.means())
            }
            (Some(Training::Stream(stream)), _) => of(stream, stream.len(), Part::Train),
            (None, From::Memory(chosen)) => Ok(chosen.cases.means()),
            (None, From::Stream { stream, .. }) => of(stream, self.cases, self.part),
        }
    }

    /// What the user should be told of the training part, where it is in memory and another one.
    pub(super) fn training_notices(&self) -> &[String] {
        match &self.training {
            Some(Training::Memory(set)) => &set.notices,
            _ => &[],
        }
    }

    /// The same cases with a weight for each.
    ///
    /// # Errors
    /// [`Error::Setting`] where they are not all in memory; [`Error::Data`] for another number of weights.
    pub(super) fn weighted(mut self, weights: Vec<f32>) -> Result<Self> {
        match self.from {
            From::Memory(mut chosen) => {
                chosen.cases = chosen.cases.with_weights(weights)?;
                self.from = From::Memory(chosen);
                Ok(self)
            }
            From::Stream { memory, .. } => {
                let detail = format!(
                    "needs all cases in memory, and {} is read in pieces of --memory {memory}; leave it out, or raise --memory",
                    self.data
                );
                Err(Error::setting("weights", detail))
            }
        }
    }
}

/// Cases of which some are taken by their places.
pub(super) trait Places {
    /// How many there are.
    fn places(&self) -> usize;

    /// Some of them; a place may be named more than once.
    fn take(&self, places: &[u32]) -> Result<Cases>;
}

impl Places for Cases {
    fn places(&self) -> usize {
        self.len()
    }

    fn take(&self, places: &[u32]) -> Result<Cases> {
        self.select(places)
    }
}

impl Places for Pieces<'_> {
    fn places(&self) -> usize {
        self.cases
    }

    fn take(&self, places: &[u32]) -> Result<Cases> {
        Ok(self.pick(places)?.cases)
    }
}

/// The first cases of a stream in their order, as many at once as go through a model.
fn in_order(stream: &Stream, cases: usize, mut f: impl FnMut(DataSet) -> Result<()>) -> Result<()> {
    let mut reader = WindowReader::new(stream);
    stream.in_order(cases, ROWS).try_for_each(|window| f(reader.read(&window)?))
}

pub(super) fn no_case(data: &str) -> Error {
    Error::data(data, "there is no case")
}
