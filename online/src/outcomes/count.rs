//! Puts what users do down to slates, and counts it: by source, position, version and scenario.
//!
//! An item that several sources proposed counts for each of them. Of an item of a slate each outcome counts once.

use std::sync::Arc;

use shared::contract::event::Event;
use shared::contract::id::UserId;
use shared::contract::impression::Impression;
use shared::contract::slate_log::LoggedSlate;
use shared::engine::attribution::{Attribution, Due, Outcome, Settings, Shown};

use super::sample::Sample;
use crate::metrics::{Counted, Metrics, Unattributed};

/// The slates that are remembered, and the counters.
pub struct Counting {
    attribution: Attribution,
    shown: Shown,
    sample: Sample,
    metrics: Arc<Metrics>,
    versions: Versions,
}

/// The versions that have series of their own: the last that came, and the one before.
#[derive(Debug, Default)]
struct Versions([Option<Box<str>>; 2]);

impl Versions {
    /// Takes up a version that has none; returns the one that has to leave for it. While two are swapped both serve, so
    /// that only a third one changes anything.
    fn begin(&mut self, version: &str) -> Option<Box<str>> {
        let left = self.0[1].take();
        self.0[1] = self.0[0].replace(version.into());
        left
    }

    fn has(&self, version: &str) -> bool {
        self.0.iter().flatten().any(|own| **own == *version)
    }
}

impl Counting {
    /// Begins without slates.
    ///
    /// * `sample`: whose slates come.
    /// * `scenarios`: the names of all scenarios.
    pub fn new(settings: Settings, sample: Sample, scenarios: &[String], metrics: Arc<Metrics>) -> Self {
        metrics.slates.begin_scenarios(scenarios);
        let (attribution, shown) = (Attribution::new(settings), settings.shown);
        Self { attribution, shown, sample, metrics, versions: Versions::default() }
    }

    /// A slate was served.
    pub fn served(&mut self, slate: LoggedSlate) {
        if !self.versions.has(&slate.version) {
            if let Some(left) = self.versions.begin(&slate.version) {
                self.metrics.slates.end_version(&left);
            }
            self.metrics.slates.begin_version(&slate.version);
        }
        // What is over leaves first, so that only what has to leave too early is counted below.
        self.attribution.settle(slate.timestamp_ms);
        if self.shown == Shown::Served {
            let positions: Vec<usize> = (0..slate.items.len()).collect();
            count(&self.metrics, &self.versions, Counted::Shown, &slate, &positions);
        }
        let left = self.attribution.served(slate).len();
        self.metrics.slates.slates_forgotten.inc_by(left as u64);
        self.metrics.slates.remembered.set(self.attribution.items() as i64);
    }

    /// Items were seen, which counts where impressions say what was shown.
    pub fn shown(&mut self, impression: &Impression) {
        match self.attribution.shown(impression) {
            Some(shown) => count(&self.metrics, &self.versions, Counted::Shown, shown.slate, &shown.positions),
            None if self.shown == Shown::Reported => {
                self.metrics.slates.count_unattributed(Counted::Shown, Unattributed::UnknownSlate);
            }
            None => {}
        }
    }

    /// A user did something.
    pub fn happened(&mut self, event: &Event) {
        let Some(outcome) = Outcome::of(&event.kind).map(Counted::from) else { return };
        let unattributed = |reason| self.metrics.slates.count_unattributed(outcome, reason);
        match self.attribution.happened(event) {
            Due::Touch(touch) => {
                let at = [touch.position];
                if touch.is_first_shown {
                    count(&self.metrics, &self.versions, Counted::Shown, touch.slate, &at);
                }
                count(&self.metrics, &self.versions, outcome, touch.slate, &at);
            }
            Due::Nothing => unattributed(Unattributed::NoSlate),
            Due::Unknown if self.sample.has(&event.user) => unattributed(Unattributed::UnknownSlate),
            // Most likely a slate of somebody outside the sample.
            Due::Unknown => {}
            Due::Again | Due::NoOutcome => {}
        }
    }

    /// Somebody is erased.
    pub fn forget(&mut self, user: &UserId) {
        self.attribution.forget(user);
        self.metrics.slates.remembered.set(self.attribution.items() as i64);
    }
}

/// Counts items of a slate.
fn count(metrics: &Metrics, versions: &Versions, what: Counted, slate: &LoggedSlate, positions: &[usize]) {
    let counters = &metrics.slates;
    for &position in positions {
        counters.count_item(what, position, slate.items[position].sources.iter().map(|source| &**source));
    }
    let version = if versions.has(&slate.version) { &*slate.version } else { OTHER };
    counters.count_version(what, version, positions.len());
    counters.count_scenario(what, slate.scenario.as_deref(), positions.len());
}

/// The label of versions that have no series of their own.
const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_versions_have_series_of_their_own_also_while_they_are_swapped() {
        let mut versions = Versions::default();
        let mut left = Vec::new();
        for version in ["v1", "v2", "v1", "v2", "v3", "v2", "v1"] {
            if !versions.has(version) {
                left.extend(versions.begin(version).map(|left| (left.into_string(), version)));
            }
        }
        assert_eq!(left, [("v1".to_owned(), "v3"), ("v2".to_owned(), "v1")]);
        assert!(versions.has("v1") && versions.has("v3") && !versions.has("v2"));
    }
}
