//! Work that ranks do by turns, and what all agree on: where one fails, all do, and all know why.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::{Ranks, part};
use crate::error::{Error, Result};

impl Ranks {
    /// This rank's part of `n` things that are shared in their order, as equally as can be.
    pub fn own(&self, n: usize) -> Range<usize> {
        part(n, self.count(), self.rank())
    }

    /// What every rank has, at every rank, in the order of ranks; where one has failed, all fail.
    ///
    /// # Errors
    /// This rank's own, or that of the first rank that failed; as [`Ranks::gather`].
    pub fn agreed(&self, own: Result<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        if self.count() == 1 {
            return Ok(vec![own?]);
        }
        let said = match &own {
            Ok(bytes) => [&[0], &bytes[..]].concat(),
            Err(error) => [&[1], error.to_string().as_bytes()].concat(),
        };
        let mut all = self.gather(&said)?;
        let failed = |said: &Vec<u8>| said.first() != Some(&0);
        if let Some(first) = all.iter().position(failed) {
            self.0.given_up.store(true, Ordering::Relaxed);
            own?;
            let said = String::from_utf8_lossy(all[first].get(1..).unwrap_or_default());
            let detail = format!("rank {first} of {}: {said}", self.count());
            return Err(Error::run("ranks", detail));
        }
        all.iter_mut().for_each(|said| {
            said.remove(0);
        });
        Ok(all)
    }

    /// The tables `[rows, own]` of all ranks beside each other, `[rows, all]`, at every rank: what each has of its own
    /// chains, of all of them in their order.
    ///
    /// # Errors
    /// As [`Ranks::agreed`].
    pub fn beside(&self, own: Vec<f32>, rows: usize) -> Result<Vec<f32>> {
        if self.count() == 1 {
            return Ok(own);
        }
        let all = self.agreed(Ok(bytemuck::cast_slice(&own).to_vec()))?;
        let all: Vec<Vec<f32>> = all.iter().map(|own| bytemuck::pod_collect_to_vec(own)).collect();
        let row = |row: usize| {
            let part = move |table: &Vec<f32>| {
                let width = table.len() / rows;
                table[row * width..(row + 1) * width].to_vec()
            };
            all.iter().flat_map(part)
        };
        Ok((0..rows).flat_map(row).collect())
    }

    /// Numbers that are found by turns, some for each of `things`: all of them in their order, at every rank.
    ///
    /// # Errors
    /// As [`Ranks::by_turns`].
    pub fn numbers(
        &self,
        things: usize,
        find: &mut dyn FnMut(usize) -> Result<Vec<f64>>,
    ) -> Result<Vec<Vec<f64>>> {
        let mut all = Vec::with_capacity(things);
        let mut make = |thing| Ok(bytemuck::cast_slice::<f64, u8>(&find(thing)?).to_vec());
        self.by_turns(things, &mut make, &mut |_, found| {
            all.push(bytemuck::pod_collect_to_vec(&found));
            Ok(())
        })?;
        Ok(all)
    }

    /// Makes things by turns, thing k at rank k mod n: `take` gets all of them in their order, at every rank.
    ///
    /// # Errors
    /// Those of `make`, at any rank, and of `take`; as [`Ranks::gather`].
    pub fn by_turns(
        &self,
        things: usize,
        make: &mut dyn FnMut(usize) -> Result<Vec<u8>>,
        take: &mut dyn FnMut(usize, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        for first in (0..things).step_by(self.count()) {
            let mine = first + self.rank();
            let own = if mine < things { make(mine) } else { Ok(Vec::new()) };
            let all = self.agreed(own)?.into_iter().take(things - first);
            all.enumerate().try_for_each(|(k, made)| take(first + k, made))?;
        }
        Ok(())
    }

    /// Ends work that ranks did by turns, of which this one came to `own`: a rank that failed while the others went on is
    /// heard by them. To be called once, at the end, by all.
    ///
    /// # Errors
    /// As [`Ranks::agreed`].
    pub fn ended(&self, own: Result<()>) -> Result<()> {
        match self.0.given_up.load(Ordering::Relaxed) {
            true => own,
            false => self.agreed(own.map(|()| Vec::new())).map(drop),
        }
    }
}
