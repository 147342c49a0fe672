//! Targets that gave no answer a short while ago, so that a dead Region does not cost a timeout on every read.
//!
//! Enters: which target of which service gave no answer, or gave one. Leaves: what is known of a target. Nothing
//! fails. It is this process's memory alone: bounded, and gone with it.
//!
//! A server's fault that came at once is not remembered: it costs no time, and the next call may be answered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::custom_endpoint::CustomEndpoint;
use crate::region::Region;

/// How long a target is tried last.
pub const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Targets remembered at most.
const KEPT: usize = 64;

/// A target as all calls of one service know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub service: &'static str,
    pub region: Region,
    pub endpoint: Option<CustomEndpoint>,
}

/// What a target did instead of answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Name of the error.
    pub error: String,
    pub since: SystemTime,
}

/// The silent targets of the last minute.
#[derive(Debug, Default)]
pub struct Remembered(Mutex<HashMap<Place, Silence>>);

impl Remembered {
    pub fn keep(&self, place: Place, silence: Silence) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.retain(|_, known| is_fresh(known, silence.since));
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(place, silence);
    }

    pub fn forget(&self, place: &Place) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }

    pub fn find(&self, place: &Place, now: SystemTime) -> Option<Silence> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(place).filter(|silence| is_fresh(silence, now)).cloned()
    }
}

/// By the wall clock: while Lambda freezes a process, the monotonic one may stand still. A clock that was set back
/// makes everything old.
fn is_fresh(silence: &Silence, now: SystemTime) -> bool {
    now.duration_since(silence.since).is_ok_and(|age| age < REMEMBERED_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::tests::regions;

    fn place(service: &'static str) -> Place {
        Place { service, region: regions().parse("us-west-2").unwrap(), endpoint: None }
    }

    fn silence(since: SystemTime) -> Silence {
        Silence { error: "CrossRegion.Unreachable".to_owned(), since }
    }

    #[test]
    fn a_target_is_remembered_for_a_short_while() {
        let (remembered, now) = (Remembered::default(), SystemTime::now());
        remembered.keep(place("s3"), silence(now));
        assert_eq!(remembered.find(&place("s3"), now), Some(silence(now)));
        assert!(remembered.find(&place("s3"), now + Duration::from_secs(59)).is_some());
        assert_eq!(remembered.find(&place("s3"), now + REMEMBERED_FOR), None);
        assert_eq!(remembered.find(&place("s3"), now - Duration::from_secs(1)), None, "a clock set back");
        assert_eq!(remembered.find(&place("sqs"), now), None, "each service for itself");
        remembered.forget(&place("s3"));
        assert_eq!(remembered.find(&place("s3"), now), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (remembered, now) = (Remembered::default(), SystemTime::now());
        for port in 1..1_000 {
            let endpoint = CustomEndpoint::parse(&format!("http://127.0.0.1:{port}")).ok();
            remembered.keep(Place { endpoint, ..place("s3") }, silence(now));
        }
        assert!(remembered.0.lock().unwrap().len() <= KEPT);
    }
}
