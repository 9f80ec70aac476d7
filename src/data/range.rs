//! How large the numbers of a source are: what stands for 1, and what is said where that can hardly be.

use super::cases::Cases;
use super::labels::RawPart;
use super::reading::Reading;
use super::set::Splits;
use super::values::{Values, first};
use crate::error::Result;

/// The largest numbers of one byte and of two.
const FULL: [f32; 2] = [255.0, 65535.0];

/// Divides the numbers by the user's scale or the one that a model was trained with, or looks at what they are.
pub(super) fn settle(
    train: &mut RawPart,
    test: Option<&mut RawPart>,
    reading: &Reading,
) -> Result<()> {
    let zero_one = train.is_zero_one() && test.as_ref().is_none_or(|test| test.is_zero_one());
    let ones = train.set.cases.range().is_some_and(|(_, largest)| largest > 0.0);
    let given = reading.given_scale(train.pictures);
    let mut scale = given;
    if let (None, Some(one)) = (given, reading.one) {
        let seen = train.numbers();
        scale = scale_as_trained(one, &seen);
        train.set.notices.extend(trained_note(&train.set.name, (one, scale), &seen));
    }
    if scale.is_none() && zero_one && ones {
        let note = zero_one_note(&train.set.name);
        train.set.notices.push(note);
    } else if scale.is_none() && (reading.one.is_none() || train.pictures) {
        train.tell_dark();
    }
    for part in std::iter::once(train).chain(test) {
        match (given, scale) {
            (Some(scale), _) => part.scale(scale)?,
            (None, Some(one)) => part.as_trained(one)?,
            (None, None) if zero_one && ones => part.bytes_as_bits()?,
            (None, None) => {}
        }
        (part.set.scale, part.set.pictures) = (given, part.pictures);
        part.set.one = match (given, scale) {
            (Some(_), _) => None,
            (None, Some(one)) => Some(one),
            (None, None) => part.one(),
        };
    }
    Ok(())
}

/// What is known of a source's numbers.
pub(super) struct Numbers {
    /// Bytes, or nothing but 0 and 1.
    pub bytes: bool,
    pub zero_one: bool,
    /// The largest as it stands in the source.
    pub largest: f32,
    /// What a step of the source's own numbers is worth.
    pub unit: f32,
    /// Whether they are a picture's, which says itself what is white.
    pub pictures: bool,
}

impl Numbers {
    /// What stands for 1 by the source's own type.
    fn full(&self) -> f32 {
        (1.0 / self.unit).round()
    }
}

/// By what the numbers are divided so that they mean what those of a training mean in which `one` was seen to stand for 1;
/// nothing where they do not look like such numbers.
pub(super) fn scale_as_trained(one: f32, seen: &Numbers) -> Option<f32> {
    let alike = match seen.bytes {
        _ if seen.pictures || seen.zero_one => false,
        // Whole numbers that the training took as they stand are no shares of 255.
        true if one == 1.0 => true,
        true => seen.largest <= one && one < seen.full(),
        // What lies in [0, 1] is there already.
        false => one > 1.0 && seen.largest > 1.0 && seen.largest <= one,
    };
    alike.then_some(one)
}

/// Of numbers that are divided by `scale`, as those of a training in which `one` stood for 1, or are read otherwise than those.
pub(super) fn trained_note(
    name: &str,
    (one, scale): (f32, Option<f32>),
    seen: &Numbers,
) -> Option<String> {
    let (largest, full) = (seen.largest, seen.full());
    let text = match scale {
        Some(1.0) => format!(
            "the bytes are taken as they stand, as the numbers of the training data were; --scale {full} divides them"
        ),
        Some(scale) => format!("the values are read as x/{scale}, as the training data's were"),
        // What a type's own scale makes of it is what it made of the training data.
        None if full > 1.0 && (one == full || seen.zero_one) => return None,
        None if full > 1.0 && one == 1.0 => format!(
            "the values are read as x/{full}, and the numbers of the training data were taken as they stand; --scale 1 takes \
             these so too"
        ),
        None if full > 1.0 => {
            format!("the values are read as x/{full}, and the training data's were as x/{one}")
        }
        None if seen.zero_one && one > 1.0 => format!(
            "the values are 0 and 1 alone and are read as they stand, not as x/{one} as the training data's; --scale {one} \
             divides them"
        ),
        None if one > 1.0 && largest > 1.0 => format!(
            "the values run to {largest} and are read as they stand, not as x/{one} as the training data's; --scale {one} \
             divides them"
        ),
        None => return None,
    };
    Some(format!("{name}: {text}"))
}

impl RawPart {
    /// Divides every number of the source by `scale`.
    fn scale(&mut self, scale: f32) -> Result<()> {
        let cases = &self.set.cases;
        let divided = |x: f32| (f64::from(x) / f64::from(self.unit) / f64::from(scale)) as f32;
        let values = match cases.values() {
            Values::Bits(bits) => {
                Values::from_floats(bits.iter().map(|&b| f32::from(b) / scale).collect())
            }
            Values::U8 { values, .. } => Values::U8 { values: values.clone(), scale: 1.0 / scale },
            Values::F32(values) => Values::F32(values.iter().map(|&x| divided(x)).collect()),
        };
        self.set.cases = Cases::instead_of(cases, values, cases.width())?;
        Ok(())
    }

    /// Divides the numbers by what stood for 1 in a training: whole ones stay bytes.
    fn as_trained(&mut self, one: f32) -> Result<()> {
        match self.set.cases.values() {
            Values::F32(values) => {
                let values = of_full(values, one);
                self.set.cases =
                    Cases::instead_of(&self.set.cases, values, self.set.cases.width())?;
                Ok(())
            }
            _ => self.scale(one),
        }
    }

    /// What is known of its numbers.
    fn numbers(&self) -> Numbers {
        let values = self.set.cases.values();
        let bytes = matches!(values, Values::U8 { .. });
        let (_, largest) = self.set.cases.range().unwrap_or((0.0, 0.0));
        Numbers {
            bytes,
            zero_one: matches!(values, Values::Bits(_)) || self.is_zero_one(),
            largest: if bytes { (largest / self.unit).round() } else { largest },
            unit: self.unit,
            pictures: self.pictures,
        }
    }

    /// Which of the source's numbers stands for 1, where none is said.
    fn one(&self) -> Option<f32> {
        match self.set.cases.values() {
            Values::Bits(_) => None,
            _ if self.unit != 1.0 => Some((1.0 / self.unit).round()),
            Values::U8 { .. } => Some(1.0),
            // Bits are no such numbers, so that one at least is above 1.
            Values::F32(values) => first(values, |x| !is_byte(x)).is_none().then_some(1.0),
        }
    }

    /// Bytes of 0 and 1 alone are binary data, not nearly black pictures.
    fn is_zero_one(&self) -> bool {
        match self.set.cases.values() {
            Values::U8 { values, .. } => !self.pictures && first(values, |x| x > 1).is_none(),
            _ => false,
        }
    }

    fn bytes_as_bits(&mut self) -> Result<()> {
        if let Values::U8 { values, .. } = self.set.cases.values() {
            let bits = Values::Bits(values.clone());
            self.set.cases = Cases::instead_of(&self.set.cases, bits, self.set.cases.width())?;
        }
        Ok(())
    }

    /// Says so where the largest number is below half of what its type holds.
    fn tell_dark(&mut self) {
        let range = self.set.cases.range();
        let note = range.and_then(|(_, largest)| dark_note(&self.set.name, self.unit, largest));
        self.set.notices.extend(note);
    }
}

/// Of bytes that become bits.
pub(super) fn zero_one_note(name: &str) -> String {
    format!("{name}: the bytes are 0 and 1 alone, and are read as bits, not as x/255")
}

/// Of values whose largest is below half of what their type holds; `unit` is what a step of that type is worth.
pub(super) fn dark_note(name: &str, unit: f32, largest: f32) -> Option<String> {
    let full = (1.0 / unit).round();
    let largest = largest * full;
    (full > 1.0 && largest > 0.5 && largest < 0.5 * full).then(|| {
        // Two digits that say something.
        let share = largest / full;
        let places = (1.0 - share.log10().floor()).max(2.0) as usize;
        let shown = if largest.fract().abs() < 1e-3 { largest.round() } else { largest };
        format!(
            "{name}: the largest value is {shown} of {full}, so that all is darker than {share:.places$}; if {shown} \
             stands for white, --scale {shown} divides by it"
        )
    })
}

/// What stands for white in pictures of numbers that run so far: 255 or 65,535.
pub(super) fn full_scale((least, largest): (f32, f32)) -> Option<f32> {
    let full = FULL.into_iter().find(|&full| (0.5 * full..=full).contains(&largest));
    full.filter(|_| least >= 0.0)
}

/// Of pictures that are brought into [0, 1].
pub(super) fn full_note(name: &str, largest: f32, full: f32) -> String {
    format!(
        "{name}: the values run to {largest} and are read as x/{full}; --scale MAX divides by another number"
    )
}

impl Splits {
    /// Pictures whose numbers run to 255 (or 65,535), as those of bytes do, but are plain numbers, come into [0, 1], as
    /// pictures of bytes are. The training part's numbers decide for both, and a notice says what was done.
    ///
    /// # Errors
    /// None where the parts are sound.
    pub fn pictures_into_unit_interval(&mut self) -> Result<()> {
        let train = &self.train;
        let (Values::F32(_), Some(_)) = (train.cases.values(), train.image) else { return Ok(()) };
        let Some((least, largest)) = train.cases.range() else { return Ok(()) };
        let Some(full) = full_scale((least, largest)) else { return Ok(()) };
        for set in std::iter::once(&mut self.train).chain(self.test.as_mut()) {
            let values = match set.cases.values() {
                Values::F32(values) => of_full(values, full),
                Values::Bits(bits) => {
                    Values::F32(bits.iter().map(|&b| f32::from(b) / full).collect())
                }
                Values::U8 { .. } => continue,
            };
            set.cases = Cases::instead_of(&set.cases, values, set.cases.width())?;
            set.one = Some(full).filter(|_| set.scale.is_none());
        }
        let note = full_note(&self.train.name, largest, full);
        self.train.notices.push(note);
        Ok(())
    }
}

/// Whether a byte holds it.
pub(super) fn is_byte(x: f32) -> bool {
    x.fract() == 0.0 && (0.0..=255.0).contains(&x)
}

/// Bytes where the numbers are such.
fn of_full(values: &[f32], full: f32) -> Values {
    match full == 255.0 && first(values, |x| !is_byte(x)).is_none() {
        true => Values::U8 { values: values.iter().map(|&x| x as u8).collect(), scale: 1.0 / full },
        false => Values::F32(values.iter().map(|&x| x / full).collect()),
    }
}
