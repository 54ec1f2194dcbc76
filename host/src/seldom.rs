//! Log lines that a stranger can cause as often as he likes: so many in a while, and no more.
//!
//! Owns the count of one kind of line. An administrator sees what happens and how often it did; a flood does not fill the disk,
//! nor hide what else the log says. It must never keep anything of a line that was left out but that there was one.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::limits;

/// One kind of line.
#[derive(Debug)]
pub struct Seldom {
    most: u32,
    count: Mutex<Count>,
}

#[derive(Debug)]
struct Count {
    /// When the first of the present lines was written.
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Seldom {
    /// So many lines within [`limits::SELDOM`].
    pub const fn new(most: u32) -> Self {
        Self { most, count: Mutex::new(Count { since: None, written: 0, left_out: 0 }) }
    }

    /// Writes a line, unless there were enough of them. It is given how many were left out since the one before, if any were.
    pub fn tell(&self, line: impl FnOnce(Option<u64>)) {
        if let Some(left_out) = self.turn(Instant::now()) {
            line((left_out > 0).then_some(left_out));
        }
    }

    /// Counts a line; `Some`: it is to be written, and so many were left out before it.
    fn turn(&self, now: Instant) -> Option<u64> {
        // Each change of it is whole, whatever happens to who makes it.
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if count.since.is_none_or(|since| now.duration_since(since) >= limits::SELDOM) {
            (count.since, count.written) = (Some(now), 0);
        }
        if count.written >= self.most {
            count.left_out += 1;
            return None;
        }
        count.written += 1;
        Some(std::mem::take(&mut count.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_lines_are_written_in_a_while_and_the_next_one_says_how_many_were_left_out() {
        let (seldom, begun) = (Seldom::new(2), Instant::now());
        let turns = |now, times| (0..times).map(|_| seldom.turn(now)).collect::<Vec<_>>();
        assert_eq!(turns(begun, 5), [Some(0), Some(0), None, None, None]);
        assert_eq!(turns(begun + limits::SELDOM - Duration::from_millis(1), 1), [None]);
        assert_eq!(turns(begun + limits::SELDOM, 3), [Some(4), Some(0), None]);
        assert_eq!(turns(begun + limits::SELDOM * 9, 1), [Some(1)]);
    }

    #[test]
    fn a_line_is_told_how_many_were_left_out_only_where_there_were_some() {
        let seldom = Seldom::new(1);
        let mut told = Vec::new();
        seldom.tell(|left_out| told.push(left_out));
        seldom.tell(|left_out| told.push(left_out));
        assert_eq!(told, [None]);
    }
}
