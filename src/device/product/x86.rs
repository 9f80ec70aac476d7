//! Turning and searching with the shuffles of AVX2 and AVX-512, which other vectors have no general form of.

use core::arch::x86_64::{__m256, __m512};
use std::any::Any;

use pulp::Simd;
use pulp::x86::{V3, V4};

/// The vectors, where they are those.
#[inline(always)]
fn vectors<V: Simd, S: Simd>(simd: &S) -> Option<V> {
    (simd as &dyn Any).downcast_ref().copied()
}

/// Makes rows of a square's columns; false, and nothing, with other vectors.
#[inline(always)]
pub(super) fn turn<S: Simd>(simd: S, square: &mut [[f32; 16]; 16]) -> bool {
    if let Some(simd) = vectors(&simd) {
        *square = pulp::cast(columns_of_16(simd, pulp::cast(*square)));
        return true;
    }
    let Some(simd) = vectors(&simd) else { return false };
    let from: [[__m256; 2]; 16] = pulp::cast(*square);
    let mut to = from;
    for i in 0..2 {
        for j in 0..2 {
            let mut rows = [from[0][0]; 8];
            for k in 0..8 {
                rows[k] = from[8 * i + k][j];
            }
            let columns = columns_of_8(simd, rows);
            for k in 0..8 {
                to[8 * j + k][i] = columns[k];
            }
        }
    }
    *square = pulp::cast(to);
    true
}

/// Turns each four numbers of each four rows over, by pairs first. A macro, as the shuffles of each width have their own names.
macro_rules! fours {
    ($f:ident, $rows:ident, $other:ident, $pairs:literal, $low:ident $high:ident $lower:ident $higher:ident) => {
        for i in 0..$pairs {
            $other[2 * i] = $f.$low($rows[2 * i], $rows[2 * i + 1]);
            $other[2 * i + 1] = $f.$high($rows[2 * i], $rows[2 * i + 1]);
        }
        for i in 0..$pairs / 2 {
            for half in 0..2 {
                let [x, y] = [$other[4 * i + half], $other[4 * i + half + 2]].map(pulp::cast);
                $rows[4 * i + 2 * half] = pulp::cast($f.$lower(x, y));
                $rows[4 * i + 2 * half + 1] = pulp::cast($f.$higher(x, y));
            }
        }
    };
}

/// Pairs and fours within halves of a vector, then the halves.
#[inline(always)]
fn columns_of_8(simd: V3, mut rows: [__m256; 8]) -> [__m256; 8] {
    let f = simd.avx;
    let mut other = rows;
    fours!(f, rows, other, 4, _mm256_unpacklo_ps _mm256_unpackhi_ps _mm256_unpacklo_pd _mm256_unpackhi_pd);
    for j in 0..4 {
        other[j] = f._mm256_permute2f128_ps::<0x20>(rows[j], rows[4 + j]);
        other[4 + j] = f._mm256_permute2f128_ps::<0x31>(rows[j], rows[4 + j]);
    }
    other
}

/// Pairs and fours within quarters of a vector, then the quarters.
#[inline(always)]
fn columns_of_16(simd: V4, mut rows: [__m512; 16]) -> [__m512; 16] {
    let f = simd.avx512f;
    let mut other = rows;
    fours!(f, rows, other, 8, _mm512_unpacklo_ps _mm512_unpackhi_ps _mm512_unpacklo_pd _mm512_unpackhi_pd);
    for half in 0..2 {
        for j in 0..4 {
            let [x, y] = [rows[8 * half + j], rows[8 * half + 4 + j]];
            other[8 * half + j] = f._mm512_shuffle_f32x4::<0x88>(x, y);
            other[8 * half + 4 + j] = f._mm512_shuffle_f32x4::<0xdd>(x, y);
        }
    }
    for j in 0..8 {
        rows[j] = f._mm512_shuffle_f32x4::<0x88>(other[j], other[8 + j]);
        rows[8 + j] = f._mm512_shuffle_f32x4::<0xdd>(other[j], other[8 + j]);
    }
    rows
}

/// Searches whole vectors of a line for what is not zero. Returns how many numbers were found, and in how many; with other
/// vectors in none.
#[inline(always)]
pub(super) fn search<S: Simd, const ROOM: usize>(
    simd: S,
    line: &[f32],
    places: &mut [u16; ROOM],
    values: &mut [f32; ROOM],
) -> [usize; 2] {
    let [mut found, mut at] = [0; 2];
    if let Some(simd) = vectors::<V4, _>(&simd) {
        let f = simd.avx512f;
        let first: [i32; 16] = std::array::from_fn(|i| i as i32);
        let mut indices = pulp::cast(first);
        for part in line.as_chunks::<16>().0 {
            let part = pulp::cast(*part);
            let mask = f._mm512_cmpneq_ps_mask(part, f._mm512_setzero_ps());
            let kept = f._mm512_cvtepi32_epi16(f._mm512_maskz_compress_epi32(mask, indices));
            put::<16, ROOM, _>(places, found, pulp::cast(kept));
            put::<16, ROOM, _>(values, found, pulp::cast(f._mm512_maskz_compress_ps(mask, part)));
            indices = f._mm512_add_epi32(indices, f._mm512_set1_epi32(16));
            found += mask.count_ones() as usize;
            at += 16;
        }
    } else if let Some(simd) = vectors::<V3, _>(&simd) {
        for part in line.as_chunks::<8>().0 {
            let part = pulp::cast(*part);
            // 4: unequal, or not a number.
            let other = simd.avx._mm256_cmp_ps::<4>(part, simd.avx._mm256_setzero_ps());
            let mask = simd.avx._mm256_movemask_ps(other) as usize & 0xff;
            let kept = KEPT[mask];
            let order = pulp::cast(kept.map(i32::from));
            put::<8, ROOM, _>(places, found, kept.map(|place| place + at as u16));
            put::<8, ROOM, _>(
                values,
                found,
                pulp::cast(simd.avx2._mm256_permutevar8x32_ps(part, order)),
            );
            found += mask.count_ones() as usize;
            at += 8;
        }
    }
    [found, at]
}

/// Overwrites some elements.
#[inline(always)]
fn put<const N: usize, const ROOM: usize, T: Copy>(
    to: &mut [T; ROOM],
    at: usize,
    elements: [T; N],
) {
    if let Some(to) = to[at.min(ROOM)..].first_chunk_mut::<N>() {
        *to = elements;
    }
}

/// The places of the ones of each number of eight bits, from the lowest on.
static KEPT: [[u16; 8]; 256] = {
    let mut kept = [[0; 8]; 256];
    let mut number = 0;
    while number < 256 {
        let (mut bit, mut found) = (0, 0);
        while bit < 8 {
            if number >> bit & 1 == 1 {
                kept[number][found] = bit;
                found += 1;
            }
            bit += 1;
        }
        number += 1;
    }
    kept
};
