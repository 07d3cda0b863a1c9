//! The report of `load-test run`: a table for people, or one JSON object.

use std::fmt::Write;

use serde::Serialize;

use crate::tally::Figures;
use crate::verdict::{self, Objective};

/// The kind of load of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loop {
    /// Closed loop: as fast as the connections allow.
    Closed,
    /// Open loop: as scheduled.
    Open,
}

/// Whether the load itself or the baseline was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// `GET /health`.
    Baseline,
    /// The traffic of the run.
    Traffic,
}

/// One measurement of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// What was measured.
    pub subject: Subject,
    /// The traffic's name.
    pub traffic: String,
    /// The kind of load.
    #[serde(rename = "loop")]
    pub kind: Loop,
    /// Open loop: the requests per second that were due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_rate: Option<f64>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The closed-loop maximum compared with that of `/health`, each the median of its rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Good answers per second of `/health`.
    pub health_rate: f64,
    /// Good answers per second of the traffic.
    pub rate: f64,
    /// `rate` divided by `health_rate`.
    pub ratio: f64,
}

/// The report of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The service.
    pub url: String,
    /// The traffic's name.
    pub traffic: String,
    /// Items per slate.
    pub k: usize,
    /// Keep-alive connections.
    pub connections: usize,
    /// Seconds of each measured window.
    pub duration_secs: f64,
    /// Seconds of load before each.
    pub warm_up_secs: f64,
    /// Seed of schedule and users.
    pub seed: u64,
    /// Events posted before measuring.
    pub preloaded: usize,
    /// In the order they were made.
    pub measurements: Vec<Measurement>,
    /// The closed-loop maximum: the median of the rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<f64>,
    /// The comparison with `/health`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The objectives of the run.
    pub objectives: Vec<Objective>,
}

impl Report {
    /// The measurements of the traffic itself.
    pub fn of_traffic(&self) -> impl Iterator<Item = &Measurement> {
        self.measurements.iter().filter(|measurement| measurement.subject == Subject::Traffic)
    }

    /// The worst p99 of the traffic, milliseconds: of its open loops if there are any, else of its closed ones.
    #[must_use]
    pub fn p99_ms(&self) -> f64 {
        let open = self.of_traffic().any(|measurement| measurement.kind == Loop::Open);
        let wanted = if open { Loop::Open } else { Loop::Closed };
        self.of_traffic()
            .filter(|measurement| measurement.kind == wanted)
            .map(|measurement| measurement.figures.p99_ms)
            .fold(f64::NAN, f64::max)
    }

    /// The share of the traffic's requests, over all its measurements, without a good answer; NaN without requests.
    #[must_use]
    pub fn error_share(&self) -> f64 {
        let sum = |count: fn(&Figures) -> u64| self.of_traffic().map(|m| count(&m.figures)).sum::<u64>() as f64;
        sum(|figures| figures.failed) / sum(|figures| figures.requests)
    }

    /// The closed-loop maximum if it was measured, else the rate achieved in the open loop.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let achieved = || self.of_traffic().last().map_or(0.0, |measurement| measurement.figures.rate);
        self.max_rate.unwrap_or_else(achieved)
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}: {}, k={}, {} connections, {} s each after {} s of warm-up",
            self.url, self.traffic, self.k, self.connections, self.duration_secs, self.warm_up_secs
        );
        if self.preloaded > 0 {
            write_line(&mut text, &format!("\n{} events posted before", self.preloaded));
        } else {
            text.push('\n');
        }
        let header = format!(
            "{:<15} {:<15} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9} {:>9}",
            "traffic", "loop", "answers/s", "requests", "failed", "p50 ms", "p95 ms", "p99 ms", "max ms"
        );
        write_line(&mut text, &header);
        for measurement in &self.measurements {
            write_line(&mut text, &row(measurement));
        }
        if let Some(max_rate) = self.max_rate {
            write_line(&mut text, &format!("closed-loop maximum: {max_rate:.0} answers/s"));
        }
        if let Some(baseline) = &self.baseline {
            let Baseline { health_rate, rate, ratio } = baseline;
            write_line(&mut text, &format!("beside /health: {rate:.0} / {health_rate:.0} = {ratio:.3}"));
        }
        text + &verdict::lines(&self.objectives)
    }
}

fn row(measurement: &Measurement) -> String {
    let Figures { rate, requests, failed, p50_ms, p95_ms, p99_ms, max_ms, .. } = measurement.figures;
    let kind = match measurement.scheduled_rate {
        Some(scheduled) => format!("open {scheduled:.0}/s"),
        None => "closed".to_owned(),
    };
    let traffic = &measurement.traffic;
    let mut row = format!(
        "{traffic:<15} {kind:<15} {rate:>9.0} {requests:>9} {failed:>7} {p50_ms:>9.3} {p95_ms:>9.3} {p99_ms:>9.3} {max_ms:>9.3}",
    );
    for (failure, count) in &measurement.figures.errors {
        row.push_str(&format!("\n  {count} × {failure}"));
    }
    row
}

fn write_line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes any text");
}

/// The median; NaN without figures.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (length, middle) if length % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tally::{Arrived, Failure, Tally};
    use crate::verdict::Bound;

    fn measurement(kind: Loop, latencies_ms: &[u64], failed: u64) -> Measurement {
        let mut tally = Tally::default();
        for &ms in latencies_ms {
            tally.count(Ok(()), Duration::from_millis(ms), Duration::ZERO, Arrived::InWindow);
        }
        for _ in 0..failed {
            tally.count(Err(Failure::Status(500)), Duration::ZERO, Duration::ZERO, Arrived::InWindow);
        }
        let (subject, traffic) = (Subject::Traffic, "known".to_owned());
        let scheduled_rate = (kind == Loop::Open).then_some(5.0);
        Measurement { subject, traffic, kind, scheduled_rate, figures: tally.figures(Duration::from_secs(1)) }
    }

    fn report(measurements: Vec<Measurement>, max_rate: Option<f64>) -> Report {
        Report {
            url: "http://127.0.0.1:1".to_owned(),
            traffic: "known".to_owned(),
            k: 20,
            connections: 16,
            duration_secs: 1.0,
            warm_up_secs: 0.0,
            seed: 1,
            preloaded: 0,
            measurements,
            max_rate,
            baseline: None,
            objectives: vec![Objective::new("error share", Bound::AtMost, 0.0, 0.25)],
        }
    }

    #[test]
    fn latency_is_that_of_the_open_loop_and_the_rate_that_of_the_closed_one() {
        let both = vec![measurement(Loop::Closed, &[8, 8, 8], 0), measurement(Loop::Open, &[2], 0)];
        let both = report(both, Some(3.0));
        assert!((both.p99_ms() - 2.0).abs() < 0.01);
        assert!((both.rate() - 3.0).abs() < 1e-9);
        let open = report(vec![measurement(Loop::Open, &[2, 2], 0)], None);
        assert!((open.rate() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn errors_are_shares_of_all_requests_of_the_traffic() {
        let mut baseline = measurement(Loop::Closed, &[], 9);
        baseline.subject = Subject::Baseline;
        let some =
            report(vec![baseline, measurement(Loop::Closed, &[1], 0), measurement(Loop::Open, &[1, 1], 1)], None);
        assert!((some.error_share() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn the_text_names_rates_failures_and_broken_objectives() {
        let text = report(vec![measurement(Loop::Open, &[2], 1)], None).text();
        for part in ["open 5/s", "\n  1 × status 500\n", "BROKEN: error share at most 0, found 0.25"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_json_has_one_flat_object_per_measurement() {
        let json = serde_json::to_value(report(vec![measurement(Loop::Open, &[2], 1)], None)).expect("serialises");
        let first = &json["measurements"][0];
        assert_eq!((first["loop"].as_str(), first["requests"].as_u64()), (Some("open"), Some(2)));
        assert_eq!(first["errors"]["status 500"], 1);
        assert_eq!(json["objectives"][0]["kept"], false);
    }

    #[test]
    fn medians_of_odd_even_and_no_figures() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }
}
