//! What is fitted to the training part, stored with the model and applied again.

use std::fmt;
use std::str::FromStr;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cases::Cases;
use super::values::Values;
use crate::error::{Error, Result};
use crate::random::{Draw, bernoulli_row, stream};

/// How values in [0, 1] become bits. Written as a number in (0, 1], `sample` or `resample`.
///
/// ```
/// use harmonium::data::Binarize;
/// assert_eq!("0.5".parse::<Binarize>()?, Binarize::Threshold(0.5));
/// assert_eq!(Binarize::Resample.to_string(), "resample");
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Binarize {
    /// 1 where x ≥ the threshold, which lies in (0, 1].
    Threshold(f32),
    /// 1 with probability x, drawn once from the seed.
    Sample,
    /// 1 with probability x, drawn anew in each epoch of training; scores use [`Binarize::Sample`]'s draws.
    Resample,
}

impl FromStr for Binarize {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "sample" => Ok(Binarize::Sample),
            "resample" => Ok(Binarize::Resample),
            _ => match s.parse() {
                Ok(t) if valid_threshold(t) => Ok(Binarize::Threshold(t)),
                _ => Err(Error::setting(
                    "binarize",
                    format!("'{s}' is neither a threshold in (0, 1] nor 'sample' nor 'resample'"),
                )),
            },
        }
    }
}

fn valid_threshold(t: f32) -> bool {
    t > 0.0 && t <= 1.0
}

impl fmt::Display for Binarize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Binarize::Threshold(t) => write!(f, "{t}"),
            Binarize::Sample => f.write_str("sample"),
            Binarize::Resample => f.write_str("resample"),
        }
    }
}

impl TryFrom<String> for Binarize {
    type Error = Error;

    fn try_from(s: String) -> Result<Self> {
        s.parse()
    }
}

impl From<Binarize> for String {
    fn from(b: Binarize) -> String {
        b.to_string()
    }
}

/// Which part of the source is binarised, so that the parts do not share random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Step 0 of the stream.
    Train,
    /// Step 1 of the stream.
    Test,
    /// Cases held out of the source's training part. They keep their numbers and so their draws: a case
    /// becomes the same bits whether it is held out or not.
    Validation,
}

impl Part {
    /// `train`, `test`, `validation`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Test => "test",
            Part::Validation => "validation",
        }
    }

    /// The numbers that binarise this part once: row i is number i of the source's part
    /// ([`Cases::number`]).
    pub fn draw(self, seed: u64) -> Draw {
        let step = match self {
            Part::Train | Part::Validation => 0,
            Part::Test => 1,
        };
        Draw::new(seed, stream::BINARIZE).at(step)
    }
}

/// The numbers that binarise the training part in epoch `epoch` with [`Binarize::Resample`]; they are
/// other ones than those of every [`Part`]. Row i is number i of the source here too.
pub fn epoch_draw(seed: u64, epoch: u64) -> Draw {
    const FIRST: u64 = 16;
    Draw::new(seed, stream::BINARIZE).at(FIRST + epoch)
}

/// Preprocessing, fitted to the training part: nothing, binarisation, or standardisation per column,
/// (x − mean) / std.
///
/// ```
/// use harmonium::data::{self, Binarize, Part, Preprocessing};
/// let splits = data::load("digits")?;
/// let fitted = Preprocessing::fit(&splits.train.cases, Some(Binarize::Threshold(0.5)), false)?;
/// let train = fitted.apply(splits.train.cases, 1, Part::Train)?;
/// assert!(train.is_binary());
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// How values become bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binarize: Option<Binarize>,
    /// What is subtracted from each column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// What each column is then divided by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
}

impl Preprocessing {
    /// Fits to the training part: means and deviations (of the population) are accumulated in f64. A
    /// column whose deviation is below its mean's rounding in f32 is constant, and gets the deviation 1.
    ///
    /// # Errors
    /// [`Error::Setting`] for both at once, a threshold outside (0, 1] or one that no value reaches, or all do; [`Error::Data`] for values outside
    /// [0, 1] that are to be binarised.
    pub fn fit(train: &Cases, binarize: Option<Binarize>, standardize: bool) -> Result<Self> {
        check_asked(binarize, standardize)?;
        if binarize.is_some() {
            train.check_unit_interval("training data")?;
        }
        if let (Some(Binarize::Threshold(t)), false, Some(range)) =
            (binarize, matches!(train.values(), Values::Bits(_)), train.range())
        {
            check_reached(range, t)?;
        }
        if !standardize {
            return Ok(Preprocessing { binarize, mean: None, std: None });
        }
        let means = train.means_f64();
        Self::standardizing(&means, &train.deviations_f64(&means))
    }

    /// The same, fitted to cases of which this is known.
    pub(super) fn of(
        train: &Statistics,
        binarize: Option<Binarize>,
        standardize: bool,
    ) -> Result<Self> {
        check_asked(binarize, standardize)?;
        if binarize.is_some() {
            train.check_unit_interval("training data")?;
        }
        if let (Some(Binarize::Threshold(t)), false) = (binarize, train.are_bits) {
            check_reached(train.range, t)?;
        }
        match standardize {
            false => Ok(Preprocessing { binarize, mean: None, std: None }),
            true => Self::standardizing(&train.means, &train.deviations),
        }
    }

    fn standardizing(means: &[f64], deviations: &[f64]) -> Result<Self> {
        let of_column = |(column, (&s, &m)): (usize, (&f64, &f64))| {
            // Of equal values the mean alone is rounded, in f64.
            if s <= m.abs() * 1e-12 || s as f32 <= 0.0 {
                return Ok(1.0);
            }
            if s > m.abs() * f64::from(f32::EPSILON) {
                return Ok(s as f32);
            }
            Err(Error::data(
                "training data",
                format!(
                    "column {column} (from 0) varies by {s:.3} around {m}, which is less than 32-bit numbers of that size tell \
                     apart, so it cannot be standardised: subtract a number from it before (of times the first one), or \
                     leave it out"
                ),
            ))
        };
        let std = deviations.iter().zip(means).enumerate().map(of_column);
        Ok(Preprocessing {
            binarize: None,
            std: Some(std.collect::<Result<_>>()?),
            mean: Some(means.iter().map(|&m| m as f32).collect()),
        })
    }

    /// The cases as training reads them. Bits stay bits; [`Binarize::Resample`] leaves the values as they
    /// are (probabilities), since the draw is repeated in each epoch ([`epoch_draw`]).
    ///
    /// # Errors
    /// [`Error::Data`] for another width than the one fitted, for values outside [0, 1] that are to be
    /// binarised, and for a stored mean or deviation that is not finite or not positive.
    pub fn apply(&self, cases: Cases, seed: u64, part: Part) -> Result<Cases> {
        let cases = self.standardized(cases)?;
        let Some(binarize) = self.binarize else { return Ok(cases) };
        cases.check_unit_interval("the data to be binarised")?;
        match binarize {
            Binarize::Threshold(t) => threshold(cases, t),
            Binarize::Sample => sample(cases, part.draw(seed)),
            Binarize::Resample => Ok(cases),
        }
    }

    /// The cases as scores read them: as [`Preprocessing::apply`], but `resample` is drawn once like
    /// `sample`, so that a score is a function of the model, the data and the seed.
    ///
    /// # Errors
    /// As [`Preprocessing::apply`].
    pub fn apply_for_evaluation(&self, cases: Cases, seed: u64, part: Part) -> Result<Cases> {
        let cases = self.apply(cases, seed, part)?;
        match self.binarize {
            Some(Binarize::Resample) => sample(cases, part.draw(seed)),
            _ => Ok(cases),
        }
    }

    /// Undoes the standardisation of rows of `D` values in place: x·std + mean. Bits stay as they are.
    ///
    /// # Errors
    /// [`Error::Data`] where the number of values is no multiple of the fitted width.
    pub fn undo(&self, values: &mut [f32]) -> Result<()> {
        let d = match (&self.mean, &self.std) {
            (Some(v), _) | (None, Some(v)) => v.len(),
            (None, None) => return Ok(()),
        };
        self.check(d)?;
        if d == 0 || !values.len().is_multiple_of(d) {
            return Err(Error::data(
                "preprocessing",
                format!("{} values are no rows of {d}", values.len()),
            ));
        }
        for row in values.chunks_mut(d) {
            if let Some(std) = &self.std {
                row.iter_mut().zip(std).for_each(|(x, s)| *x *= s);
            }
            if let Some(mean) = &self.mean {
                row.iter_mut().zip(mean).for_each(|(x, m)| *x += m);
            }
        }
        Ok(())
    }

    /// Checks the stored means and deviations against data of `d` columns.
    pub(crate) fn check(&self, d: usize) -> Result<()> {
        for (name, stored) in [("mean", &self.mean), ("std", &self.std)] {
            let Some(stored) = stored else { continue };
            let refuse = |detail: String| Err(Error::data(format!("preprocessing {name}"), detail));
            if stored.len() != d {
                return refuse(format!(
                    "fitted to {} columns, and these data have {d}; pass data of the same kind",
                    stored.len()
                ));
            }
            let wrong = |x: f32| !x.is_finite() || (name == "std" && x <= 0.0);
            if let Some(j) = stored.iter().position(|&x| wrong(x)) {
                return refuse(format!(
                    "column {j} is {}; the stored values are damaged",
                    stored[j]
                ));
            }
        }
        Ok(())
    }

    fn standardized(&self, cases: Cases) -> Result<Cases> {
        if self.mean.is_none() && self.std.is_none() {
            return Ok(cases);
        }
        let d = cases.width();
        self.check(d)?;
        let mean = self.mean.clone().unwrap_or_else(|| vec![0.0; d]);
        let std = self.std.clone().unwrap_or_else(|| vec![1.0; d]);
        let mut values = cases.to_f32();
        values.par_chunks_mut(d).for_each(|row| {
            for ((x, &m), &s) in row.iter_mut().zip(&mean).zip(&std) {
                // In f64, where the difference of two large numbers is finite.
                *x = ((f64::from(*x) - f64::from(m)) / f64::from(s)) as f32;
            }
        });
        Cases::instead_of(&cases, Values::F32(values), d)
    }
}

/// What is known of cases that are not all in memory.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    /// The least and the greatest value.
    pub range: (f32, f32),
    pub are_bits: bool,
    /// Of each column.
    pub means: Vec<f64>,
    pub deviations: Vec<f64>,
}

impl Statistics {
    /// That every value lies in [0, 1].
    pub fn check_unit_interval(&self, name: &str) -> Result<()> {
        let (least, largest) = self.range;
        if least >= 0.0 && largest <= 1.0 {
            return Ok(());
        }
        let scale = match least >= 0.0 {
            true => format!("--scale {largest} divides by the largest"),
            false => "scale them".into(),
        };
        let detail = format!(
            "the values run from {least} to {largest}; networks, binary units and binarisation need values in [0, 1]: {scale}"
        );
        Err(Error::data(name, detail))
    }
}

/// That what is asked for goes together.
fn check_asked(binarize: Option<Binarize>, standardize: bool) -> Result<()> {
    match binarize {
        Some(b) if standardize => Err(Error::setting(
            "standardize",
            format!(
                "contradicts binarize = {b}: bits are for binary units, standardised values for Gaussian ones"
            ),
        )),
        Some(Binarize::Threshold(t)) if !valid_threshold(t) => {
            Err(Error::setting("binarize", format!("the threshold {t} is outside (0, 1]")))
        }
        _ => Ok(()),
    }
}

/// That a threshold divides values of this range: some reach it and some do not.
fn check_reached((least, largest): (f32, f32), t: f32) -> Result<()> {
    let detail = match (largest < t, least >= t) {
        (true, _) => {
            format!(
                "no value reaches {t}, so that every bit would be 0: the largest is {largest}; --scale brings the \
                     largest to 1, or use a smaller threshold"
            )
        }
        (_, true) => format!(
            "every value reaches {t}, so that every bit would be 1: the least is {least}; use a larger threshold"
        ),
        _ => return Ok(()),
    };
    Err(Error::setting("binarize", detail))
}

fn threshold(cases: Cases, t: f32) -> Result<Cases> {
    let bits = match cases.values() {
        Values::Bits(_) => return Ok(cases),
        Values::U8 { values, scale } => {
            values.par_iter().map(|&x| u8::from(f32::from(x) * scale >= t)).collect()
        }
        Values::F32(v) => v.par_iter().map(|&x| u8::from(x >= t)).collect(),
    };
    Cases::instead_of(&cases, Values::Bits(bits), cases.width())
}

fn sample(cases: Cases, draw: Draw) -> Result<Cases> {
    let (n, d) = (cases.len(), cases.width());
    if matches!(cases.values(), Values::Bits(_)) {
        return Ok(cases); // probability 0 never fires, 1 always does
    }
    let mut bits = vec![0u8; n * d];
    bits.par_chunks_mut(d).enumerate().for_each_init(Vec::new, |row, (i, out)| {
        cases.row_f32(i, row);
        bernoulli_row(&draw, [cases.number(i), 0], row);
        out.iter_mut().zip(row).for_each(|(bit, state)| *bit = *state as u8);
    });
    Cases::instead_of(&cases, Values::Bits(bits), d)
}
