//! Counter-based random numbers: Philox4x32-10 (Salmon et al., *Parallel random numbers: as easy as
//! 1, 2, 3*, SC 2011), the same bits as `shaders/shared/philox.wgsl`.
//!
//! Nothing carries state. A draw is a function of its [`Draw`] (seed, stream, step), of the case (row)
//! and of the column, so it is the same on every device, whatever the workgroup size or the sharding.
//!
//! The counter of element `[row, column]` is
//! `[column / 4, first_case + row, low word of step, stream | upper byte of step << 16 | level << 24]`, the key
//! is the seed, and the element takes word `column % 4` of the four.

mod purposes;
mod rows;
pub mod stream;

use std::convert::Infallible;

pub use purposes::ChainStreams;
pub(crate) use rows::{bernoulli_row, normal_row, words_row};

/// Which random numbers an operation draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The key.
    pub seed: u64,
    /// What the numbers are for; one of [`stream`] or a number of the caller's own from 256 to 65,535.
    pub stream: u16,
    /// Which layer of a stack of equally seeded ones the numbers are for, up to 127: 0 where there is no stack. 128
    /// more are its label's ([`Draw::of_label`]).
    pub level: u8,
    /// How often this stream was used before: Gibbs step, epoch … Below 2⁴⁰.
    pub step: u64,
    /// The global index (case or chain) of row 0.
    pub first_case: u32,
}

impl Draw {
    /// Steps from 0 on whose numbers differ: the counter has 40 bits for them.
    pub const STEPS: u64 = 1 << 40;

    /// The numbers of `stream` under `seed`, at level, step and case 0.
    pub const fn new(seed: u64, stream: u16) -> Self {
        Draw { seed, stream, level: 0, step: 0, first_case: 0 }
    }

    /// The same, at another step.
    pub const fn at(self, step: u64) -> Self {
        Draw { step, ..self }
    }

    /// The same, for another layer of a stack.
    pub const fn at_level(self, level: u8) -> Self {
        Draw { level, ..self }
    }

    /// The numbers of the label beside the units that this draw is for: other ones than theirs.
    pub const fn of_label(self) -> Self {
        Draw { level: self.level ^ 0x80, ..self }
    }

    /// The same, with row 0 being the case `first_case`.
    pub const fn from_case(self, first_case: u32) -> Self {
        Draw { first_case, ..self }
    }

    /// The key words.
    pub fn key(&self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }

    /// The two counter words that do not depend on the element.
    pub fn counter_words(&self) -> [u32; 2] {
        let upper = (self.step >> 32) as u32 & 0xff;
        let purpose = u32::from(self.stream) | upper << 16 | u32::from(self.level) << 24;
        [self.step as u32, purpose]
    }

    /// The four words of column block `block` in row `row`.
    #[inline]
    pub fn block(&self, row: u32, block: u32) -> [u32; 4] {
        let [c2, c3] = self.counter_words();
        philox4x32([block, self.first_case.wrapping_add(row), c2, c3], self.key())
    }

    /// The word of element `[row, column]`.
    #[inline]
    pub fn word(&self, row: u32, column: u32) -> u32 {
        self.block(row, column / 4)[(column % 4) as usize]
    }
}

/// The random numbers of Gibbs chains: as a [`Draw`], but of three streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainDraw {
    streams: ChainStreams,
    draw: Draw, // Its stream is the start's.
}

impl ChainDraw {
    /// The numbers of `streams` under `seed`, at level, step and chain 0.
    pub fn new(seed: u64, streams: ChainStreams) -> Self {
        ChainDraw { streams, draw: Draw::new(seed, streams.start) }
    }

    /// The same, at another step.
    pub fn at(self, step: u64) -> Self {
        ChainDraw { draw: self.draw.at(step), ..self }
    }

    /// The same, for another layer of a stack.
    pub fn at_level(self, level: u8) -> Self {
        ChainDraw { draw: self.draw.at_level(level), ..self }
    }

    /// The same, with row 0 being the chain `first`.
    pub fn from_chain(self, first: u32) -> Self {
        ChainDraw { draw: self.draw.from_case(first), ..self }
    }

    /// The step.
    pub fn step(&self) -> u64 {
        self.draw.step
    }

    /// The numbers of the starting states, and at steps above 0 of a ladder's exchanges.
    pub fn start(&self) -> Draw {
        self.draw
    }

    /// The numbers of a step's hidden states.
    pub fn hidden(&self) -> Draw {
        Draw { stream: self.streams.hidden, ..self.draw }
    }

    /// The numbers of a step's visible states.
    pub fn visible(&self) -> Draw {
        Draw { stream: self.streams.visible, ..self.draw }
    }
}

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Philox4x32 with ten rounds.
///
/// ```
/// use harmonium::random::philox4x32;
/// assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[inline]
pub fn philox4x32(mut c: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c[0]);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c[2]);
        c = [
            (p1 >> 32) as u32 ^ c[1] ^ key[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ c[3] ^ key[1],
            p0 as u32,
        ];
    }
    c
}

/// A uniform number in [0, 1): the word's upper 24 bits times 2⁻²⁴.
#[inline]
pub fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A Bernoulli draw: `uniform(word) < p`, so p = 0 never fires and p = 1 always does; NaN never fires.
///
/// Uniform numbers are multiples of 2⁻²⁴, so it fires with p rounded up to such a multiple: the probability
/// P is off by 0 ≤ P − p < 2⁻²⁴, and by nothing at 0, at 1 and at every multiple in between. (A GPU may take
/// a subnormal p for 0, which the bound |P − p| < 2⁻²⁴ covers.)
#[inline]
pub fn bernoulli(word: u32, p: f32) -> f32 {
    if uniform(word) < p { 1.0 } else { 0.0 }
}

/// Two independent standard normal numbers from two words (Box and Muller 1958), with u₁ = (k + 1)·2⁻²⁴
/// so that the logarithm is finite; the largest magnitude is √(2·24·ln 2) ≈ 5.77.
///
/// Logarithm and cosine are this crate's own polynomials, the same operations as in the shader: the
/// devices agree to about 1e-5 (a device may fuse a multiplication with an addition).
#[inline]
pub fn normal_pair(w0: u32, w1: u32) -> [f32; 2] {
    let u1 = ((w0 >> 8) + 1) as f32 * (1.0 / 16_777_216.0);
    let r = (-2.0 * ln_unit(u1)).max(0.0).sqrt();
    let u2 = uniform(w1);
    [r * cos_turn(u2), r * cos_turn(u2 - 0.25)]
}

/// The standard normal number of element `column % 4` of a block of four words.
#[inline]
pub fn normal(words: [u32; 4], lane: u32) -> f32 {
    let pair =
        if lane < 2 { normal_pair(words[0], words[1]) } else { normal_pair(words[2], words[3]) };
    pair[(lane % 2) as usize]
}

/// ln x for x in (0, 1], relative error below 1e-6 (absolute near x = 1): the mantissa is brought to
/// [√½, √2) and ln m = 2 artanh((m − 1)/(m + 1)).
#[inline]
fn ln_unit(x: f32) -> f32 {
    let bits = x.to_bits();
    let mut exponent = (bits >> 23) as i32 - 127;
    let mut m = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    if m > std::f32::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = 2.0 + s2 * (2.0 / 3.0 + s2 * (0.4 + s2 * (2.0 / 7.0 + s2 * (2.0 / 9.0))));
    // ln 2 in two parts, so that exponent·ln 2 loses nothing.
    exponent as f32 * 0.693_359_4 + (s * series - exponent as f32 * 2.121_944_4e-4)
}

/// cos(2πt) for t in [−1, 1]: t is folded to [−¼, ¼] where the Taylor series of the sine is short.
#[inline]
fn cos_turn(t: f32) -> f32 {
    let t = t - (t + 0.5).floor(); // [-1/2, 1/2)
    // cos 2πt = sin 2π(1/4 − |t|), and 1/4 − |t| lies in [−1/4, 1/4].
    let x = (0.25 - t.abs()) * std::f32::consts::TAU;
    let x2 = x * x;
    x * (1.0
        + x2 * (-1.0 / 6.0
            + x2 * (1.0 / 120.0
                + x2 * (-1.0 / 5040.0 + x2 * (1.0 / 362_880.0 - x2 * (1.0 / 39_916_800.0))))))
}

/// A sequential generator over one [`Draw`], for host code that wants the `rand` crate's traits
/// (shuffles, initial weights). Word n is word n % 4 of column block n / 4 in the draw's first case.
#[derive(Debug, Clone)]
pub struct PhiloxRng {
    draw: Draw,
    next: u64,
    words: [u32; 4],
}

impl PhiloxRng {
    /// Starts at the draw's first word.
    pub fn new(draw: Draw) -> Self {
        PhiloxRng { draw, next: 0, words: [0; 4] }
    }

    /// The next word.
    #[inline]
    pub fn word(&mut self) -> u32 {
        let lane = (self.next % 4) as usize;
        if lane == 0 {
            let block = self.next / 4;
            // 2³² blocks per row; the row index carries the rest.
            self.words = self.draw.block((block >> 32) as u32, block as u32);
        }
        self.next += 1;
        self.words[lane]
    }

    /// An integer in [0, n), without modulo bias (Lemire 2019). `n` = 0 gives 0.
    pub fn below(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.word()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// A random permutation of 0 … n − 1 (Fisher and Yates), fixed for good: it does not depend on any
    /// other crate's version.
    pub fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        for i in (1..order.len()).rev() {
            let j = self.below(i as u32 + 1) as usize;
            order.swap(i, j);
        }
        order
    }
}

impl rand::TryRng for PhiloxRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.word()) | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(4) {
            let bytes = self.word().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}
