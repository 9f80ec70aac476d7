//! Who is told how far chains have come.

use std::fmt;

use crate::error::Result;
use crate::random::Draw;

/// Into how many parts the steps of watched chains are cut.
const PARTS: u64 = 200;

/// Somebody who is told of the steps that chains make, or nobody.
#[derive(Clone, Copy, Default)]
pub struct Watch<'a>(Option<&'a dyn Fn(u64)>);

impl<'a> Watch<'a> {
    /// `tell` gets the steps that were just made, summed over the chains.
    pub fn new(tell: &'a dyn Fn(u64)) -> Self {
        Watch(Some(tell))
    }

    /// Makes `steps` steps of `chains` chains; in parts, which come to the same, where somebody watches.
    pub(in crate::jobs) fn over(
        self,
        steps: u64,
        chains: usize,
        mut step: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let Watch(Some(tell)) = self else { return step(steps) };
        if steps > Draw::STEPS {
            // Refused at once, and not after years.
            return step(steps);
        }
        let part = steps.div_ceil(PARTS).max(1);
        let mut left = steps;
        while left > 0 {
            let now = part.min(left);
            step(now)?;
            tell(now.saturating_mul(chains as u64));
            left -= now;
        }
        Ok(())
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch(somebody)" } else { "Watch(nobody)" })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{PARTS, Watch};
    use crate::random::Draw;

    #[test]
    fn parts_come_to_all_steps_and_each_is_told() {
        let told = Cell::new(0);
        let tell = |steps| told.set(told.get() + steps);
        let over = |watch: Watch<'_>, steps| {
            let (mut calls, mut made) = (0, 0);
            told.set(0);
            let step = |steps| {
                (calls, made) = (calls + 1, made + steps);
                Ok(())
            };
            watch.over(steps, 3, step).unwrap();
            (calls, made, told.get())
        };
        for steps in [0, 1, 7, 1001, 123_456] {
            let (calls, made, told) = over(Watch::new(&tell), steps);
            assert!((made, told) == (steps, 3 * steps) && calls <= PARTS, "{steps}: {calls}");
            assert_eq!(over(Watch::default(), steps), (1, steps, 0));
        }
        // What is refused is refused at once.
        assert_eq!(over(Watch::new(&tell), Draw::STEPS + 1), (1, Draw::STEPS + 1, 0));
    }
}
