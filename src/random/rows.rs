//! Draws for a whole row: many Philox blocks side by side, compiled for the vectors that the machine has, to the same
//! bits as one by one.

use super::{Draw, MULTIPLIER, WEYL, bernoulli, normal_pair};

/// Blocks that are computed side by side.
const BLOCKS: usize = 16;
/// Their columns.
const COLUMNS: usize = 4 * BLOCKS;

/// `words[c]` is the word of element `[row, column + c]`; `column` is a multiple of 4.
pub(crate) fn words_row(draw: &Draw, place: [u32; 2], words: &mut [u32]) {
    each(draw, place, words, |words, out| {
        out.iter_mut().zip(words).for_each(|(out, word)| *out = *word);
    });
}

/// Replaces probabilities by draws, [`bernoulli`] of element `[row, column + c]`; `column` is a multiple of 4.
pub(crate) fn bernoulli_row(draw: &Draw, place: [u32; 2], values: &mut [f32]) {
    each(draw, place, values, |words, out| {
        out.iter_mut().zip(words).for_each(|(p, word)| *p = bernoulli(*word, *p));
    });
}

/// Adds `scale` times the standard normal number of element `[row, column + c]`; `column` is a multiple of 4.
pub(crate) fn normal_row(draw: &Draw, place: [u32; 2], scale: f32, values: &mut [f32]) {
    each(draw, place, values, |words, out| {
        let mut normals = [0.0; COLUMNS];
        let pairs = words.as_chunks::<2>().0.iter();
        for (out, words) in normals.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
            *out = normal_pair(words[0], words[1]);
        }
        out.iter_mut().zip(normals).for_each(|(x, normal)| *x += scale * normal);
    });
}

/// Calls `f` with the words of as many columns as are computed at once, and the values that are theirs.
fn each<T>(
    draw: &Draw,
    [row, column]: [u32; 2],
    values: &mut [T],
    f: impl FnMut(&[u32; COLUMNS], &mut [T]),
) {
    let [c2, c3] = draw.counter_words();
    let counter = [column / 4, draw.first_case.wrapping_add(row), c2, c3];
    pulp::Arch::new().dispatch(Each { counter, key: draw.key(), values, f });
}

struct Each<'a, T, F> {
    counter: [u32; 4],
    key: [u32; 2],
    values: &'a mut [T],
    f: F,
}

impl<T, F: FnMut(&[u32; COLUMNS], &mut [T])> pulp::NullaryFnOnce for Each<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Each { mut counter, key, values, mut f } = self;
        for values in values.chunks_mut(COLUMNS) {
            f(&blocks(counter, key), values);
            counter[0] = counter[0].wrapping_add(BLOCKS as u32);
        }
    }
}

/// [`philox4x32`](super::philox4x32) of a counter and those after it in its first word, in lanes of 64 bits, whose lower halves
/// count: a product takes these, and its own halves need no shuffling.
#[inline(always)]
fn blocks(counter: [u32; 4], mut key: [u32; 2]) -> [u32; COLUMNS] {
    const LOWER: u64 = u32::MAX as u64;
    let factor = MULTIPLIER.map(u64::from);
    let [c0, c1, c2, c3] = counter;
    let mut x0: [u64; BLOCKS] = std::array::from_fn(|i| u64::from(c0.wrapping_add(i as u32)));
    let [mut x1, mut x2, mut x3] = [c1, c2, c3].map(|c| [u64::from(c); BLOCKS]);
    for _ in 0..10 {
        let [k0, k1] = key.map(u64::from);
        for i in 0..BLOCKS {
            let p0 = factor[0] * (x0[i] & LOWER);
            let p1 = factor[1] * (x2[i] & LOWER);
            x0[i] = (p1 >> 32) ^ x1[i] ^ k0;
            x2[i] = (p0 >> 32) ^ x3[i] ^ k1;
            x1[i] = p1;
            x3[i] = p0;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    let mut words = [0; COLUMNS];
    for (i, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *words = [x0[i], x1[i], x2[i], x3[i]].map(|x| x as u32);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normal;

    #[test]
    fn rows_are_drawn_to_the_bits_of_single_elements() {
        let draw = Draw::new(0xdead_beef_0123_4567, 77).at((1 << 39) + 5).from_case(u32::MAX - 3);
        for (column, count) in [(0, 1), (4, 63), (128, 64), (8, 65), (0, 500), (u32::MAX - 7, 8)] {
            for row in [0, 3, 9] {
                let place = [row, column];
                let at = |c: usize| draw.word(row, column + c as u32);
                let block = |c: usize| draw.block(row, (column + c as u32) / 4);
                let mut words = vec![0; count];
                words_row(&draw, place, &mut words);
                let mut states: Vec<f32> = (0..count).map(|c| c as f32 / count as f32).collect();
                let p = states.clone();
                bernoulli_row(&draw, place, &mut states);
                let mut normals = p.clone();
                normal_row(&draw, place, 0.5, &mut normals);
                for c in 0..count {
                    assert_eq!(words[c], at(c));
                    assert_eq!(states[c], bernoulli(at(c), p[c]));
                    let lane = (column + c as u32) % 4;
                    assert_eq!(normals[c], p[c] + 0.5 * normal(block(c), lane));
                }
            }
        }
    }
}
