//! The moment by which an answer must be given, so that Lambda never has to kill the function.
//!
//! Enters: Lambda's own deadline on the wall clock, or a time to live. Leaves: a [`Deadline`] on the monotonic clock,
//! a little earlier: what is left belongs to writing the answer and handing it over. Nothing fails.

use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Kind};

/// Kept back from the time there is, for the answer.
pub const SAFETY_MARGIN: Duration = Duration::from_millis(500);

/// No more than this part of the time is kept back, so that a function of one second still has most of it.
const MARGIN_PART: u32 = 5;

/// No function runs as long as this; a later deadline is a clock that went wrong, and would overflow `Instant`.
const LONGEST: Duration = Duration::from_hours(24);

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `killed_at` is when Lambda would kill the function.
    pub fn before(killed_at: SystemTime) -> Self {
        Self::within(killed_at.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Before `time` is over.
    pub fn within(time: Duration) -> Self {
        let time = time.min(LONGEST);
        Self(Instant::now() + time.saturating_sub(SAFETY_MARGIN.min(time / MARGIN_PART)))
    }

    /// The end of the first of `parts` equal parts of the time left, so that what hangs leaves some for the others.
    #[must_use]
    pub fn part(self, parts: u32) -> Self {
        Self(Instant::now() + self.remaining() / parts.max(1))
    }

    /// A moment before this one.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.checked_sub(by).unwrap_or(self.0))
    }

    /// Time left; zero once the deadline is over.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub fn is_over(self) -> bool {
        self.remaining().is_zero()
    }

    /// Whether an error is that of a call for which there was no time, or no time to be answered in.
    pub(crate) fn explains(self, error: &Error) -> bool {
        let is = |kind: Kind| error.name() == kind.name();
        is(Kind::DeadlineExceeded) || self.is_over() && (is(Kind::Unreachable) || is(Kind::OutcomeUnknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left right after the start, to the nearest millisecond or a few.
    fn left(deadline: Deadline, expected_ms: u64) {
        let remaining = deadline.remaining();
        let expected = Duration::from_millis(expected_ms);
        assert!(remaining <= expected && remaining + Duration::from_millis(100) > expected, "{remaining:?}");
    }

    #[test]
    fn the_margin_is_half_a_second_or_a_fifth() {
        left(Deadline::within(Duration::from_secs(30)), 29_500);
        left(Deadline::within(Duration::from_millis(2_500)), 2_000);
        left(Deadline::within(Duration::from_secs(1)), 800);
        left(Deadline::before(SystemTime::now() + Duration::from_mins(15)), 899_500);
    }

    #[test]
    fn parts_are_equal_and_the_last_one_is_the_rest() {
        let deadline = Deadline::within(Duration::from_millis(30_500));
        left(deadline.part(5), 6_000);
        left(deadline.part(1), 30_000);
        left(deadline.part(0), 30_000);
        assert!(Deadline::within(Duration::ZERO).part(5).is_over());
    }

    #[test]
    fn what_comes_after_the_call_has_its_time() {
        left(Deadline::within(Duration::from_secs(30)).earlier(Duration::from_secs(1)), 28_500);
    }

    #[test]
    fn a_deadline_comes() {
        let deadline = Deadline::within(Duration::from_millis(10));
        assert!(!deadline.is_over());
        std::thread::sleep(Duration::from_millis(9));
        assert!(deadline.is_over());
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_went_wrong_is_survived() {
        assert!(Deadline::before(SystemTime::UNIX_EPOCH).is_over());
        assert!(Deadline::within(Duration::ZERO).is_over());
        left(Deadline::within(Duration::MAX), 24 * 60 * 60 * 1_000 - 500);
        left(
            Deadline::before(SystemTime::UNIX_EPOCH + Duration::from_millis(u64::MAX / 2)),
            24 * 60 * 60 * 1_000 - 500,
        );
    }
}
