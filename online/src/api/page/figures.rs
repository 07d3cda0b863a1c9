//! Reads figures out of the registry that `/metrics` shows: sums, values by a label, and quantiles of durations.
//!
//! In: the families of the registry. Out: numbers. A quantile is found within its bucket by a straight line, as
//! Prometheus' `histogram_quantile` does.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily};

/// All metrics at a moment.
pub struct Figures(Vec<MetricFamily>);

/// How durations are spread: counts by upper bounds, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// Upper bound, and how many are not above it.
    buckets: Vec<(f64, u64)>,
    /// How many there are.
    pub count: u64,
}

impl Spread {
    /// The duration that a share of all does not exceed, in seconds; `None` if there are none. Beyond the last bound it is
    /// that bound.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = share * self.count as f64;
        let last = self.buckets.last().filter(|_| self.count > 0)?.0;
        let mut below = (0.0, 0);
        for &(bound, count) in &self.buckets {
            if count as f64 >= wanted && count > below.1 {
                let within = (wanted - below.1 as f64) / (count - below.1) as f64;
                return Some(below.0 + (bound - below.0) * within);
            }
            below = (bound, count);
        }
        Some(last)
    }

    /// What came since an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |at: usize| earlier.buckets.get(at).map_or(0, |(_, count)| *count);
        let buckets = self.buckets.iter().enumerate();
        Self {
            buckets: buckets.map(|(at, &(bound, count))| (bound, count.saturating_sub(before(at)))).collect(),
            count: self.count.saturating_sub(earlier.count),
        }
    }

    fn add(&mut self, metric: &Metric) {
        let histogram = metric.get_histogram();
        let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
        for (at, bucket) in finite.enumerate() {
            match self.buckets.get_mut(at) {
                Some((_, count)) => *count += bucket.cumulative_count(),
                None => self.buckets.push((bucket.upper_bound(), bucket.cumulative_count())),
            }
        }
        self.count += histogram.get_sample_count();
    }
}

impl Figures {
    /// Of the families of a registry.
    #[must_use]
    pub fn new(families: Vec<MetricFamily>) -> Self {
        Self(families)
    }

    fn metrics(&self, name: &str) -> &[Metric] {
        self.0.iter().find(|family| family.name() == name).map_or(&[], MetricFamily::get_metric)
    }

    /// The sum of a counter or gauge, over those of its labels that are wanted.
    pub fn sum(&self, name: &str, wanted: impl Fn(&Labels<'_>) -> bool) -> f64 {
        self.metrics(name).iter().filter(|metric| wanted(&Labels(metric))).map(value).sum::<f64>() + 0.0
    }

    /// The sum of a counter or gauge by a label; nothing of those that are 0.
    #[must_use]
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for metric in self.metrics(name).iter().filter(|metric| value(metric) != 0.0) {
            *sums.entry(Labels(metric).get(label).to_owned()).or_insert(0.0) += value(metric);
        }
        sums
    }

    /// How durations are spread, over those of the labels that are wanted.
    pub fn spread(&self, name: &str, wanted: impl Fn(&Labels<'_>) -> bool) -> Spread {
        let mut spread = Spread::default();
        self.metrics(name).iter().filter(|metric| wanted(&Labels(metric))).for_each(|metric| spread.add(metric));
        spread
    }
}

/// The labels of a metric.
pub struct Labels<'a>(&'a Metric);

impl Labels<'_> {
    /// The value of a label; empty if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get_label().iter().find(|label| label.name() == name).map_or("", |label| label.value())
    }
}

fn value(metric: &Metric) -> f64 {
    // One of the two is 0.
    metric.get_counter().get_value() + metric.get_gauge().get_value()
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

    use super::*;

    #[test]
    fn sums_and_quantiles_are_those_of_the_registry() {
        let registry = Registry::new();
        let requests = IntCounterVec::new(Opts::new("requests", "r"), &["route", "status"]).expect("a metric");
        let options = HistogramOpts::new("seconds", "s").buckets(vec![0.1, 0.2, 0.4]);
        let seconds = HistogramVec::new(options, &["route"]).expect("a metric");
        registry.register(Box::new(requests.clone())).expect("once");
        registry.register(Box::new(seconds.clone())).expect("once");
        requests.with_label_values(&["/a", "200"]).inc_by(3);
        requests.with_label_values(&["/a", "500"]).inc();
        requests.with_label_values(&["/b", "200"]).inc_by(0);
        (0..8).for_each(|_| seconds.with_label_values(&["/a"]).observe(0.15));
        (0..2).for_each(|_| seconds.with_label_values(&["/b"]).observe(0.3));
        let figures = Figures::new(registry.gather());
        assert_eq!(figures.sum("requests", |labels| labels.get("status") == "200"), 3.0);
        assert_eq!(figures.by("requests", "route"), BTreeMap::from([("/a".to_owned(), 4.0)]));
        let all = figures.spread("seconds", |_| true);
        assert_eq!(all.count, 10);
        // The fifth of eight between 0.1 and 0.2.
        assert!((all.quantile(0.5).expect("some") - 0.1625).abs() < 1e-9);
        assert!((all.quantile(1.0).expect("some") - 0.4).abs() < 1e-9);
        let of_a = figures.spread("seconds", |labels| labels.get("route") == "/a");
        assert!((all.since(&of_a).quantile(0.5).expect("some") - 0.3).abs() < 1e-9);
        assert_eq!(all.since(&all).quantile(0.5), None);
    }
}
