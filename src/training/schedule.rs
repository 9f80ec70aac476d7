//! Values that change from epoch to epoch.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::interval::Interval;

/// A value for each epoch, written
/// - `0.1`: always 0.1;
/// - `0.5,5:0.9`: 0.5 in the first 5 epochs, then 0.9 (any number of such steps);
/// - `0.1..0.001`: from 0.1 in the first epoch to 0.001 in the last, in equal steps.
///
/// ```
/// use harmonium::training::Schedule;
/// let momentum: Schedule = "0.5,5:0.9".parse()?;
/// assert_eq!(momentum.at(5, 20), 0.5);
/// assert_eq!(momentum.at(6, 20), 0.9);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// A first value, then (epochs done, value), the epochs in ascending order.
    Steps(f32, Vec<(u64, f32)>),
    /// First and last value.
    Linear(f32, f32),
}

impl From<f32> for Schedule {
    fn from(value: f32) -> Self {
        Schedule::constant(value)
    }
}

impl Schedule {
    /// The same value always.
    pub fn constant(value: f32) -> Self {
        Schedule::Steps(value, Vec::new())
    }

    /// The value in an epoch, counted from 1, of `epochs`.
    pub fn at(&self, epoch: u64, epochs: u64) -> f32 {
        match self {
            Schedule::Steps(first, steps) => steps
                .iter()
                .rev()
                .find(|(after, _)| epoch > *after)
                .map_or(*first, |(_, value)| *value),
            Schedule::Linear(from, to) => {
                let span = epochs.saturating_sub(1).max(1) as f32;
                let t = (epoch.saturating_sub(1) as f32 / span).min(1.0);
                from + (to - from) * t
            }
        }
    }

    /// Every value that it can take at an end or step.
    pub fn values(&self) -> Vec<f32> {
        match self {
            Schedule::Steps(first, steps) => {
                std::iter::once(*first).chain(steps.iter().map(|s| s.1)).collect()
            }
            Schedule::Linear(from, to) => vec![*from, *to],
        }
    }

    /// Checks that all values lie in `range`, and that steps follow each other.
    ///
    /// # Errors
    /// [`Error::Setting`] naming `name`, the value and the range.
    pub fn check(&self, name: &str, range: Interval) -> Result<()> {
        if let Schedule::Steps(_, steps) = self
            && let Some(pair) = steps.windows(2).find(|pair| pair[0].0 >= pair[1].0)
        {
            let [first, second] = [pair[0].0, pair[1].0];
            let detail = format!(
                "a step after {second} epochs stands behind one after {first}; give them in ascending order"
            );
            return Err(Error::setting(name, detail));
        }
        self.values().into_iter().try_for_each(|value| range.check(name, value))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Steps(first, steps) => {
                write!(f, "{first}")?;
                steps.iter().try_for_each(|(after, value)| write!(f, ",{after}:{value}"))
            }
            Schedule::Linear(from, to) => write!(f, "{from}..{to}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::setting(
                "schedule",
                format!(
                    "'{text}' is none of VALUE, VALUE,EPOCHS:VALUE… or FROM..TO (as 0.1, 0.5,5:0.9, 0.1..0.001)"
                ),
            )
        };
        let number = |s: &str| s.trim().parse::<f32>().map_err(|_| bad());
        if let Some((from, to)) = text.split_once("..") {
            return Ok(Schedule::Linear(number(from)?, number(to)?));
        }
        let mut pieces = text.split(',');
        let first = number(pieces.next().unwrap_or_default())?;
        let mut steps: Vec<(u64, f32)> = Vec::new();
        for piece in pieces {
            let (after, value) = piece.split_once(':').ok_or_else(bad)?;
            let after = after.trim().parse().map_err(|_| bad())?;
            if steps.last().is_some_and(|s| s.0 >= after) {
                return Err(bad());
            }
            steps.push((after, number(value)?));
        }
        Ok(Schedule::Steps(first, steps))
    }
}

impl serde::Serialize for Schedule {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Schedule {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Schedule;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a schedule like \"0.5,5:0.9\"")
            }
            fn visit_str<E: serde::de::Error>(
                self,
                text: &str,
            ) -> std::result::Result<Schedule, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_f64<E: serde::de::Error>(
                self,
                value: f64,
            ) -> std::result::Result<Schedule, E> {
                Ok(Schedule::constant(value as f32))
            }
            fn visit_i64<E: serde::de::Error>(
                self,
                value: i64,
            ) -> std::result::Result<Schedule, E> {
                Ok(Schedule::constant(value as f32))
            }
            // TOML's whole numbers are signed, JSON's are not where they are 0 or above.
            fn visit_u64<E: serde::de::Error>(
                self,
                value: u64,
            ) -> std::result::Result<Schedule, E> {
                Ok(Schedule::constant(value as f32))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{Interval, Schedule};

    #[test]
    fn numbers_of_every_kind_are_constants_in_json_and_toml() {
        #[derive(serde::Deserialize)]
        struct Table {
            rate: Schedule,
        }
        for (text, value) in [("0", 0.0), ("1", 1.0), ("-1", -1.0), ("0.25", 0.25), ("1e-3", 1e-3)]
        {
            let constant = Schedule::constant(value);
            assert_eq!(serde_json::from_str::<Schedule>(text).unwrap(), constant, "{text}");
            let whole = serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(serde_json::from_value::<Schedule>(whole).unwrap(), constant, "{text}");
            let table: Table = toml::from_str(&format!("rate = {text}")).unwrap();
            assert_eq!(table.rate, constant, "{text}");
        }
        for schedule in ["0.5,5:0.9", "0.1..0.001", "1"] {
            let schedule: Schedule = schedule.parse().unwrap();
            let json = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
        }
        assert!(serde_json::from_str::<Schedule>("true").is_err());
        assert!(serde_json::from_str::<Schedule>("[0.1]").is_err());
    }

    #[test]
    fn schedules_read_write_and_evaluate() {
        for text in ["0.1", "0.5,5:0.9", "1,2:3,4:5", "0.1..0.001"] {
            let schedule: Schedule = text.parse().unwrap();
            assert_eq!(schedule.to_string(), text);
        }
        for text in ["", "x", "0.1,", "0.1,5", "0.1,5:0.2,5:0.3", "0.1..", "..1"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
        let linear: Schedule = "1..0".parse().unwrap();
        assert_eq!([1, 6, 11, 99].map(|e| linear.at(e, 11)), [1.0, 0.5, 0.0, 0.0]);
        assert_eq!(linear.at(1, 1), 1.0);
        let unit = Interval::from(0.0).up_to(1.0);
        assert!("0.5,3:1.5".parse::<Schedule>().unwrap().check("m", unit).is_err());
        assert!("NaN".parse::<Schedule>().unwrap().check("m", unit).is_err());
        for after in [5, 10] {
            let steps = Schedule::Steps(0.1, vec![(10, 0.01), (after, 0.05)]);
            let said = steps.check("m", unit).unwrap_err().to_string();
            assert!(said.contains(&format!("after {after} epochs")), "{said}");
        }
    }
}
