//! What was counted in the last minute, as far as somebody looks: rates need two moments.
//!
//! A page that is looked at notes the counts; the next one tells what came since. Nothing runs while nobody looks.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::figures::Spread;

/// How far back rates go.
const WINDOW: Duration = Duration::from_secs(60);
/// Moments that are nearer to each other than this count as one.
const STEP: Duration = Duration::from_millis(900);

/// The counts of a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Requests, but those of probes and pages.
    pub requests: f64,
    /// Those of them that the service failed.
    pub failed: f64,
    /// Requests for recommendations.
    pub slates: f64,
    /// Events on disk.
    pub events: f64,
    /// How long the requests took.
    pub seconds: Spread,
}

/// What came between two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Lately {
    /// How long that was.
    pub time: Duration,
    /// What came.
    pub counts: Counts,
    /// Requests a second between one moment and the next, oldest first.
    pub pace: Vec<f64>,
}

/// The moments of the last minute, oldest first.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<(Instant, Counts)>>);

impl Recent {
    /// Notes the counts of a moment, and tells what came within the last minute; `None` if nobody looked before.
    pub fn note(&self, now: Instant, counts: &Counts) -> Option<Lately> {
        let mut moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        moments.retain(|(at, _)| now.duration_since(*at) <= WINDOW);
        if moments.back().is_none_or(|(at, _)| now.duration_since(*at) >= STEP) {
            moments.push_back((now, counts.clone()));
        }
        let (first, before) = moments.front().filter(|(at, _)| now.duration_since(*at) >= STEP)?;
        let pairs = moments.iter().zip(moments.iter().skip(1));
        let pace = pairs.map(|((from, before), (to, after))| {
            (after.requests - before.requests) / to.duration_since(*from).as_secs_f64()
        });
        Some(Lately { time: now.duration_since(*first), counts: counts.since(before), pace: pace.collect() })
    }
}

impl Counts {
    fn since(&self, before: &Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            failed: self.failed - before.failed,
            slates: self.slates - before.slates,
            events: self.events - before.events,
            seconds: self.seconds.since(&before.seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let (recent, start) = (Recent::default(), Instant::now());
        let note = |second: u64, requests: f64| {
            recent.note(start + Duration::from_secs(second), &Counts { requests, ..Counts::default() })
        };
        assert_eq!(note(0, 10.0), None);
        assert_eq!(note(0, 11.0), None, "no time has passed");
        let lately = note(2, 30.0).expect("two moments");
        assert_eq!((lately.time.as_secs(), lately.counts.requests, lately.pace), (2, 20.0, vec![10.0]));
        let lately = note(61, 89.0).expect("the second moment is in the minute");
        assert_eq!((lately.time.as_secs(), lately.counts.requests, lately.pace), (59, 59.0, vec![1.0]));
        assert_eq!(note(200, 100.0), None, "nobody looked for long");
    }
}
