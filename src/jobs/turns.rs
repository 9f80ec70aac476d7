//! Pieces of cases that ranks take by turns.

use std::ops::Deref;

use super::chosen::Chosen;
use super::pieces::{From, Pieces, no_case};
use super::rows::ROWS;
use crate::data::WindowReader;
use crate::error::Result;
use crate::ranks::Ranks;

/// A piece of cases.
#[derive(Debug)]
pub enum Piece<'a> {
    /// One that is there.
    Here(&'a Chosen),
    /// One that was read for this.
    Own(Chosen),
}

impl Deref for Piece<'_> {
    type Target = Chosen;

    fn deref(&self) -> &Chosen {
        match self {
            Piece::Here(chosen) => chosen,
            Piece::Own(chosen) => chosen,
        }
    }
}

/// What was made of a piece, by whichever rank.
pub struct Made<'r, 'a> {
    /// The piece's first case.
    pub first: usize,
    /// What was made.
    pub bytes: Vec<u8>,
    here: Option<&'r Chosen>,
    reader: &'r mut Reader<'a>,
}

crate::error::opaque!(Made<'_, '_>);

impl Made<'_, '_> {
    /// The piece itself, which is read again where another rank had it.
    ///
    /// # Errors
    /// What reading gives.
    pub fn piece(&mut self) -> Result<Piece<'_>> {
        match self.here {
            Some(piece) => Ok(Piece::Here(piece)),
            None => self.reader.read(self.first),
        }
    }
}

/// Reads pieces, best in their order.
struct Reader<'a> {
    pieces: &'a Pieces<'a>,
    windows: Option<WindowReader<'a>>,
}

impl<'a> Reader<'a> {
    fn new(pieces: &'a Pieces<'a>) -> Self {
        let windows = match &pieces.from {
            From::Memory(_) => None,
            From::Stream { stream, .. } => Some(WindowReader::new(stream)),
        };
        Reader { pieces, windows }
    }

    /// How many cases make a piece: as many as go through a model at once; but weights are relative to all cases'.
    fn each(&self) -> usize {
        match &self.pieces.from {
            From::Memory(chosen) if chosen.cases.has_weights() => self.pieces.cases.max(1),
            _ => ROWS,
        }
    }

    /// The piece that begins at this case.
    fn read(&mut self, first: usize) -> Result<Piece<'a>> {
        let pieces = self.pieces;
        let end = pieces.cases.min(first + self.each());
        match (&pieces.from, &mut self.windows) {
            (From::Memory(chosen), _) if (first, end) == (0, pieces.cases) => {
                Ok(Piece::Here(chosen))
            }
            (From::Stream { stream, .. }, Some(reader)) => {
                let window = stream.in_order(end, ROWS).nth(first / ROWS);
                let window = window.ok_or_else(|| no_case(&pieces.data))?;
                Ok(Piece::Own((pieces.treat)(reader.read(&window)?, pieces.part)?))
            }
            _ => Ok(Piece::Own(pieces.pick(&(first as u32..end as u32).collect::<Vec<_>>())?)),
        }
    }
}

impl Pieces<'_> {
    /// The first piece.
    ///
    /// # Errors
    /// What reading gives.
    pub fn begin(&self) -> Result<Piece<'_>> {
        Reader::new(self).read(0)
    }

    /// Has ranks make something of each piece by turns, told the number of its first case; `take` gets what was made of all
    /// of them, in the source's order, at every rank. Pieces are as large as those of data that are read in pieces, so that
    /// what is made has the same bits as from all cases at once.
    ///
    /// # Errors
    /// What reading gives, and what `make`, at any rank, and `take` do.
    pub fn by_turns(
        &self,
        ranks: &Ranks,
        make: &mut dyn FnMut(&Chosen, usize) -> Result<Vec<u8>>,
        take: &mut dyn FnMut(Made<'_, '_>) -> Result<()>,
    ) -> Result<()> {
        if ranks.count() == 1 {
            let (mut first, mut reader) = (0, Reader { pieces: self, windows: None });
            return self.each(&mut |piece| {
                let bytes = make(piece, first)?;
                take(Made { first, bytes, here: Some(piece), reader: &mut reader })?;
                first += piece.cases.len();
                Ok(())
            });
        }
        let (mut own, mut again) = (Reader::new(self), Reader::new(self));
        let each = own.each();
        let mut make = |number: usize| make(&*own.read(number * each)?, number * each);
        ranks.by_turns(self.cases.div_ceil(each), &mut make, &mut |number, bytes| {
            take(Made { first: number * each, bytes, here: None, reader: &mut again })
        })
    }
}
