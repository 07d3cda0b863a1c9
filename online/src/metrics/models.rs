//! The metrics of models of rows. The series of a version end when it is no longer served.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use super::{SECONDS, register};

/// Bucket bounds of probabilities of a version that names none.
const PROBABILITIES: [f64; 12] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// Bucket bounds of numbers of rows.
const ROWS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 100.0, 1000.0, 10_000.0, 50_000.0, 100_000.0];
/// The outcomes of a request.
const OUTCOMES: [&str; 2] = ["success", "refused"];
/// Whether a shadow says of a row what the champion does.
const SHADOWS: [&str; 2] = ["same", "other"];

/// The metrics of models of rows.
pub struct ModelMetrics {
    registry: Registry,
    info: IntGaugeVec,
    share: GaugeVec,
    requests: IntCounterVec,
    seconds: HistogramVec,
    rows: HistogramVec,
    /// One for each model, version and label: buckets are those of the version.
    probabilities: Mutex<HashMap<[String; 3], Histogram>>,
    shadow_rows: IntCounterVec,
    refused_fields: IntCounterVec,
    remembered: IntCounterVec,
    forgotten: IntCounterVec,
    fallbacks: IntCounterVec,
    input_drift: GaugeVec,
    score_drift: GaugeVec,
}

impl ModelMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let r = registry;
        let counters = |name, help, labels: &[&str]| register(r, IntCounterVec::new(Opts::new(name, help), labels));
        let gauges = |name, help, labels: &[&str]| register(r, GaugeVec::new(Opts::new(name, help), labels));
        let histograms = |name, help, buckets: &[f64]| {
            register(r, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), &["model"]))
        };
        Self {
            info: register(
                r,
                IntGaugeVec::new(Opts::new("tandem_model_info", "1 for the champion"), &["model", "version"]),
            ),
            share: gauges(
                "tandem_model_challenger_share",
                "The share of the rows that a challenger scores",
                &["model", "version", "mode"],
            ),
            requests: counters(
                "prediction_requests_total",
                "Requests to score rows by outcome: success or refused",
                &["model", "version", "outcome"],
            ),
            seconds: histograms("prediction_duration_seconds", "Duration of requests to score rows", &SECONDS),
            rows: histograms("prediction_rows", "Rows of a request", &ROWS),
            probabilities: Mutex::default(),
            shadow_rows: counters(
                "prediction_shadow_rows_total",
                "Rows that a challenger scored unseen, by its prediction: the champion's or another",
                &["model", "version", "prediction"],
            ),
            refused_fields: counters(
                "prediction_refused_fields_total",
                "Values that were refused by field",
                &["model", "field"],
            ),
            remembered: counters(
                "model_rows_remembered_total",
                "Rows durable in the log of what a model remembers, by their origin: sent or scored",
                &["model", "origin"],
            ),
            forgotten: counters(
                "model_rows_forgotten_total",
                "Rows that are not remembered: scored ones for which there was no room, and all that can't be written",
                &["model"],
            ),
            fallbacks: counters(
                "prediction_fallbacks_total",
                "Requests answered without what the store knows of keys, by the reason",
                &["model", "reason"],
            ),
            input_drift: gauges(
                "model_input_drift_psi",
                "The largest population stability index of a field, of the latest rows beside the training rows",
                &["model"],
            ),
            score_drift: gauges(
                "model_score_drift_psi",
                "The population stability index of probabilities, of the latest rows beside held-out rows",
                &["model", "version", "label"],
            ),
            registry: registry.clone(),
        }
    }

    /// Sets the champion of a model, in place of another.
    pub fn serve(&self, model: &str, before: Option<&str>, version: &str) {
        if let Some(before) = before {
            // It is there, unless two names of a model were swapped by hand.
            let _ = self.info.remove_label_values(&[model, before]);
        }
        self.info.with_label_values(&[model, version]).set(1);
    }

    /// Sets the share of a challenger.
    pub fn set_share(&self, model: &str, version: &str, mode: &str, share: f64) {
        self.share.with_label_values(&[model, version, mode]).set(share);
    }

    /// Ends the series of the share of a challenger.
    pub fn end_share(&self, model: &str, version: &str, mode: &str) {
        // It is there if it was set.
        let _ = self.share.remove_label_values(&[model, version, mode]);
    }

    /// Counts a request that was answered, by the version that did.
    pub fn count_answered(&self, model: &str, version: &str, rows: usize) {
        self.requests.with_label_values(&[model, version, OUTCOMES[0]]).inc();
        self.rows.with_label_values(&[model]).observe(rows as f64);
    }

    /// Counts a request that was refused, by the version that read it.
    pub fn count_refused(&self, model: &str, version: &str) {
        self.requests.with_label_values(&[model, version, OUTCOMES[1]]).inc();
    }

    /// Counts refused values of a field.
    pub fn count_refused_field(&self, model: &str, field: &str, count: u64) {
        self.refused_fields.with_label_values(&[model, field]).inc_by(count);
    }

    /// Counts rows that are durable in the log of what a model remembers.
    pub fn count_remembered(&self, model: &str, origin: &str, rows: usize) {
        self.remembered.with_label_values(&[model, origin]).inc_by(rows as u64);
    }

    /// Counts rows that are not remembered.
    pub fn count_forgotten(&self, model: &str, rows: usize) {
        self.forgotten.with_label_values(&[model]).inc_by(rows as u64);
    }

    /// Counts a request that was answered without what the store knows.
    pub fn count_fallback(&self, model: &str, reason: &str) {
        self.fallbacks.with_label_values(&[model, reason]).inc();
    }

    /// Measures a request.
    pub fn time(&self, model: &str, elapsed: Duration) {
        self.seconds.with_label_values(&[model]).observe(elapsed.as_secs_f64());
    }

    /// The histogram of the probabilities of an output.
    ///
    /// A family of histograms has one set of buckets, so that each is registered by itself, with its labels as constants.
    ///
    /// * `buckets`: their bounds, ascending; none: the usual ones.
    pub fn probabilities(&self, model: &str, version: &str, label: &str, buckets: &[f64]) -> Histogram {
        let key = [model, version, label].map(str::to_owned);
        let mut known = self.probabilities.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let buckets = if buckets.is_empty() { &PROBABILITIES } else { buckets };
            let options = HistogramOpts::new("predicted_proba_hist", "Probabilities that a version gave")
                .buckets(buckets.to_vec())
                .const_label("model", model)
                .const_label("version", version)
                .const_label("label", label);
            register(&self.registry, Histogram::with_opts(options))
        };
        known.entry(key).or_insert_with(make).clone()
    }

    /// The counters of rows that a shadow scored: those of which it says what the champion does, and others.
    pub fn shadow_rows(&self, model: &str, version: &str) -> [IntCounter; 2] {
        SHADOWS.map(|prediction| self.shadow_rows.with_label_values(&[model, version, prediction]))
    }

    /// Sets how far the rows of a model are from the training rows; `None`: not known.
    pub fn set_input_drift(&self, model: &str, psi: Option<f64>) {
        set(&self.input_drift, &[model], psi);
    }

    /// Sets how far the probabilities of an output are from those of held-out rows; `None`: not known.
    pub fn set_score_drift(&self, model: &str, version: &str, label: &str, psi: Option<f64>) {
        set(&self.score_drift, &[model, version, label], psi);
    }

    /// Ends the series of a version.
    pub fn forget_version<'a>(&self, model: &str, version: &str, labels: impl Iterator<Item = &'a str>) {
        for label in labels {
            let key = [model, version, label].map(str::to_owned);
            let mut known = self.probabilities.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(histogram) = known.remove(&key) {
                // It was registered when it became known.
                let _ = self.registry.unregister(Box::new(histogram));
            }
            set(&self.score_drift, &[model, version, label], None);
        }
        // What was never counted has no series.
        for outcome in OUTCOMES {
            let _ = self.requests.remove_label_values(&[model, version, outcome]);
        }
        for prediction in SHADOWS {
            let _ = self.shadow_rows.remove_label_values(&[model, version, prediction]);
        }
    }
}

/// Sets a gauge, or ends its series.
fn set(gauges: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => gauges.with_label_values(labels).set(value),
        // Without a value there may be no series yet.
        None => drop(gauges.remove_label_values(labels)),
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Metrics, render};

    #[test]
    fn each_version_counts_in_its_own_buckets_until_it_is_forgotten() {
        let metrics = Metrics::default();
        let models = &metrics.models;
        models.probabilities("clicks", "v1", "click", &[0.05, 0.95]).observe(0.5);
        models.probabilities("credit", "v1", "y", &[0.2, 1.0]).observe(0.1);
        models.probabilities("credit", "v1", "y", &[0.2, 1.0]).observe(0.3);
        models.probabilities("loans", "v1", "default", &[]).observe(0.3);
        let text = || String::from_utf8(render(&metrics.gather(0)).expect("renders")).expect("text");
        let shown = text();
        for line in [
            r#"predicted_proba_hist_bucket{label="click",model="clicks",version="v1",le="0.95"} 1"#,
            r#"predicted_proba_hist_bucket{label="y",model="credit",version="v1",le="0.2"} 1"#,
            r#"predicted_proba_hist_count{label="y",model="credit",version="v1"} 2"#,
            r#"predicted_proba_hist_bucket{label="default",model="loans",version="v1",le="0.3"} 1"#,
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
        assert_eq!(shown.matches("# TYPE predicted_proba_hist").count(), 1, "one family");
        models.set_score_drift("credit", "v1", "y", Some(0.3));
        models.count_answered("credit", "v1", 1);
        models.forget_version("credit", "v1", ["y"].into_iter());
        let credit = text().lines().filter(|line| line.contains("credit") && line.contains("v1")).count();
        assert_eq!(credit, 0);
        models.probabilities("credit", "v1", "y", &[0.5]).observe(0.1);
        assert!(text().contains(r#"model="credit",version="v1",le="0.5"} 1"#), "served again");
    }
}
