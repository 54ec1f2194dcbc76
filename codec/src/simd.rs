//! The kernel of the hot path, for several instruction sets: which pixels of two rows differ?
//!
//! Damage, motion and tiles are all built on its answer, one bit per pixel. Owns run-time dispatch, also for the only other
//! vector code, that of `video::colour`. It must never give another answer on another machine: every level is compared with
//! the scalar one in tests.

use crate::geometry::Pixel;

/// An instruction set that this machine has.
///
/// INVARIANT: a value other than `Scalar` exists only where the machine was asked for all that the set names and said yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

/// What kernels are written for. Only a [`Level`] proves that the machine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Scalar,
    /// SSSE3 and SSE4.1: every x86-64 since 2008.
    #[cfg(target_arch = "x86_64")]
    Sse41,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW and VNNI: Cascade Lake, Ice Lake, Zen 4 and later. The few machines with F alone take AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// Plain code, on every machine.
    pub const SCALAR: Self = Self(Set::Scalar);

    /// The fastest level of this machine.
    #[must_use]
    pub fn detect() -> Self {
        Self::all().last().unwrap_or(Self::SCALAR)
    }

    /// Every level of this machine, slowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        use std::arch::is_x86_feature_detected;
        #[cfg(target_arch = "x86_64")]
        let sets = [
            Some(Set::Scalar),
            (is_x86_feature_detected!("ssse3") && is_x86_feature_detected!("sse4.1")).then_some(Set::Sse41),
            is_x86_feature_detected!("avx2").then_some(Set::Avx2),
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni"))
            .then_some(Set::Avx512),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let sets = [Some(Set::Scalar)];
        sets.into_iter().flatten().map(Self)
    }

    /// A short name for reports: `scalar`, `sse4.1`, `avx2`, `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Set::Sse41 => "sse4.1",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// The set to choose a kernel by: the machine has it.
    #[inline]
    pub(crate) fn set(self) -> Set {
        self.0
    }

    /// Writes one bit per pixel, lowest bit first: 1 where `a` and `b` differ in blue, green or red.
    /// Bits past the last pixel are 0. `out` must have `a.len().div_ceil(64)` words; `b` must be as long as `a`.
    #[inline]
    pub(crate) fn differ(self, a: &[Pixel], b: &[Pixel], out: &mut [u64]) {
        assert!(a.len() == b.len() && out.len() == a.len().div_ceil(64), "rows of one length");
        match self.0 {
            Set::Scalar => scalar(a, b, out),
            #[cfg(target_arch = "x86_64")]
            Set::Sse41 => x86::sse2(a, b, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Level` of this set exists only where the machine reported AVX2 (see its invariant).
            #[expect(unsafe_code, reason = "run-time dispatch")]
            Set::Avx2 => unsafe { x86::avx2(a, b, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Level` of this set exists only where the machine reported AVX-512F (see its invariant).
            #[expect(unsafe_code, reason = "run-time dispatch")]
            Set::Avx512 => unsafe { x86::avx512(a, b, out) },
        }
    }
}

/// Blue, green and red of a pixel read as a little-endian number.
const COLOUR: u32 = 0x00ff_ffff;

/// The bits of up to 64 pixels.
fn word(a: &[Pixel], b: &[Pixel]) -> u64 {
    let mut bits = 0;
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let differs = (u32::from_le_bytes(*a) ^ u32::from_le_bytes(*b)) & COLOUR != 0;
        bits |= u64::from(differs) << i;
    }
    bits
}

fn scalar(a: &[Pixel], b: &[Pixel], out: &mut [u64]) {
    for ((a, b), out) in a.chunks(64).zip(b.chunks(64)).zip(out) {
        *out = word(a, b);
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector loads take pointers; each is made from an array reference of the loaded size")]
mod x86 {
    use super::{COLOUR, Pixel, word};
    use std::arch::x86_64::*;

    /// Full words by `lane`, which answers for `N` pixels, and the rest one pixel at a time.
    #[inline(always)]
    fn words<const N: usize>(
        a: &[Pixel],
        b: &[Pixel],
        out: &mut [u64],
        lane: impl Fn(&[Pixel; N], &[Pixel; N]) -> u64,
    ) {
        let (a, a_rest) = a.as_chunks::<64>();
        let (b, b_rest) = b.as_chunks::<64>();
        for ((a, b), out) in a.iter().zip(b).zip(out.iter_mut()) {
            let mut bits = 0;
            for (i, (a, b)) in a.as_chunks::<N>().0.iter().zip(b.as_chunks::<N>().0).enumerate() {
                bits |= lane(a, b) << (i * N);
            }
            *out = bits;
        }
        if let (Some(last), false) = (out.get_mut(a.len()), a_rest.is_empty()) {
            let (a, a_few) = a_rest.as_chunks::<N>();
            let (b, b_few) = b_rest.as_chunks::<N>();
            let mut bits = 0;
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                bits |= lane(a, b) << (i * N);
            }
            if !a_few.is_empty() {
                bits |= word(a_few, b_few) << (a.len() * N);
            }
            *last = bits;
        }
    }

    pub(super) fn sse2(a: &[Pixel], b: &[Pixel], out: &mut [u64]) {
        words::<4>(a, b, out, |a, b| {
            // SAFETY: both references cover the 16 bytes that are loaded; SSE2 is part of every x86-64.
            unsafe {
                let a = _mm_loadu_si128(a.as_ptr().cast());
                let b = _mm_loadu_si128(b.as_ptr().cast());
                let colour = _mm_and_si128(_mm_xor_si128(a, b), _mm_set1_epi32(COLOUR as i32));
                let same = _mm_cmpeq_epi32(colour, _mm_setzero_si128());
                u64::from(_mm_movemask_ps(_mm_castsi128_ps(same)) as u32 ^ 0xf)
            }
        });
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(a: &[Pixel], b: &[Pixel], out: &mut [u64]) {
        words::<8>(a, b, out, |a, b| {
            // SAFETY: both references cover the 32 bytes that are loaded.
            let (a, b) = unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
            let colour = _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_set1_epi32(COLOUR as i32));
            let same = _mm256_cmpeq_epi32(colour, _mm256_setzero_si256());
            u64::from(_mm256_movemask_ps(_mm256_castsi256_ps(same)) as u32 ^ 0xff)
        });
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512(a: &[Pixel], b: &[Pixel], out: &mut [u64]) {
        words::<16>(a, b, out, |a, b| {
            // SAFETY: both references cover the 64 bytes that are loaded.
            let (a, b) = unsafe { (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast())) };
            u64::from(_mm512_test_epi32_mask(_mm512_xor_si512(a, b), _mm512_set1_epi32(COLOUR as i32)))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_level_gives_the_same_bits(
            seed in proptest::collection::vec(any::<(u8, bool, u8)>(), 0..300),
        ) {
            let a: Vec<Pixel> = seed.iter().map(|s| [s.0, s.0 / 2, 7, s.2]).collect();
            let b: Vec<Pixel> = seed
                .iter()
                .map(|s| if s.1 { [s.0, s.0 / 2, 7, 255] } else { [s.0, s.0 / 2, s.2, 0] })
                .collect();
            let words = a.len().div_ceil(64);
            let mut expected = vec![0; words];
            scalar(&a, &b, &mut expected);
            for level in Level::all() {
                let mut got = vec![u64::MAX; words];
                level.differ(&a, &b, &mut got);
                prop_assert_eq!(&got, &expected, "{}", level.name());
            }
        }
    }
}
