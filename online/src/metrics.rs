//! The registry of all metrics of the service: names, labels, buckets.
//!
//! Recording costs some tens of nanoseconds. A label has few values: never a user or an item. If a request counts
//! something for each value of a label, the counters are looked up once, when the registry is made.

mod doors;
mod models;
mod objects;
mod shadow;
mod slates;
mod stages;

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use shared::contract::source::Source;

pub use doors::DoorMetrics;
pub use models::ModelMetrics;
pub use objects::ObjectMetrics;
pub use shadow::{ShadowMetrics, Shadowed};
pub use slates::{Counted, SlateMetrics, Unattributed};
pub use stages::{StageMetrics, Timed};

/// Bucket bounds of durations, in seconds.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Bucket bounds of scores: a blend is a weighted sum of shares from 0 to 1.
const SCORES: [f64; 12] = [0.0, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0];

/// The outcome of a recommendation request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The slate depends on the user or the page.
    Personal,
    /// Nothing is known of the user.
    NonPersonal,
    /// The store did not answer, or the deadline was near; the slate is non-personal.
    Fallback,
    /// The query was refused.
    BadRequest,
}

impl Outcome {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Personal, "personal"),
        (Self::NonPersonal, "non_personal"),
        (Self::Fallback, "fallback"),
        (Self::BadRequest, "bad_request"),
    ];
}

/// The registry and its metrics.
pub struct Metrics {
    registry: Registry,
    /// 1 if requests should be sent here, 0 while the service is stopping, or has nothing to serve yet.
    pub ready: IntGauge,
    /// Requests by route, method and status.
    pub http_requests: IntCounterVec,
    /// Duration of requests by route, method and status.
    pub http_seconds: HistogramVec,
    /// Requests being answered.
    pub http_in_flight: IntGauge,
    /// Connections and keys.
    pub doors: DoorMetrics,
    /// Requests that were not let in, by reason.
    pub http_refused: IntCounterVec,
    outcomes: [IntCounter; Outcome::ALL.len()],
    candidates: [IntCounter; Source::COUNT],
    /// Scores of recommended items.
    pub slate_score: Histogram,
    /// Duration of store calls by operation.
    pub store_seconds: HistogramVec,
    /// The store read of a recommendation.
    pub store_read_seconds: Histogram,
    /// Failed store calls by operation.
    pub store_errors: IntCounterVec,
    /// Values of the store that can't be read, by their kind.
    pub store_unreadable: IntCounterVec,
    /// Histories rebuilt from the log because they could not be read.
    pub histories_rebuilt: IntCounter,
    /// 1 if the last store call succeeded, else 0.
    pub store_up: IntGauge,
    /// Links to the store whose breaker is open, by what they are for: reads or writes.
    pub store_breaker_open: IntGaugeVec,
    /// Slates made without the user's state, or without the engine's time, by reason.
    pub fallbacks: IntCounterVec,
    /// Slates that were to be remembered, by what became of that.
    pub slates_remembered: IntCounterVec,
    /// What scenarios name and the served version does not have, by scenario.
    pub scenario_lacks: IntGaugeVec,
    snapshot_info: IntGaugeVec,
    /// When the served snapshot was built, seconds since the epoch.
    snapshot_built: IntGauge,
    snapshot_age: IntGauge,
    /// Versions swapped in since the start.
    pub swaps: IntCounter,
    /// Versions that could not be loaded.
    pub swap_failures: IntCounter,
    /// Events durable in the log.
    pub events_accepted: IntCounter,
    /// The same by their kind.
    pub events_by_kind: IntCounterVec,
    /// Impressions durable in the log.
    pub impressions_accepted: IntCounter,
    /// Events and impressions refused, by reason.
    pub events_refused: IntCounterVec,
    /// Messages of other systems' clients that are no events of ours, by reason.
    pub messages_ignored: IntCounterVec,
    /// Events acknowledged before the store had them.
    pub events_deferred: IntCounter,
    /// Users erased, each time anew.
    pub users_erased: IntCounter,
    /// Merges of users' pasts and their undos, each time anew.
    pub users_merged: IntCounter,
    /// Changes of items that are on disk.
    pub item_changes: IntCounter,
    /// What was said of users and is on disk.
    pub user_changes: IntCounter,
    /// Items of which something was said that not every version has.
    pub items_changed: IntGauge,
    /// How long it takes to make a snapshot with them.
    pub catalogue_patch_seconds: Histogram,
    /// Events applied again from the log, after a start or a lost store.
    pub events_reapplied: IntCounter,
    /// Lines of the log that can't be read.
    pub log_bad_lines: IntCounter,
    /// Duration of one append with its sync.
    pub log_append_seconds: Histogram,
    /// Traces that did not reach the collector.
    pub traces_dropped: IntCounter,
    /// The stages of requests for recommendations.
    pub stages: StageMetrics,
    /// What becomes of slates.
    pub slates: SlateMetrics,
    /// The version that answers beside the champion.
    pub shadow: ShadowMetrics,
    /// Those of models of rows.
    pub models: ModelMetrics,
    /// The object store that artifacts come from.
    pub artifact_objects: Arc<ObjectMetrics>,
    /// The object store that the event log is shipped to.
    pub event_objects: Arc<ObjectMetrics>,
    /// The object store that the slate log is shipped to.
    pub slate_objects: Arc<ObjectMetrics>,
}

/// Registers a metric; names are distinct constants of this file.
fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: Result<C, prometheus::Error>) -> C {
    let metric = metric.expect("names, labels and buckets are valid constants");
    registry.register(Box::new(metric.clone())).expect("names are distinct constants");
    metric
}

/// Registers counters whose series are there from the start, so that the first increase of each is seen as one.
fn counters_of(registry: &Registry, name: &str, help: &str, label: &str, values: &[&str]) -> IntCounterVec {
    let counters = register(registry, IntCounterVec::new(Opts::new(name, help), &[label]));
    values.iter().for_each(|value| drop(counters.with_label_values(&[*value])));
    counters
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let r = &registry;
        let counter = |name, help| register(r, IntCounter::new(name, help));
        let counters = |name, help, labels: &[&str]| register(r, IntCounterVec::new(Opts::new(name, help), labels));
        let gauge = |name, help| register(r, IntGauge::new(name, help));
        let seconds =
            |name, help| register(r, Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec())));
        let seconds_by = |name, help, labels: &[&str]| {
            register(r, HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels))
        };
        let counters_of = |name, help, label, values: &[&str]| counters_of(r, name, help, label, values);
        let [artifact_objects, event_objects, slate_objects] = objects::of(r);
        let http = ["route", "method", "status"];
        let outcomes = counters("recommendation_requests_total", "Recommendation requests by outcome", &["outcome"]);
        let candidates = counters("tandem_candidates_total", "Candidates proposed by source", &["source"]);
        let store_seconds =
            seconds_by("tandem_store_duration_seconds", "Duration of store calls by operation", &["operation"]);
        let scores = HistogramOpts::new("tandem_slate_score", "Scores of recommended items").buckets(SCORES.to_vec());
        let metrics = Self {
            ready: gauge("tandem_ready", "Whether requests should be sent here: 1 or 0"),
            http_requests: counters("http_requests_total", "Requests by route, method and status", &http),
            http_seconds: seconds_by(
                "http_request_duration_seconds",
                "Duration of requests by route, method and status",
                &http,
            ),
            http_in_flight: gauge("http_requests_in_flight", "Requests being answered"),
            doors: DoorMetrics::of(r),
            http_refused: counters_of(
                "http_requests_shed_total",
                "Requests refused because of overload",
                "reason",
                &["wait", "in_flight"],
            ),
            outcomes: Outcome::ALL.map(|(_, name)| outcomes.with_label_values(&[name])),
            candidates: Source::ALL.map(|source| candidates.with_label_values(&[source.as_str()])),
            slate_score: register(r, Histogram::with_opts(scores)),
            store_read_seconds: store_seconds.with_label_values(&["read"]),
            store_seconds,
            store_errors: counters("tandem_store_errors_total", "Failed store calls by operation", &["operation"]),
            store_unreadable: counters(
                "tandem_store_unreadable_total",
                "Values of the store that can't be read: history, record, served, mark or rows",
                &["value"],
            ),
            histories_rebuilt: counter(
                "tandem_histories_rebuilt_total",
                "Histories made anew from the event log because they could not be read",
            ),
            store_up: gauge("tandem_store_up", "Whether the store answers: 1 or 0"),
            store_breaker_open: register(
                r,
                IntGaugeVec::new(
                    Opts::new(
                        "tandem_store_breaker_open",
                        "Links to the store whose calls fail at once, by what they do",
                    ),
                    &["link"],
                ),
            ),
            fallbacks: counters_of(
                "tandem_fallbacks_total",
                "Slates that are not what they would be in time, by reason",
                "reason",
                &["away", "timeout", "answer", "deadline"],
            ),
            slates_remembered: counters_of(
                "tandem_slates_remembered_total",
                "Slates of feeds that were to be remembered: kept, or failed and answered without a cursor",
                "outcome",
                &["kept", "failed"],
            ),
            scenario_lacks: register(
                r,
                IntGaugeVec::new(
                    Opts::new("tandem_scenario_lacks", "What a scenario names and the served version does not have"),
                    &["scenario"],
                ),
            ),
            snapshot_info: register(
                r,
                IntGaugeVec::new(Opts::new("tandem_snapshot_info", "1 for the served version"), &["version"]),
            ),
            snapshot_built: gauge("tandem_snapshot_built_timestamp_seconds", "When the served version was built"),
            snapshot_age: gauge("tandem_snapshot_age_seconds", "Age of the served version"),
            swaps: counter("tandem_snapshot_swaps_total", "Versions swapped in since the start"),
            swap_failures: counter("tandem_snapshot_swap_failures_total", "Versions that could not be loaded"),
            events_accepted: counter("tandem_events_accepted_total", "Events durable in the event log"),
            events_by_kind: counters(
                "tandem_events_by_kind_total",
                "Events durable in the event log by their kind",
                &["kind"],
            ),
            impressions_accepted: counter("tandem_impressions_accepted_total", "Impressions durable in the event log"),
            events_refused: counters_of(
                "tandem_events_refused_total",
                "Events and impressions refused by reason",
                "reason",
                &["no_room", "log", "queue_full", "invalid"],
            ),
            messages_ignored: counters_of(
                "tandem_messages_ignored_total",
                "Messages of other systems' clients, or products of them, that are no events, by reason",
                "reason",
                &["type", "event", "user", "product", "timestamp", "kind", "id"],
            ),
            events_deferred: counter(
                "tandem_events_deferred_total",
                "Events acknowledged with 202, before the store had them",
            ),
            users_erased: counter("tandem_users_erased_total", "Erasures of users that are on disk"),
            users_merged: counter(
                "tandem_users_merged_total",
                "Merges of users' pasts, and undos of them, that are on disk",
            ),
            item_changes: counter("tandem_item_changes_total", "Changes of items that are on disk"),
            user_changes: counter("tandem_user_changes_total", "Changes of what is known of users that are on disk"),
            items_changed: gauge(
                "tandem_items_changed",
                "Items of which something was said that is not in every version",
            ),
            catalogue_patch_seconds: seconds(
                "tandem_catalogue_patch_duration_seconds",
                "Time to make a snapshot with the changes of items",
            ),
            events_reapplied: counter(
                "tandem_events_reapplied_total",
                "Events applied again from the event log after a start or a lost store",
            ),
            log_bad_lines: counter("tandem_event_log_bad_lines_total", "Lines of the event log that can't be read"),
            log_append_seconds: seconds(
                "tandem_event_log_append_duration_seconds",
                "Duration of one append to the event log, sync included",
            ),
            traces_dropped: counter(
                "tandem_traces_dropped_total",
                "Traces that did not reach the collector: it did not take them, or too many waited",
            ),
            stages: StageMetrics::new(r),
            slates: SlateMetrics::new(r),
            shadow: ShadowMetrics::new(r),
            models: ModelMetrics::new(r),
            artifact_objects,
            event_objects,
            slate_objects,
            registry,
        };
        metrics
            .registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("the process collector is registered once");
        metrics
    }
}

impl Metrics {
    /// Counts a recommendation request.
    pub fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].inc();
    }

    /// Counts the candidates of a slate, by [`Source::column`].
    pub fn count_candidates(&self, proposed: &[u32; Source::COUNT]) {
        for (counter, &count) in self.candidates.iter().zip(proposed) {
            counter.inc_by(u64::from(count));
        }
    }

    /// Sets the served version.
    pub fn serve(&self, version: &str, built_ms: i64) {
        self.snapshot_info.reset();
        self.snapshot_info.with_label_values(&[version]).set(1);
        self.snapshot_built.set(built_ms / 1000);
    }

    /// All metrics at the time `now_ms`.
    #[must_use]
    pub fn gather(&self, now_ms: i64) -> Vec<MetricFamily> {
        self.snapshot_age.set(now_ms / 1000 - self.snapshot_built.get());
        self.registry.gather()
    }
}

/// Metrics in Prometheus' text format.
///
/// # Errors
/// [`prometheus::Error`] when one can't be written as text.
pub fn render(families: &[MetricFamily]) -> Result<Vec<u8>, prometheus::Error> {
    let mut text = Vec::with_capacity(16 << 10);
    TextEncoder::new().encode(families, &mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_in_the_order_of_their_counters() {
        for (at, (outcome, _)) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at);
        }
    }

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::default();
        metrics.count(Outcome::Fallback);
        metrics.serve("v1", 1_000);
        let text = String::from_utf8(render(&metrics.gather(61_000)).expect("renders")).expect("text");
        assert!(text.contains("recommendation_requests_total{outcome=\"fallback\"} 1"), "{text}");
        assert!(text.contains("tandem_snapshot_age_seconds 60"), "{text}");
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
