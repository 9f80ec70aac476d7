//! The windows of an epoch: which cases they have, and reading them.

use super::order::{Piece, Window, windows};
use super::shard::{Cursor, Shard};
use super::{Stream, WINDOW};
use crate::data::cases::Cases;
use crate::data::labels::{Labels, RawPart};
use crate::data::set::DataSet;
use crate::data::values::Values;
use crate::error::Result;

impl Stream {
    /// The first case that is learnt from.
    pub(crate) fn first(&self) -> Result<DataSet> {
        let out = &self.0.held_out;
        let first = (0..=out.len()).find(|&i| out.get(i) != Some(&(i as u32))).unwrap_or(0);
        let shard = self.0.firsts.partition_point(|&begin| begin <= first).saturating_sub(1);
        let piece = Piece { shard, first: first - self.0.firsts[shard], rows: 1 };
        WindowReader::new(self).read(&Window::of(vec![piece]))
    }

    /// The windows of an epoch, for cases that take `bytes` each once they are prepared and of which the device takes
    /// `most` at once.
    pub(crate) fn windows(&self, seed: u64, epoch: u64, bytes: u64, most: usize) -> Vec<Window> {
        let inner = &*self.0;
        let read = inner.shards.iter().map(Shard::case_bytes).max().unwrap_or(1);
        let held = inner.decision.value_bytes() * inner.width as u64;
        // Numbers, labels and the order take some.
        let each = bytes.max(held).max(read.min(held + 1)) + 24;
        let rows = (inner.memory / WINDOW / each).clamp(1, most as u64) as usize;
        windows(&inner.shards, inner.limit, rows, [seed, epoch], &|piece| self.kept(piece).len())
    }

    /// The first `cases` cases in the source's order, `rows` in a window, of a stream of which none is held out.
    pub(crate) fn in_order(&self, cases: usize, rows: usize) -> impl Iterator<Item = Window> {
        let cases = cases.min(self.0.limit);
        let span = move |first: usize| self.span(first, (first + rows).min(cases));
        (0..cases).step_by(rows.max(1)).map(move |first| Window::of(span(first)))
    }

    /// The cases of these places in the source, in that order; a place may be named more than once.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`](crate::Error::Data) for a place that there is not.
    pub(crate) fn pick(&self, places: &[u32]) -> Result<DataSet> {
        let mut own = places.to_vec();
        own.sort_unstable();
        own.dedup();
        let end = |at: usize| (at + 1).min(self.0.limit);
        let pieces = own.iter().flat_map(|&at| self.span(at as usize, end(at as usize))).collect();
        let set = WindowReader::new(self).read(&Window::of(pieces))?;
        let place = |at: &u32| own.partition_point(|own| own < at) as u32;
        set.select(&places.iter().map(place).collect::<Vec<_>>(), set.name.clone())
    }

    /// The cases from number `first` to before `end`, shard by shard.
    fn span(&self, first: usize, end: usize) -> Vec<Piece> {
        let (inner, mut at, mut pieces) = (&*self.0, first, vec![]);
        while at < end {
            let shard = inner.firsts.partition_point(|&begin| begin <= at).saturating_sub(1);
            let first = at - inner.firsts[shard];
            let rows = (end - at).min(inner.shards[shard].n - first);
            pieces.push(Piece { shard, first, rows });
            at += rows;
        }
        pieces
    }

    /// The numbers of a piece's cases that are learnt from.
    fn kept(&self, piece: Piece) -> Kept<'_> {
        let inner = &*self.0;
        let first = inner.firsts[piece.shard] + piece.first;
        let at = |number: usize| inner.held_out.partition_point(|&out| (out as usize) < number);
        Kept { first, rows: piece.rows, out: &inner.held_out[at(first)..at(first + piece.rows)] }
    }
}

/// Which cases of a piece are learnt from.
struct Kept<'a> {
    first: usize,
    rows: usize,
    out: &'a [u32],
}

impl Kept<'_> {
    fn len(&self) -> usize {
        self.rows - self.out.len()
    }

    /// By their places in the piece.
    fn places(&self) -> Vec<u32> {
        let place = |i: &u32| self.out.binary_search(&(self.first as u32 + i)).is_err();
        (0..self.rows as u32).filter(place).collect()
    }
}

/// Reads windows, best in their order.
pub(crate) struct WindowReader<'a> {
    stream: &'a Stream,
    /// The shard that was read last.
    open: Option<(usize, Cursor<'a>)>,
}

impl<'a> WindowReader<'a> {
    pub fn new(stream: &'a Stream) -> Self {
        WindowReader { stream, open: None }
    }

    /// The cases of a window that are learnt from, by their numbers in the source, with their labels.
    pub fn read(&mut self, window: &Window) -> Result<DataSet> {
        let inner = &*self.stream.0;
        let (mut values, mut numbers) = (None, Vec::with_capacity(window.cases()));
        let mut labels: Option<Labels> = None;
        for &piece in &window.pieces {
            let part = self.piece(piece)?;
            let kept = self.stream.kept(piece);
            let places = kept.places();
            numbers.extend(places.iter().map(|&i| kept.first as u32 + i));
            if let Some(found) = part.labels.filter(|_| inner.labelled) {
                let places: Vec<usize> = places.iter().map(|&i| i as usize).collect();
                let found = found.pick(&places);
                labels = Some(match labels.take() {
                    Some(labels) => labels.append(found),
                    None => found,
                });
            }
            let cases = match kept.out.is_empty() {
                true => part.set.cases,
                false => part.set.cases.select(&places)?,
            };
            let found = inner.decision.apply(cases.into_values());
            values = Some(match values.take() {
                None => {
                    let mut first = found;
                    first.reserve(window.cases() * inner.width);
                    first
                }
                Some(values) => Values::append(values, found),
            });
        }
        let values = values.unwrap_or(Values::Bits(Vec::new()));
        let cases = Cases::new(values, window.cases(), inner.width)?.numbered(numbers);
        let mut set = DataSet::new(inner.name.clone(), cases);
        set.image = inner.image;
        match labels {
            Some(labels) => set.labelled(inner.classes.of(&labels), inner.classes.names.clone()),
            None => Ok(set),
        }
    }

    fn piece(&mut self, piece: Piece) -> Result<RawPart> {
        let inner = &*self.stream.0;
        let shard = &inner.shards[piece.shard];
        let mut cursor = match self.open.take() {
            Some((open, cursor)) if open == piece.shard => cursor,
            _ => Cursor::open(shard)?,
        };
        cursor.go_to(piece.first)?;
        let part = cursor.read(piece.rows, &inner.name)?;
        self.open = Some((piece.shard, cursor));
        Ok(part)
    }
}
