//! The conversion of two lines with the vector instructions of x86-64.
//!
//! Owns the order of the lanes. It must never give another result than `Lines::scalar`.
//!
//! All sets do the same. Weighing a pixel is one sum of four products of bytes (`maddubs` and `madd`, or `dpbusd`). Its sum
//! with the offset fits 16 bits without a sign, so four vectors of sums are packed to two, divided by the upper half of a
//! product, and packed again to one of bytes. Packing works within lanes of 128 bits, so wider vectors are put in order last.
#![expect(unsafe_code, reason = "vector loads take pointers; each is made from an array reference of the loaded size")]

use super::{BLUE, LUMA, Lines, RED, Weights};
use crate::geometry::Pixel;
use std::arch::x86_64::*;

impl Weights {
    /// The four weights of a pixel as one number, to be repeated in a vector.
    fn lane(self) -> i32 {
        i32::from_ne_bytes(self.bgrx.map(i8::cast_unsigned))
    }
}

/// Asks for pixels to be in the cache when their turn comes.
#[inline(always)]
fn ahead<const N: usize>(bgrx: [&[Pixel; N]; 2]) {
    for line in bgrx {
        for pixels in line.as_chunks::<16>().0 {
            // SAFETY: only a hint, about 64 bytes that the reference covers; SSE is part of every x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(pixels.as_ptr().cast()) };
        }
    }
}

#[target_feature(enable = "sse4.1")]
pub(super) fn sse41(lines: Lines<'_>) {
    /// The sum of each pixel, without the offset.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn weigh(pixels: __m128i, weights: Weights) -> __m128i {
        let pairs = _mm_maddubs_epi16(pixels, _mm_set1_epi32(weights.lane()));
        _mm_madd_epi16(pairs, _mm_set1_epi16(1))
    }

    /// Sums of 16 bits, still without the offset, to values of 16 bits.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn divide(sums: __m128i, weights: Weights) -> __m128i {
        let sums = _mm_add_epi16(sums, _mm_set1_epi16(weights.offset as i16));
        _mm_mulhi_epu16(sums, _mm_set1_epi16(weights.factor as i16))
    }

    /// The mean of the left and the right pixel of each of four pairs.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    fn halve(a: __m128i, b: __m128i) -> __m128i {
        let (a, b) = (_mm_castsi128_ps(a), _mm_castsi128_ps(b));
        let (left, right) = (_mm_shuffle_ps::<0b10_00_10_00>(a, b), _mm_shuffle_ps::<0b11_01_11_01>(a, b));
        _mm_avg_epu8(_mm_castps_si128(left), _mm_castps_si128(right))
    }

    lines.blocks::<16, 8>(|bgrx, next, y, [u, v]| {
        ahead(next);
        let bgrx = bgrx.map(|line| {
            let (quads, _) = line.as_chunks::<4>();
            std::array::from_fn::<_, 4, _>(|i| {
                // SAFETY: the reference covers the 16 bytes of four pixels that are loaded.
                unsafe { _mm_loadu_si128(quads[i].as_ptr().cast()) }
            })
        });
        for (line, y) in bgrx.into_iter().zip(y) {
            let [a, b, c, d] = line.map(|pixels| weigh(pixels, LUMA));
            let (ab, cd) = (divide(_mm_packus_epi32(a, b), LUMA), divide(_mm_packus_epi32(c, d), LUMA));
            // SAFETY: the reference covers the 16 bytes that are stored.
            unsafe { _mm_storeu_si128(y.as_mut_ptr().cast(), _mm_packus_epi16(ab, cd)) };
        }
        let [above, below] = bgrx;
        let [a, b, c, d] = std::array::from_fn(|i| _mm_avg_epu8(above[i], below[i]));
        let (ab, cd) = (halve(a, b), halve(c, d));
        let [blue, red] = [BLUE, RED].map(|w| divide(_mm_packs_epi32(weigh(ab, w), weigh(cd, w)), w));
        let both = _mm_packus_epi16(blue, red);
        // SAFETY: each reference covers the 8 bytes that are stored.
        unsafe {
            _mm_storel_epi64(u.as_mut_ptr().cast(), both);
            _mm_storel_epi64(v.as_mut_ptr().cast(), _mm_unpackhi_epi64(both, both));
        }
    });
}

#[target_feature(enable = "avx2")]
pub(super) fn avx2(lines: Lines<'_>) {
    /// The sum of each pixel, without the offset.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn weigh(pixels: __m256i, weights: Weights) -> __m256i {
        let pairs = _mm256_maddubs_epi16(pixels, _mm256_set1_epi32(weights.lane()));
        _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
    }

    /// Sums of 16 bits, still without the offset, to values of 16 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn divide(sums: __m256i, weights: Weights) -> __m256i {
        let sums = _mm256_add_epi16(sums, _mm256_set1_epi16(weights.offset as i16));
        _mm256_mulhi_epu16(sums, _mm256_set1_epi16(weights.factor as i16))
    }

    /// The mean of the left and the right pixel of each of eight pairs: two of `a`, two of `b` in either lane.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn halve(a: __m256i, b: __m256i) -> __m256i {
        let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
        let (left, right) = (_mm256_shuffle_ps::<0b10_00_10_00>(a, b), _mm256_shuffle_ps::<0b11_01_11_01>(a, b));
        _mm256_avg_epu8(_mm256_castps_si256(left), _mm256_castps_si256(right))
    }

    lines.blocks::<32, 16>(|bgrx, next, y, [u, v]| {
        ahead(next);
        let bgrx = bgrx.map(|line| {
            let (eights, _) = line.as_chunks::<8>();
            std::array::from_fn::<_, 4, _>(|i| {
                // SAFETY: the reference covers the 32 bytes of eight pixels that are loaded.
                unsafe { _mm256_loadu_si256(eights[i].as_ptr().cast()) }
            })
        });
        for (line, y) in bgrx.into_iter().zip(y) {
            let [a, b, c, d] = line.map(|pixels| weigh(pixels, LUMA));
            let (ab, cd) = (divide(_mm256_packus_epi32(a, b), LUMA), divide(_mm256_packus_epi32(c, d), LUMA));
            // Four bytes of each vector are in either lane: bring those of one vector together.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let line = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
            // SAFETY: the reference covers the 32 bytes that are stored.
            unsafe { _mm256_storeu_si256(y.as_mut_ptr().cast(), line) };
        }
        let [above, below] = bgrx;
        let [a, b, c, d] = std::array::from_fn(|i| _mm256_avg_epu8(above[i], below[i]));
        let (ab, cd) = (halve(a, b), halve(c, d));
        let [blue, red] = [BLUE, RED].map(|w| divide(_mm256_packs_epi32(weigh(ab, w), weigh(cd, w)), w));
        // Either lane has two bytes of each vector, blue and then red: one lane for each, then in it those of one vector together.
        let both = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi16(blue, red));
        let order = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
        let both = _mm256_shuffle_epi8(both, _mm256_broadcastsi128_si256(order));
        // SAFETY: each reference covers the 16 bytes that are stored.
        unsafe {
            _mm_storeu_si128(u.as_mut_ptr().cast(), _mm256_castsi256_si128(both));
            _mm_storeu_si128(v.as_mut_ptr().cast(), _mm256_extracti128_si256::<1>(both));
        }
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn avx512(lines: Lines<'_>) {
    /// The sum of each pixel with the offset.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn weigh(pixels: __m512i, weights: Weights) -> __m512i {
        _mm512_dpbusd_epi32(_mm512_set1_epi32(weights.offset), pixels, _mm512_set1_epi32(weights.lane()))
    }

    /// Sums of two vectors to values of 16 bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn divide(a: __m512i, b: __m512i, weights: Weights) -> __m512i {
        _mm512_mulhi_epu16(_mm512_packus_epi32(a, b), _mm512_set1_epi16(weights.factor as i16))
    }

    /// The mean of the left and the right pixel of each of sixteen pairs: two of `a`, two of `b` in each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn halve(a: __m512i, b: __m512i) -> __m512i {
        let (a, b) = (_mm512_castsi512_ps(a), _mm512_castsi512_ps(b));
        let (left, right) = (_mm512_shuffle_ps::<0b10_00_10_00>(a, b), _mm512_shuffle_ps::<0b11_01_11_01>(a, b));
        _mm512_avg_epu8(_mm512_castps_si512(left), _mm512_castps_si512(right))
    }

    lines.blocks::<64, 32>(|bgrx, next, y, [u, v]| {
        ahead(next);
        let bgrx = bgrx.map(|line| {
            let (sixteens, _) = line.as_chunks::<16>();
            std::array::from_fn::<_, 4, _>(|i| {
                // SAFETY: the reference covers the 64 bytes of sixteen pixels that are loaded.
                unsafe { _mm512_loadu_si512(sixteens[i].as_ptr().cast()) }
            })
        });
        for (line, y) in bgrx.into_iter().zip(y) {
            let [a, b, c, d] = line.map(|pixels| weigh(pixels, LUMA));
            let (ab, cd) = (divide(a, b, LUMA), divide(c, d, LUMA));
            // Four bytes of each vector are in each lane: bring those of one vector together.
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let line = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
            // SAFETY: the reference covers the 64 bytes that are stored.
            unsafe { _mm512_storeu_si512(y.as_mut_ptr().cast(), line) };
        }
        let [above, below] = bgrx;
        let [a, b, c, d] = std::array::from_fn(|i| _mm512_avg_epu8(above[i], below[i]));
        let (ab, cd) = (halve(a, b), halve(c, d));
        let [blue, red] = [BLUE, RED].map(|w| divide(weigh(ab, w), weigh(cd, w), w));
        // Each lane has two bytes of each vector, blue and then red: all blue ones first, those of one vector together.
        let order = _mm512_set_epi16(
            31, 23, 15, 7, 30, 22, 14, 6, 29, 21, 13, 5, 28, 20, 12, 4, // red
            27, 19, 11, 3, 26, 18, 10, 2, 25, 17, 9, 1, 24, 16, 8, 0, // blue
        );
        let both = _mm512_permutexvar_epi16(order, _mm512_packus_epi16(blue, red));
        // SAFETY: each reference covers the 32 bytes that are stored.
        unsafe {
            _mm256_storeu_si256(u.as_mut_ptr().cast(), _mm512_castsi512_si256(both));
            _mm256_storeu_si256(v.as_mut_ptr().cast(), _mm512_extracti64x4_epi64::<1>(both));
        }
    });
}
