//! Sets of numbers, kept as ranges.
//!
//! Owns nothing but the set. Whoever adds what a stranger says must bound how many ranges there are: [`Ranges::count`].

use alloc::collections::BTreeMap;

/// Numbers, as ranges that neither overlap nor touch: where each begins, and where it ends (not included).
#[derive(Debug, Default, Clone)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds the numbers from `start` to `end` (not included).
    pub(super) fn insert(&mut self, mut start: u64, mut end: u64) {
        if end <= start {
            return;
        }
        // Those that begin at or before its end and reach its beginning become one with it.
        while let Some((&first, &last)) = self.0.range(..=end).next_back().filter(|(_, last)| start <= **last) {
            self.0.remove(&first);
            (start, end) = (start.min(first), end.max(last));
        }
        self.0.insert(start, end);
    }

    /// Takes the numbers from `start` to `end` (not included) out.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        if end <= start {
            return;
        }
        while let Some((&first, &last)) = self.0.range(..end).next_back().filter(|(_, last)| start < **last) {
            self.0.remove(&first);
            if first < start {
                self.0.insert(first, start);
            }
            if end < last {
                self.0.insert(end, last);
            }
        }
    }

    /// Whether this range would grow one that is there, and make none of its own.
    pub(super) fn touches(&self, start: u64, end: u64) -> bool {
        self.0.range(..=end).next_back().is_some_and(|(_, last)| start <= *last)
    }

    /// The lowest range.
    pub(super) fn first(&self) -> Option<(u64, u64)> {
        self.0.first_key_value().map(|(first, last)| (*first, *last))
    }

    /// Forgets the lowest range.
    pub(super) fn forget_first(&mut self) {
        self.0.pop_first();
    }

    /// How many ranges there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The ranges, highest first.
    pub(super) fn down(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().rev().map(|(first, last)| (*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    extern crate std;

    #[test]
    fn nothing_taken_out_of_a_range_leaves_it_whole() {
        let mut ranges = Ranges::default();
        ranges.insert(3, 8);
        ranges.remove(5, 5);
        assert_eq!((ranges.count(), ranges.first()), (1, Some((3, 8))));
    }

    proptest! {
        #[test]
        fn ranges_are_the_set_of_their_numbers_and_never_touch(
            changes in proptest::collection::vec((any::<bool>(), 0_u64..64, 0_u64..12), 0..40)
        ) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (adds, start, length) in changes {
                if adds {
                    ranges.insert(start, start + length);
                    set.extend(start..start + length);
                } else {
                    ranges.remove(start, start + length);
                    (start..start + length).for_each(|number| { set.remove(&number); });
                }
                let all: Vec<_> = ranges.0.iter().map(|(first, last)| (*first, *last)).collect();
                prop_assert!(all.windows(2).all(|two| two[0].1 < two[1].0));
                let numbers: BTreeSet<_> = all.into_iter().flat_map(|(first, last)| first..last).collect();
                prop_assert_eq!(&numbers, &set);
            }
        }
    }
}
