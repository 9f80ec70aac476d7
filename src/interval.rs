//! Intervals of the real line: what values a setting takes.

use std::fmt;

use crate::error::{Error, Result};

/// An interval of numbers, each end with or without its own value.
///
/// ```
/// use harmonium::interval::Interval;
/// let momentum = Interval::from(0.0).below(1.0);
/// assert_eq!(momentum.to_string(), "[0, 1)");
/// assert!(momentum.check("momentum", 0.9).is_ok());
/// assert!(momentum.check("momentum", 1.0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    low: f64,
    high: f64,
    without_low: bool,
    without_high: bool,
}

impl Interval {
    /// Counts of things: 1, 2, …
    pub const COUNT: Interval = Interval::from(1.0);

    /// From a value on, itself included.
    pub const fn from(low: f64) -> Self {
        Interval { low, high: f64::INFINITY, without_low: false, without_high: true }
    }

    /// All above a value.
    pub const fn above(low: f64) -> Self {
        Interval { without_low: true, ..Interval::from(low) }
    }

    /// The part up to a value, itself included.
    #[must_use]
    pub const fn up_to(self, high: f64) -> Self {
        Interval { high, without_high: false, ..self }
    }

    /// The part below a value.
    #[must_use]
    pub const fn below(self, high: f64) -> Self {
        Interval { high, without_high: true, ..self }
    }

    /// Whether it holds numbers of things.
    pub const fn is_of_counts(&self) -> bool {
        self.low == 1.0 && !self.without_low
    }

    fn contains(&self, value: f64) -> bool {
        let above = if self.without_low { value > self.low } else { value >= self.low };
        above && if self.without_high { value < self.high } else { value <= self.high }
    }

    /// That a value is one of these; NaN is in no interval.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting's name, the value and the interval.
    pub fn check(&self, name: &str, value: f32) -> Result<()> {
        match self.contains(value.into()) {
            true => Ok(()),
            false => Err(Error::setting(name, format!("{value} is outside {self}"))),
        }
    }

    /// The same of a whole number.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check_count(&self, name: &str, value: u64) -> Result<()> {
        let detail = match value as f64 {
            x if self.contains(x) => return Ok(()),
            x if x <= self.low => format!("{value} is too few; use at least {}", self.low),
            _ => format!("{value} is too many; {} is the most", self.high),
        };
        Err(Error::setting(name, detail))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = if self.without_low { '(' } else { '[' };
        let to = if self.without_high { ')' } else { ']' };
        let end = |x: f64| match x {
            f64::INFINITY => "∞".into(),
            x if x.abs() >= 1e5 => format!("{x:e}"),
            x => x.to_string(),
        };
        write!(f, "{from}{}, {}{to}", end(self.low), end(self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::Interval;

    #[test]
    fn ends_are_in_or_out_and_nan_never_is() {
        let closed = Interval::from(0.0).up_to(1e6);
        let open = Interval::above(0.0).below(1.0);
        for (interval, value, inside) in [
            (closed, 0.0, true),
            (closed, 1e6, true),
            (closed, -1e-9, false),
            (closed, f32::INFINITY, false),
            (closed, f32::NAN, false),
            (open, 0.0, false),
            (open, 1.0, false),
            (open, 0.5, true),
            (Interval::from(0.0), f32::MAX, true),
            (Interval::from(0.0), f32::INFINITY, false),
        ] {
            assert_eq!(interval.check("x", value).is_ok(), inside, "{value} in {interval}");
        }
        assert_eq!(closed.to_string(), "[0, 1e6]");
        assert_eq!(open.to_string(), "(0, 1)");
        assert_eq!(Interval::above(0.0).to_string(), "(0, ∞)");
    }

    #[test]
    fn counts_are_refused_in_their_own_words() {
        let count = Interval::COUNT.up_to(1e9);
        assert!(count.check_count("n", 1).is_ok() && count.check_count("n", 1_000_000_000).is_ok());
        let said = |n| count.check_count("n", n).unwrap_err().to_string();
        assert_eq!(said(0), "n: 0 is too few; use at least 1");
        assert_eq!(said(1_000_000_001), "n: 1000000001 is too many; 1000000000 is the most");
    }
}
