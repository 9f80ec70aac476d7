//! Random inputs, never zeros.

use crate::random::{Draw, PhiloxRng, uniform};

/// What kind of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Of both signs, between 2⁻⁷ and 2 in magnitude.
    Ordinary,
    /// Of both signs, magnitudes 2⁻²⁰ to 2⁷.
    Wide,
    /// Of both signs, up to 1e18 in magnitude: products and sums of a few hundred stay finite.
    Huge,
    /// Subnormal.
    Subnormal,
    /// Ordinary, and here and there NaN or an infinity.
    NonFinite,
    /// Positive, and rising to several times where they began: what a long loop leaves out at its end shows
    /// in sums and in maxima. Cheap to make.
    Rising,
}

impl Values {
    /// All kinds that suit every size.
    pub const ALL: [Values; 5] =
        [Values::Ordinary, Values::Wide, Values::Huge, Values::Subnormal, Values::NonFinite];
}

/// A stream of inputs.
#[derive(Debug)]
pub struct Inputs(PhiloxRng);

impl Inputs {
    /// The inputs of a case.
    pub fn new(seed: u64) -> Self {
        Inputs(PhiloxRng::new(Draw::new(seed, 0x7e57)))
    }

    /// `n` numbers of a kind.
    pub fn values(&mut self, kind: Values, n: usize) -> Vec<f32> {
        if kind == Values::Rising {
            let (first, step) = (0.1 + 0.2 * uniform(self.0.word()), 1.5 / n as f32);
            return (0..n).map(|i| first + step * i as f32).collect();
        }
        (0..n).map(|_| self.value(kind)).collect()
    }

    fn value(&mut self, kind: Values) -> f32 {
        let word = self.0.word();
        let sign = if word & 1 == 0 { 1.0 } else { -1.0 };
        let u = uniform(word);
        match kind {
            Values::Ordinary | Values::Rising => sign * (2.0f32.powi(-7) + 1.9 * u),
            Values::Wide => sign * (27.0 * u - 20.0).exp2(),
            Values::Huge => sign * 1e18 * (0.001 + 0.999 * u),
            Values::Subnormal => sign * f32::from_bits(1 + (word >> 9) % 0x007f_ffff),
            Values::NonFinite => match self.0.below(60) {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => f32::NEG_INFINITY,
                _ => self.value(Values::Ordinary),
            },
        }
    }

    /// `n` probabilities: mostly inside [0, 1), some exactly 0 or 1.
    pub fn probabilities(&mut self, n: usize) -> Vec<f32> {
        (0..n)
            .map(|_| match self.0.below(20) {
                0 => 0.0,
                1 => 1.0,
                _ => uniform(self.0.word()),
            })
            .collect()
    }

    /// `n` integers below `end`.
    pub fn below(&mut self, end: u32, n: usize) -> Vec<u32> {
        (0..n).map(|_| self.0.below(end)).collect()
    }

    /// `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.0.word() as u8).collect()
    }
}
