//! What becomes of a run that ended: another try, or an outcome and what is told of it.
//!
//! In: how it ended, and the batch's record of it. Out: what is known of the job after, and [`Told`]. Pure.

use crate::backoff;
use crate::durations::ms;
use crate::notices::Kind;
use crate::runs::Run;
use crate::runs::record::Status;
use crate::schedule::config::{Job, Missed};
use crate::schedule::runs::{Ended, How};
use crate::schedule::state::{JobState, Last, Outcome, Phase};

/// What a run that ended gives reason to tell, in order.
pub type Told = Vec<Kind>;

/// Settles a run.
///
/// * `job`: `None` if the config no longer has it; then it is not tried again.
pub fn settle(job: Option<&Job>, own: &mut JobState, ended: &Ended, record: Option<&Run>, now_ms: i64) -> Told {
    let Some(active) = own.active.as_mut() else { return Told::new() };
    let (outcome, mut reason) = judge(&ended.how, record);
    if active.overtaken && outcome != Outcome::Success {
        "it was ended because the next run was due".clone_into(&mut reason);
    } else if let Some(job) = job {
        let stopped = ended.how == How::Stopped;
        // A stop of the scheduler is no fault of the run's.
        if stopped && job.config.missed == Missed::Once {
            active.phase = Phase::Waiting { until_ms: now_ms };
            active.attempt -= 1;
            return Told::new();
        }
        let may = matches!(outcome, Outcome::Failure | Outcome::Timeout) && active.attempt <= job.config.retries;
        if may && !stopped {
            let pause = backoff::pause(job.config.backoff, job.config.backoff_cap, active.attempt, &active.id);
            active.phase = Phase::Waiting { until_ms: now_ms.saturating_add(ms(pause)) };
            return Told::new();
        }
    }
    let Some(active) = own.active.take() else { return Told::new() };
    let stages = record.map(|record| record.stages.as_slice()).unwrap_or_default();
    own.last = Some(Last {
        outcome,
        id: active.id,
        due_ms: active.due_ms,
        begun_ms: ended.begun_ms,
        ended_ms: ended.ended_ms,
        seconds: (ended.ended_ms - ended.begun_ms).max(0) as f64 / 1000.0,
        attempts: active.attempt,
        reason,
        stages: stages.iter().map(|stage| (stage.name.clone(), stage.seconds)).collect(),
    });
    *own.runs.entry(outcome).or_default() += 1;
    let mut told = vec![kind(outcome, own.failures)];
    if outcome == Outcome::Success {
        own.last_success_ms = Some(ended.ended_ms);
        own.failures = 0;
    } else {
        own.failures += 1;
    }
    if let Some(newest) = record.and_then(|record| record.data.as_ref()).and_then(|data| data.last_event_ms) {
        own.data_ms = Some(newest);
        let after = job.map_or(0, |job| ms(job.config.stale_after));
        let stale = after > 0 && now_ms - newest > after;
        // Told when it begins, not every night.
        if stale && !own.stale {
            told.push(Kind::Stale);
        }
        own.stale = stale;
    }
    told
}

fn kind(outcome: Outcome, failures: u32) -> Kind {
    match outcome {
        Outcome::Success if failures > 0 => Kind::Recovery,
        Outcome::Success => Kind::Success,
        Outcome::Refused => Kind::Refused,
        Outcome::Timeout => Kind::Timeout,
        Outcome::Failure | Outcome::Skipped => Kind::Failure,
    }
}

/// The outcome of a try, and why.
fn judge(how: &How, record: Option<&Run>) -> (Outcome, String) {
    let said = || record.and_then(|record| record.reason.clone()).unwrap_or_default();
    let or = |text: String| if said().is_empty() { text } else { said() };
    match how {
        How::Exited(_) | How::Vanished if record.is_some_and(|record| record.status == Status::Refused) => {
            (Outcome::Refused, said())
        }
        How::Exited(0) => (Outcome::Success, String::new()),
        How::Exited(code) => (Outcome::Failure, or(format!("it ended with exit code {code}"))),
        How::Killed(9) => {
            (Outcome::Failure, "it was killed by signal 9: by somebody, or because memory ran out".to_owned())
        }
        How::Killed(signal) => (Outcome::Failure, format!("it was killed by signal {signal}")),
        How::TimedOut => (Outcome::Timeout, "it took longer than its timeout and was ended".to_owned()),
        How::Stopped => (Outcome::Failure, "it was ended by a stop of the scheduler".to_owned()),
        How::NotStarted(why) => (Outcome::Failure, format!("it could not be started: {why}")),
        // Its supervisor was killed, and it went on to its end.
        How::Vanished if record.is_some_and(|record| record.status == Status::Succeeded) => {
            (Outcome::Success, String::new())
        }
        How::Vanished => {
            let why = "it came to no end: its process was killed, or the machine went down";
            (Outcome::Failure, or(why.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::runs::record::Data;
    use crate::schedule::state::Active;
    use crate::schedule::tests::plan;

    const FAILED: How = How::Exited(1);

    fn job(keys: &str) -> Job {
        plan(&format!("[[job]]\nname='a'\ncron='@daily'\ncommand=['run']\n{keys}")).jobs.remove(0)
    }

    fn running(own: &mut JobState, attempt: u32) {
        let phase = Phase::Running { since_ms: 0, deadline_ms: 0, boot: String::new() };
        let id = format!("r{attempt}");
        own.active = Some(Active { due_ms: 0, begun_ms: 0, attempt, id, phase, overtaken: false });
    }

    fn ended(how: How) -> Ended {
        Ended { how, begun_ms: 1000, ended_ms: 3500 }
    }

    fn record(status: Status, last_event_ms: i64) -> Run {
        let data = Data {
            fingerprint: String::new(),
            files: Vec::new(),
            counts: Default::default(),
            first_event_ms: None,
            last_event_ms: Some(last_event_ms),
        };
        let begun = Run::begins("r1".parse().expect("a name"), "run", Timestamp::UNIX_EPOCH);
        Run { status, reason: Some("too few events".to_owned()), data: Some(data), ..begun }
    }

    fn until(own: &JobState) -> i64 {
        match own.active.as_ref().map(|active| &active.phase) {
            Some(Phase::Waiting { until_ms }) => *until_ms,
            other => panic!("it waits, and not {other:?}"),
        }
    }

    #[test]
    fn a_failure_is_tried_again_and_told_once_after_the_last_try() {
        let (job, mut own) = (job("retries = 2\nbackoff = '60s'"), JobState::default());
        for (attempt, most) in [(1, 60_000), (2, 120_000)] {
            running(&mut own, attempt);
            assert!(settle(Some(&job), &mut own, &ended(FAILED), None, 0).is_empty());
            assert!((most / 2..=most).contains(&until(&own)), "{}", until(&own));
        }
        running(&mut own, 3);
        assert_eq!(settle(Some(&job), &mut own, &ended(FAILED), None, 0), [Kind::Failure]);
        let last = own.last.as_ref().expect("it is over");
        assert_eq!((last.outcome, last.attempts, last.seconds), (Outcome::Failure, 3, 2.5));
        assert_eq!((own.failures, own.runs[&Outcome::Failure], &own.active), (1, 1, &None));
    }

    #[test]
    fn the_first_success_after_failures_is_a_recovery() {
        let (job, mut own) = (job("retries = 0"), JobState::default());
        let mut told = |how: How| {
            running(&mut own, 1);
            settle(Some(&job), &mut own, &ended(how), None, 0)
        };
        let kinds = [How::Exited(0), FAILED, How::Killed(9), How::Exited(0), How::Exited(0)].map(|how| told(how)[0]);
        assert_eq!(kinds, [Kind::Success, Kind::Failure, Kind::Failure, Kind::Recovery, Kind::Success]);
        assert_eq!(told(How::TimedOut), [Kind::Timeout]);
    }

    #[test]
    fn what_was_refused_is_not_tried_again_whatever_its_exit_code() {
        let (job, mut own) = (job("retries = 5"), JobState::default());
        for code in [0, 1] {
            running(&mut own, 1);
            let told = settle(Some(&job), &mut own, &ended(How::Exited(code)), Some(&record(Status::Refused, 0)), 0);
            assert_eq!(told, [Kind::Refused]);
            assert_eq!(own.last.as_ref().expect("it is over").reason, "too few events");
        }
    }

    #[test]
    fn the_record_of_a_run_that_nobody_saw_end_says_how_it_did() {
        let (job, mut own) = (job("retries = 5"), JobState::default());
        for (status, kind) in [(Status::Succeeded, Kind::Success), (Status::Refused, Kind::Refused)] {
            running(&mut own, 1);
            let record = record(status, 0);
            assert_eq!(settle(Some(&job), &mut own, &ended(How::Vanished), Some(&record), 0), [kind]);
        }
        // One that stopped in its middle is tried again.
        running(&mut own, 1);
        assert!(settle(Some(&job), &mut own, &ended(How::Vanished), Some(&record(Status::Running, 0)), 0).is_empty());
    }

    #[test]
    fn a_run_that_a_stop_ended_begins_again_unless_missed_runs_are_skipped() {
        let mut own = JobState::default();
        running(&mut own, 1);
        assert!(settle(Some(&job("retries = 0")), &mut own, &ended(How::Stopped), None, 7).is_empty());
        assert_eq!((until(&own), own.active.as_ref().expect("it waits").attempt), (7, 0));
        running(&mut own, 1);
        let skipping = job("retries = 3\nmissed = 'skip'");
        assert_eq!(settle(Some(&skipping), &mut own, &ended(How::Stopped), None, 7), [Kind::Failure]);
    }

    #[test]
    fn a_run_that_was_ended_for_the_next_one_is_not_tried_again() {
        let mut own = JobState::default();
        running(&mut own, 1);
        own.active.as_mut().expect("it runs").overtaken = true;
        assert_eq!(settle(Some(&job("retries = 3")), &mut own, &ended(How::Stopped), None, 0), [Kind::Failure]);
        assert!(own.last.expect("it is over").reason.contains("the next run"));
    }

    #[test]
    fn stale_data_is_told_when_it_begins() {
        let (job, mut own) = (job("stale_after = '1h'"), JobState::default());
        let mut told = |newest: i64| {
            running(&mut own, 1);
            let record = record(Status::Succeeded, newest);
            settle(Some(&job), &mut own, &ended(How::Exited(0)), Some(&record), 10_000_000)
        };
        let kinds =
            [9_000_000, 6_000_000, 6_000_000, 9_000_000, 6_000_000].map(|newest| told(newest).contains(&Kind::Stale));
        assert_eq!(kinds, [false, true, false, false, true]);
    }

    #[test]
    fn a_job_that_the_config_no_longer_has_is_not_tried_again() {
        let mut own = JobState::default();
        running(&mut own, 1);
        assert_eq!(settle(None, &mut own, &ended(How::Vanished), None, 0), [Kind::Failure]);
    }
}
