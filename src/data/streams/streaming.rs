//! How a set is streamed.

use crate::data::set::Holdout;
use crate::error::{Error, Result};

/// How a set is streamed.
///
/// ```
/// use harmonium::data::Streaming;
/// let how = Streaming::new(64 << 20).limit(1_000_000).seed(7);
/// # let _ = how;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Streaming {
    pub(super) memory: u64,
    pub(super) limit: Option<usize>,
    holdout: Option<Holdout>,
    holdout_at_most: bool,
    pub(super) seed: u64,
    pub(super) unit_pictures: bool,
    pub(super) spread: bool,
    pub(super) in_order: bool,
}

impl Streaming {
    /// The least memory: 1 MiB.
    pub const LEAST: u64 = 1 << 20;

    /// With so many bytes for cases; nothing held out, seed 1.
    pub fn new(memory: u64) -> Self {
        Streaming {
            memory: memory.max(Self::LEAST),
            limit: None,
            holdout: None,
            holdout_at_most: false,
            seed: 1,
            unit_pictures: false,
            spread: false,
            in_order: false,
        }
    }

    /// The first cases of the source only.
    #[must_use]
    pub fn limit(self, cases: usize) -> Self {
        Streaming { limit: Some(cases), ..self }
    }

    /// Holds cases out, which stay in memory.
    #[must_use]
    pub fn holdout(self, holdout: Holdout) -> Self {
        Streaming { holdout: Some(holdout), ..self }
    }

    /// The same, but no more of them than the memory has room for.
    #[must_use]
    pub fn holdout_at_most(self, holdout: Holdout) -> Self {
        Streaming { holdout: Some(holdout), holdout_at_most: true, ..self }
    }

    /// The seed of what is held out.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Streaming { seed, ..self }
    }

    /// Whether pictures of numbers up to 255 or 65,535 come into [0, 1].
    #[must_use]
    pub fn unit_pictures(self, unit_pictures: bool) -> Self {
        Streaming { unit_pictures, ..self }
    }

    /// To be read in their order alone: no case is kept but one of each part.
    #[must_use]
    pub fn in_order(self) -> Self {
        Streaming { in_order: true, ..self }
    }

    /// Whether columns are to be standardised, so that the pass needs their deviations.
    #[must_use]
    pub fn spread(self, spread: bool) -> Self {
        Streaming { spread, ..self }
    }

    /// How many of so many cases are held out, where so many have room in memory.
    pub(super) fn held_out(&self, cases: usize, room: usize, name: &str) -> Result<usize> {
        let Some(holdout) = self.holdout else { return Ok(0) };
        let held = holdout.count((cases, "cases"), name)?;
        match (held <= room, self.holdout_at_most) {
            (true, _) => Ok(held),
            (_, true) => Ok(room),
            _ => {
                let detail = format!(
                    "{held} cases held out are more than the {room} that a twelfth of the memory for cases has room for; hold out \
                     fewer, or give more --memory"
                );
                Err(Error::setting("validation", detail))
            }
        }
    }
}
