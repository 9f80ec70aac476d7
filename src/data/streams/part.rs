//! The cases of a set that is read in pieces.

use std::sync::Arc;

use super::held::Decision;
use super::shard::Shard;
use crate::data::labels::Classes;
use crate::data::preprocessing::{Binarize, Preprocessing, Statistics};
use crate::data::set::ImageShape;
use crate::error::Result;

/// The cases of one part of a set that is read in pieces.
#[derive(Clone)]
pub struct Stream(pub(super) Arc<Inner>);

crate::error::opaque!(Stream);

pub(super) struct Inner {
    pub name: String,
    pub shards: Vec<Shard>,
    /// The number of each shard's first case.
    pub firsts: Vec<usize>,
    pub limit: usize,
    pub held_out: Vec<u32>,
    pub decision: Decision,
    pub classes: Classes,
    pub labelled: bool,
    pub image: Option<ImageShape>,
    pub width: usize,
    pub statistics: Statistics,
    pub checksum: u32,
    pub memory: u64,
}

/// The number of each shard's first case.
pub(super) fn firsts(shards: &[Shard]) -> Vec<usize> {
    let first = |next: &mut usize, shard: &Shard| {
        *next += shard.n;
        Some(*next - shard.n)
    };
    shards.iter().scan(0, first).collect()
}

impl Stream {
    pub(super) fn of(inner: Inner) -> Self {
        Stream(Arc::new(inner))
    }

    /// How many cases there are: those that are held out are left out.
    pub fn len(&self) -> usize {
        self.0.limit - self.0.held_out.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values of a case.
    pub fn width(&self) -> usize {
        self.0.width
    }

    /// Whether the source says of which class each case is.
    pub fn is_labelled(&self) -> bool {
        self.0.labelled
    }

    /// Whether its values are 0 and 1 alone.
    pub fn is_bits(&self) -> bool {
        self.0.statistics.are_bits
    }

    /// What the source is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What the user should be told of it.
    pub fn notices(&self) -> &[String] {
        &self.0.decision.notices
    }

    /// Bytes of a case: what it takes while it is read, or once it is held.
    pub fn case_bytes(&self) -> u64 {
        let read = self.0.shards.iter().map(Shard::case_bytes).max().unwrap_or(1);
        read.max(self.0.decision.value_bytes() * self.0.width as u64)
    }

    /// CRC-32 of all values and labels as they are read.
    pub fn checksum(&self) -> u32 {
        self.0.checksum
    }

    /// Preprocessing fitted to all training cases.
    ///
    /// # Errors
    /// As [`Preprocessing::fit`].
    pub fn fit(&self, binarize: Option<Binarize>, standardize: bool) -> Result<Preprocessing> {
        Preprocessing::of(&self.0.statistics, binarize, standardize)
    }

    /// That all values lie in [0, 1].
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) with the least and the greatest.
    pub fn check_unit_interval(&self, name: &str) -> Result<()> {
        self.0.statistics.check_unit_interval(name)
    }
}
