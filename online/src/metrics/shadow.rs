//! The metrics of the version that answers beside the champion.

use std::collections::HashSet;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntGaugeVec, Opts, Registry};

use super::{SECONDS, counters_of, register};

/// What became of a slate that a challenger was to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shadowed {
    /// It answered.
    Answered,
    /// It can't be asked so: it lacks what the query names.
    Refused,
    /// The version is the one that is served.
    SameVersion,
    /// Too many waited, or somebody was erased meanwhile.
    Dropped,
    /// The alias names no version that can be loaded.
    NoVersion,
}

impl Shadowed {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Answered, "answered"),
        (Self::Refused, "refused"),
        (Self::SameVersion, "same_version"),
        (Self::Dropped, "dropped"),
        (Self::NoVersion, "no_version"),
    ];
}

/// The metrics of the version that answers beside the champion.
pub struct ShadowMetrics {
    slates: [IntCounter; Shadowed::ALL.len()],
    overlap: HistogramVec,
    info: IntGaugeVec,
    /// Versions that could not be loaded, each time that it was tried.
    pub failures: IntCounter,
    /// How long its slates take.
    pub seconds: Histogram,
    /// What scenarios name and it does not have, by scenario.
    pub scenario_lacks: IntGaugeVec,
}

impl ShadowMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauges =
            |name: &str, help: &str, label: &str| register(registry, IntGaugeVec::new(Opts::new(name, help), &[label]));
        let tenths = (0..=10).map(|tenth| f64::from(tenth) / 10.0).collect();
        let overlap = HistogramOpts::new(
            "tandem_shadow_overlap",
            "Share of the items of a served slate that the shadow's slate has as well",
        );
        let seconds = HistogramOpts::new("tandem_shadow_duration_seconds", "Duration of a slate of the shadow");
        let slates = counters_of(
            registry,
            "tandem_shadow_slates_total",
            "Slates that the shadow was to be asked for",
            "outcome",
            &Shadowed::ALL.map(|(_, outcome)| outcome),
        );
        Self {
            slates: Shadowed::ALL.map(|(_, outcome)| slates.with_label_values(&[outcome])),
            overlap: register(registry, HistogramVec::new(overlap.buckets(tenths), &["version"])),
            info: gauges("tandem_shadow_info", "1 for the version that answers beside the served one", "version"),
            failures: register(
                registry,
                IntCounter::new("tandem_shadow_failures_total", "Versions of the shadow that could not be loaded"),
            ),
            seconds: register(registry, Histogram::with_opts(seconds.buckets(SECONDS.to_vec()))),
            scenario_lacks: gauges(
                "tandem_shadow_scenario_lacks",
                "What a scenario names and the shadow's version does not have",
                "scenario",
            ),
        }
    }

    /// Counts a slate.
    pub fn count(&self, how: Shadowed) {
        self.slates[how as usize].inc();
    }

    /// Notes how much two slates have in common; nothing of an empty one.
    pub fn compare(&self, version: &str, served: &HashSet<String>, own: &HashSet<String>) {
        if !served.is_empty() {
            let share = served.intersection(own).count() as f64 / served.len() as f64;
            self.overlap.with_label_values(&[version]).observe(share);
        }
    }

    /// Begins the series of a version, and ends those of others.
    pub fn begin_version(&self, version: &str) {
        self.end_version();
        self.info.with_label_values(&[version]).set(1);
        let _begun = self.overlap.with_label_values(&[version]);
    }

    /// Ends the series of all versions.
    pub fn end_version(&self) {
        self.info.reset();
        self.overlap.reset();
        self.scenario_lacks.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_in_the_order_of_their_counters() {
        for (at, (how, _)) in Shadowed::ALL.into_iter().enumerate() {
            assert_eq!(how as usize, at);
        }
    }

    #[test]
    fn a_version_has_series_until_another_answers() {
        let metrics = ShadowMetrics::new(&Registry::new());
        let [served, own] = [["a", "b", "c", "d"], ["d", "x", "a", "y"]].map(|ids| ids.map(str::to_owned).into());
        metrics.begin_version("v1");
        metrics.compare("v1", &served, &own);
        metrics.compare("v1", &HashSet::new(), &own);
        let of = |version: &str| metrics.overlap.with_label_values(&[version]);
        assert_eq!((of("v1").get_sample_count(), of("v1").get_sample_sum()), (1, 0.5));
        metrics.begin_version("v2");
        assert_eq!((of("v1").get_sample_count(), metrics.info.with_label_values(&["v2"]).get()), (0, 1));
    }
}
