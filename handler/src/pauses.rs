//! Pauses before something is tried once more.
//!
//! Enters: how long the first one is, and the longest. Leaves: pauses that double, of each of which chance takes up to a
//! half away, so that those who met once do not meet again. Nothing fails.

use std::time::Duration;

use crate::deadline::Deadline;

/// The pauses of one who tries again and again.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// The next one, before chance.
    next: Duration,
    longest: Duration,
}

impl Pauses {
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// How long to wait this time.
    pub fn draw(&mut self) -> Duration {
        let pause = self.next.mul_f32(fastrand::f32().mul_add(0.5, 0.5));
        self.next = self.next.saturating_mul(2).min(self.longest);
        pause
    }

    /// Waits, never past the deadline.
    pub async fn wait(&mut self, deadline: Deadline) {
        tokio::time::sleep(self.draw().min(deadline.remaining())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end_and_no_two_are_alike() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut pauses = Pauses::new(first, longest);
        let taken: Vec<_> = (0..100).map(|_| pauses.draw()).collect();
        for (at, pause) in (0..).zip(&taken) {
            let most = (first * (1 << at.min(6))).min(longest);
            assert!((most / 2..=most).contains(pause), "{pause:?} at {at}");
        }
        let last = &taken[50..];
        assert!(last.iter().any(|pause| pause != &last[0]));
    }
}
