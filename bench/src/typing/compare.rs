//! Owns the comparison of what was typed with what the page holds, character by character (Unicode scalar values).
//!
//! Both are aligned so that as much as possible agrees in order; what is left over is told apart. Must never forgive: a text that is
//! not the same has at least one fault.

use serde::{Deserialize, Serialize};

/// The longest texts that are compared: their alignment takes twice the product of both in bytes, 32 MB here.
pub const MOST_CHARACTERS: usize = 4_000;

/// How a text compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Characters that were typed and must be there.
    pub typed: usize,
    /// Characters that are there.
    pub committed: usize,
    /// Typed, and nowhere to be found.
    pub missing: usize,
    /// There a second time, right beside the first.
    pub doubled: usize,
    /// There, but not where they were typed.
    pub out_of_order: usize,
    /// There, and never typed.
    pub foreign: usize,
}

impl Comparison {
    /// Compares. Texts beyond [`MOST_CHARACTERS`] are compared up to there, and the rest counts as missing or foreign.
    #[must_use]
    pub fn of(typed: &str, there: &str) -> Self {
        let (typed, there): (Vec<char>, Vec<char>) = (typed.chars().collect(), there.chars().collect());
        let cut = |text: &[char]| text.len().saturating_sub(MOST_CHARACTERS);
        let mut comparison = Self {
            typed: typed.len(),
            committed: there.len(),
            missing: cut(&typed),
            foreign: cut(&there),
            ..Self::default()
        };
        comparison.align(&typed[..typed.len() - cut(&typed)], &there[..there.len() - cut(&there)]);
        comparison
    }

    /// Everything that was typed is there, once and in order, and nothing else.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.faults() == 0 && self.typed == self.committed
    }

    /// Characters that are at fault.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.missing + self.doubled + self.out_of_order + self.foreign
    }

    /// The share of what was typed that is there, once and in order, less what is there too often: 1 only if it is exact.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let whole = crate::stats::count(self.typed.max(1));
        (1.0 - crate::stats::count(self.faults()) / whole).max(0.0)
    }

    fn align(&mut self, typed: &[char], there: &[char]) {
        let (mut lacking, extra) = differences(typed, there);
        let mut strange = Vec::new();
        for run in runs(&extra) {
            if is_double(there, run) {
                self.doubled += run.1;
            } else {
                strange.extend_from_slice(&there[run.0..run.0 + run.1]);
            }
        }
        for character in strange {
            // What lacks in one place and is in another has moved.
            match lacking.iter().position(|at| typed[*at] == character) {
                Some(found) => {
                    lacking.swap_remove(found);
                    self.out_of_order += 1;
                }
                None => self.foreign += 1,
            }
        }
        self.missing += lacking.len();
    }
}

/// Where the longest common subsequence leaves something over: places in `typed` that lack, places in `there` that are too many.
fn differences(typed: &[char], there: &[char]) -> (Vec<usize>, Vec<usize>) {
    let width = there.len() + 1;
    // `common[i * width + j]`: the longest of typed[i..] and there[j..].
    let mut common = vec![0_u16; (typed.len() + 1) * width];
    for i in (0..typed.len()).rev() {
        for j in (0..there.len()).rev() {
            common[i * width + j] = if typed[i] == there[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut lacking, mut extra) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while i < typed.len() && j < there.len() {
        if typed[i] == there[j] {
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            lacking.push(i);
            i += 1;
        } else {
            extra.push(j);
            j += 1;
        }
    }
    lacking.extend(i..typed.len());
    extra.extend(j..there.len());
    (lacking, extra)
}

/// Places that follow each other, as first place and length.
fn runs(places: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &place in places {
        match runs.last_mut() {
            Some((first, length)) if *first + *length == place => *length += 1,
            _ => runs.push((place, 1)),
        }
    }
    runs
}

/// Whether a run repeats what stands right before or after it. A run may be seen shifted (a second AB in ABAB is also a BA within):
/// it is moved back as far as it means the same.
fn is_double(there: &[char], (mut first, length): (usize, usize)) -> bool {
    while first > 0 && there[first - 1] == there[first + length - 1] {
        first -= 1;
    }
    let run = &there[first..first + length];
    let after = there.get(first + length..first + 2 * length);
    let before = first.checked_sub(length).map(|from| &there[from..first]);
    after == Some(run) || before == Some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(typed: &str, there: &str) -> (usize, usize, usize, usize) {
        let of = Comparison::of(typed, there);
        assert_eq!(of.is_exact(), typed == there);
        (of.missing, of.doubled, of.out_of_order, of.foreign)
    }

    const TEXT: &str = "住民票の写しを𠮷野家に👨‍👩‍👧‍👦と出す。3-A号室";

    #[test]
    fn the_same_text_has_no_fault() {
        assert_eq!(faults(TEXT, TEXT), (0, 0, 0, 0));
        assert_eq!(faults("", ""), (0, 0, 0, 0));
        assert!((Comparison::of(TEXT, TEXT).accuracy() - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_lacks_is_missing() {
        assert_eq!(faults(TEXT, &TEXT.replace("写し", "")), (2, 0, 0, 0));
        assert_eq!(faults(TEXT, ""), (TEXT.chars().count(), 0, 0, 0));
        // A joiner that was dropped is a character that lacks.
        assert_eq!(faults("👨\u{200d}👩", "👨👩"), (1, 0, 0, 0));
    }

    #[test]
    fn what_comes_twice_is_doubled_wherever_it_is_seen() {
        assert_eq!(faults(TEXT, &TEXT.replace("写し", "写し写し")), (0, 2, 0, 0));
        assert_eq!(faults("xABy", "xABABy"), (0, 2, 0, 0));
        assert_eq!(faults("あい", "あいい"), (0, 1, 0, 0));
        assert_eq!(faults("ああ", "あああ"), (0, 1, 0, 0));
    }

    #[test]
    fn what_is_elsewhere_is_out_of_order() {
        assert_eq!(faults("abcdef", "abdcef"), (0, 0, 1, 0));
        assert_eq!(faults("一二三四五", "二三四五一"), (0, 0, 1, 0));
    }

    #[test]
    fn what_nobody_typed_is_foreign() {
        assert_eq!(faults("abc", "abXc"), (0, 0, 0, 1));
        assert_eq!(faults("か\u{309a}", "が"), (2, 0, 0, 1));
    }

    #[test]
    fn faults_of_all_kinds_are_told_apart_in_one_text() {
        // 二 lacks, 四 is doubled, 六 and 七 changed places, X is foreign.
        assert_eq!(faults("一二三四五六七八", "一三四四五七六八X"), (1, 1, 1, 1));
    }

    #[test]
    fn a_page_that_repeats_without_end_costs_no_more_than_the_bound() {
        let there = "あ".repeat(3 * MOST_CHARACTERS);
        assert!(Comparison::of("あ", &there).faults() >= 2 * MOST_CHARACTERS);
    }
}
