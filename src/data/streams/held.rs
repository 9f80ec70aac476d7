//! How the values of a stream are held: decided once, by a pass over all of them, so that each piece is held as the whole
//! would be.

use crate::data::labels::RawPart;
use crate::data::range::{
    Numbers, dark_note, full_note, full_scale, is_byte, scale_as_trained, trained_note,
    zero_one_note,
};
use crate::data::reading::Reading;
use crate::data::set::ImageShape;
use crate::data::values::Values;

/// What a pass saw of the values as they are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Bytes, and whether one was above 1.
    bytes: bool,
    above_one: bool,
    /// Numbers other than 0 and 1, and whether one was no byte.
    numbers: bool,
    no_byte: bool,
    /// The least and the greatest, as read.
    range: Option<(f32, f32)>,
    /// What a step of the source's own numbers is worth.
    unit: f32,
    pub image: Option<ImageShape>,
    pub notices: Vec<String>,
}

impl Seen {
    pub fn add(&mut self, part: &RawPart) {
        let cases = &part.set.cases;
        match cases.values() {
            Values::Bits(_) => {}
            Values::U8 { values, .. } => {
                self.bytes = true;
                self.above_one |= values.iter().fold(false, |above, &x| above | (x > 1));
            }
            Values::F32(values) => {
                self.numbers = true;
                self.no_byte |= values.iter().fold(false, |no, &x| no | !is_byte(x));
            }
        }
        if let Some((least, largest)) = cases.range() {
            let (a, b) = self.range.unwrap_or((least, largest));
            self.range = Some((a.min(least), b.max(largest)));
        }
        (self.unit, self.image) = (part.unit, part.set.image);
        for notice in &part.set.notices {
            if !self.notices.contains(notice) {
                self.notices.push(notice.clone());
            }
        }
    }
}

impl Seen {
    /// Whether they are plain numbers, each of which a byte would hold.
    fn are_whole_bytes(&self) -> bool {
        self.numbers && !self.no_byte && !self.bytes
    }

    /// What is known of the numbers, of which `bytes` says whether nothing but such was read.
    fn numbers(&self, bytes: bool) -> Numbers {
        let (_, largest) = self.range_by(1.0);
        Numbers {
            bytes,
            zero_one: !self.numbers && !self.above_one,
            largest: if bytes { (largest / self.unit).round() } else { largest },
            unit: self.unit,
            pictures: false,
        }
    }

    /// The least and the greatest value, multiplied.
    pub fn range_by(&self, factor: f32) -> (f32, f32) {
        let (least, largest) = self.range.unwrap_or((0.0, 0.0));
        (least * factor, largest * factor)
    }
}

/// How values are held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Held {
    Bits,
    U8 {
        scale: f32,
    },
    /// The source's own number divided by this.
    F32 {
        by: f32,
    },
}

/// What is decided, and what becomes of a value as it is read: it is multiplied by `factor`.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub held: Held,
    unit: f32,
    factor: f64,
    /// The least and the greatest value, as they are held.
    range: (f32, f32),
    /// As [`DataSet::scale`](crate::data::DataSet::scale) and [`DataSet::one`](crate::data::DataSet::one).
    pub scale: Option<f32>,
    pub one: Option<f32>,
    pub notices: Vec<String>,
}

impl Decision {
    /// `reading`: what the user says stands for 1, or was seen to in a training; `unit_pictures`: whether pictures whose numbers run to 255 or 65,535 come
    /// into [0, 1], as [`Splits::pictures_into_unit_interval`](crate::data::Splits::pictures_into_unit_interval) has it.
    pub fn of(seen: &Seen, name: &str, reading: &Reading, unit_pictures: bool) -> Self {
        let unit = seen.unit;
        let (_, largest) = seen.range_by(1.0);
        let mut notices = seen.notices.clone();
        let bytes_alone = seen.bytes && !seen.numbers;
        let given = reading.given_scale(false);
        let mut scale = given;
        if let (None, Some(one)) = (given, reading.one) {
            let numbers = seen.numbers(bytes_alone);
            scale = scale_as_trained(one, &numbers);
            notices.extend(trained_note(name, (one, scale), &numbers));
        }
        let bits_alone = !seen.bytes && !seen.numbers;
        let (held, factor) = match scale {
            Some(scale) if bytes_alone => (Held::U8 { scale: 1.0 / scale }, 1.0 / (unit * scale)),
            Some(scale) if given.is_none() && seen.are_whole_bytes() && scale == 255.0 => {
                (Held::U8 { scale: 1.0 / scale }, 1.0 / scale)
            }
            Some(scale) => (Held::F32 { by: scale }, 1.0 / (unit * scale)),
            None if bytes_alone && !seen.above_one && largest > 0.0 => {
                notices.push(zero_one_note(name));
                (Held::Bits, 1.0 / unit)
            }
            None => {
                notices.extend(dark_note(name, unit, largest).filter(|_| reading.one.is_none()));
                match (bytes_alone, bits_alone) {
                    (true, _) => (Held::U8 { scale: unit }, 1.0),
                    (_, true) => (Held::Bits, 1.0),
                    _ => (Held::F32 { by: 1.0 / unit }, 1.0),
                }
            }
        };
        let range = seen.range_by(factor);
        let one = match (held, scale) {
            _ if given.is_some() => None,
            (_, Some(one)) => Some(one),
            (Held::Bits, None) => None,
            (_, None) if unit != 1.0 => Some((1.0 / unit).round()),
            (_, None) => seen.are_whole_bytes().then_some(1.0),
        };
        let factor = f64::from(factor);
        let mut decision = Decision { held, unit, factor, range, scale: given, one, notices };
        let full = full_scale(decision.range).filter(|_| unit_pictures && seen.image.is_some());
        if let (Held::F32 { by }, Some(full)) = (held, full) {
            let largest = decision.range.1;
            decision.notices.push(full_note(name, largest, full));
            let whole = full == 255.0 && seen.are_whole_bytes() && by == 1.0;
            decision.held = match whole {
                true => Held::U8 { scale: 1.0 / full },
                false => Held::F32 { by: by * full },
            };
            decision.one = Some(full).filter(|_| given.is_none());
            decision.factor /= f64::from(full);
            decision.range = seen.range_by(decision.factor as f32);
        }
        decision
    }

    /// Of a value as it is read.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Bytes of a value.
    pub fn value_bytes(&self) -> u64 {
        match self.held {
            Held::Bits | Held::U8 { .. } => 1,
            Held::F32 { .. } => 4,
        }
    }

    /// Values as they are read as they are held.
    pub fn apply(&self, values: Values) -> Values {
        let unit = self.unit;
        match (self.held, values) {
            (Held::Bits, Values::U8 { values, .. } | Values::Bits(values)) => Values::Bits(values),
            (Held::Bits, Values::F32(values)) => {
                Values::Bits(values.into_iter().map(|x| u8::from(x == 1.0)).collect())
            }
            (Held::U8 { scale }, Values::U8 { values, .. } | Values::Bits(values)) => {
                Values::U8 { values, scale }
            }
            (Held::U8 { scale }, Values::F32(values)) => {
                Values::U8 { values: values.into_iter().map(|x| x as u8).collect(), scale }
            }
            // As the whole would be divided, in f64; the unit is that of what the source has.
            (Held::F32 { by }, values) => {
                let divided = |x: f32| match by * unit == 1.0 {
                    true => x,
                    false => (f64::from(x) / f64::from(unit) / f64::from(by)) as f32,
                };
                Values::F32(match values {
                    Values::Bits(bits) => bits.into_iter().map(|b| divided(f32::from(b))).collect(),
                    Values::U8 { values, scale } => {
                        values.into_iter().map(|x| divided(f32::from(x) * scale)).collect()
                    }
                    Values::F32(values) => values.into_iter().map(divided).collect(),
                })
            }
        }
    }
}
