//! The metrics of the scheduler, made from its state whenever they are asked for: they outlive it as the state does.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::schedule::state::{Outcome, Phase};
use crate::schedule::view::{Role, View};

/// All metrics in the text format, at the time `now_ms`.
///
/// # Errors
/// [`prometheus::Error`] when one can't be written as text.
pub fn render(view: &View, now_ms: i64) -> Result<Vec<u8>, prometheus::Error> {
    let registry = Registry::new();
    let gauge = |name, help, labels: &[&str]| -> Result<GaugeVec, prometheus::Error> {
        let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
        registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    };
    let counter = |name, help, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
        let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
        registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    };
    let job = ["job"];
    let success = gauge("tandem_job_last_success_timestamp_seconds", "When a run last succeeded", &job)?;
    let last_run = gauge("tandem_job_last_run_timestamp_seconds", "When the last run that is over began", &job)?;
    let duration = gauge("tandem_job_last_duration_seconds", "How long the last try of it took", &job)?;
    let next = gauge("tandem_job_next_run_timestamp_seconds", "When the job is due next", &job)?;
    let running = gauge("tandem_job_running", "Whether a run goes on: 1 or 0", &job)?;
    let age = gauge("tandem_data_age_seconds", "Age of the newest event that a run read", &job)?;
    let stages = gauge("tandem_job_stage_seconds", "Seconds of each stage of the last run", &["job", "stage"])?;
    let runs = counter("tandem_job_runs_total", "Runs by how they ended", &["job", "outcome"])?;
    let retries = counter("tandem_job_retries_total", "Tries after the first", &job)?;
    let missed = counter("tandem_job_missed_total", "Due times that nothing came of, for no scheduler ran", &job)?;
    let notices =
        counter("tandem_notices_total", "Notices that were taken, and tries that failed", &["channel", "outcome"])?;
    let waiting = gauge("tandem_notices_waiting", "Notices that wait for their channel", &["channel"])?;
    let leader = gauge("tandem_schedule_leader", "Whether this scheduler runs the jobs: 1 or 0", &[])?;
    leader.with_label_values::<&str>(&[]).set(f64::from(u8::from(view.role == Role::Leader)));
    let seconds = |ms: i64| ms as f64 / 1000.0;
    for (name, own) in view.known() {
        let set = |gauge: &GaugeVec, value: Option<f64>| {
            if let Some(value) = value {
                gauge.with_label_values(&[name]).set(value);
            }
        };
        set(&success, own.last_success_ms.map(seconds));
        set(&last_run, own.last.as_ref().map(|last| seconds(last.begun_ms)));
        set(&duration, own.last.as_ref().map(|last| last.seconds));
        set(&next, own.next_ms.map(seconds));
        let runs_now = own.active.as_ref().is_some_and(|active| matches!(active.phase, Phase::Running { .. }));
        set(&running, Some(f64::from(u8::from(runs_now))));
        set(&age, own.data_ms.map(|ms| seconds(now_ms - ms)));
        for (stage, seconds) in own.last.iter().flat_map(|last| &last.stages) {
            stages.with_label_values(&[name, stage]).set(*seconds);
        }
        for (outcome, label) in Outcome::ALL {
            runs.with_label_values(&[name, label]).inc_by(own.runs.get(&outcome).copied().unwrap_or_default());
        }
        retries.with_label_values(&[name]).inc_by(own.retries);
        missed.with_label_values(&[name]).inc_by(own.missed);
    }
    for (channel, queue) in view.state.outbox.queues() {
        notices.with_label_values(&[channel, "sent"]).inc_by(queue.sent);
        notices.with_label_values(&[channel, "failed"]).inc_by(queue.failed);
        waiting.with_label_values(&[channel]).set(queue.len() as f64);
    }
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::schedule::state::{JobState, Last, State};
    use crate::schedule::tests::plan;

    #[test]
    fn what_is_known_of_a_job_is_shown_and_what_is_not_is_left_out() {
        let plan = plan(
            "[[job]]\nname='nightly'\ncron='@daily'\ncommand=['run']\n[[job]]\nname='new'\nafter=['nightly']\ncommand=['backup']",
        );
        let mut state = State::default();
        let last = Last {
            outcome: Outcome::Success,
            id: "r1".to_owned(),
            due_ms: 0,
            begun_ms: 60_000,
            ended_ms: 62_500,
            seconds: 2.5,
            attempts: 1,
            reason: String::new(),
            stages: vec![("ingest".to_owned(), 1.25)],
        };
        let nightly = JobState {
            next_ms: Some(86_400_000),
            last: Some(last),
            last_success_ms: Some(62_500),
            runs: BTreeMap::from([(Outcome::Success, 3), (Outcome::Timeout, 1)]),
            missed: 2,
            data_ms: Some(40_000),
            ..JobState::default()
        };
        state.jobs.insert("nightly".to_owned(), nightly);
        state.jobs.insert("new".to_owned(), JobState::default());
        let view = View::new(Role::Leader, &plan, state);
        let text = String::from_utf8(render(&view, 100_000).expect("renders")).expect("text");
        for line in [
            "tandem_job_last_success_timestamp_seconds{job=\"nightly\"} 62.5",
            "tandem_job_last_run_timestamp_seconds{job=\"nightly\"} 60",
            "tandem_job_last_duration_seconds{job=\"nightly\"} 2.5",
            "tandem_job_next_run_timestamp_seconds{job=\"nightly\"} 86400",
            "tandem_job_running{job=\"new\"} 0",
            "tandem_job_runs_total{job=\"nightly\",outcome=\"success\"} 3",
            "tandem_job_runs_total{job=\"nightly\",outcome=\"refused\"} 0",
            "tandem_job_missed_total{job=\"nightly\"} 2",
            "tandem_job_stage_seconds{job=\"nightly\",stage=\"ingest\"} 1.25",
            "tandem_data_age_seconds{job=\"nightly\"} 60",
            "tandem_schedule_leader 1",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes"));
        assert!(!text.contains("tandem_job_next_run_timestamp_seconds{job=\"new\"}"));
    }
}
