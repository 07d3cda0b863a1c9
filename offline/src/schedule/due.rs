//! What a job has to do now: the rule by which due times become runs.
//!
//! In: a job, what is known of it, and the time. Out: what is known of it after, with the run that begins, if one does.
//! Pure: nothing is started here.

use crate::schedule::config::{Job, Missed, Overlap, Trigger};
use crate::schedule::state::{JobState, Outcome, Phase};

/// A due time that is taken up later than this was missed: no scheduler ran, or the machine slept.
const LATE_MS: i64 = 60_000;
/// A due time so far in the future was taken up by a clock that has been set back since.
const SET_BACK_MS: i64 = 3_600_000;
/// The most due times that are counted one by one.
const MOST: u64 = 10_000;

/// Notes a job as it is configured: one that is new, or has other times, begins now.
pub fn meet(job: &Job, own: &mut JobState, now_ms: i64) {
    let rhythm = job.rhythm();
    if own.rhythm != rhythm || own.since_ms > now_ms + SET_BACK_MS {
        own.rhythm = rhythm;
        own.since_ms = now_ms;
    }
    own.next_ms = next(job, own);
}

fn next(job: &Job, own: &JobState) -> Option<i64> {
    match &job.trigger {
        Trigger::Times(times) => times.after(own.since_ms),
        Trigger::After(_) => None,
    }
}

/// Takes up what is due by now, and tells the due time of a run that should begin.
///
/// * `succeeded`: when a job of a name last succeeded.
pub fn take_up(job: &Job, own: &mut JobState, succeeded: impl Fn(&str) -> Option<i64>, now_ms: i64) -> Option<i64> {
    let due = match &job.trigger {
        // Nothing is reckoned before its time.
        Trigger::Times(_) if own.next_ms.is_some_and(|next_ms| next_ms > now_ms) => None,
        Trigger::Times(times) => {
            let (mut latest, mut passed) = (None, 0);
            while let Some(time) = times.after(latest.unwrap_or(own.since_ms)).filter(|&time| time <= now_ms) {
                passed += u64::from(latest.is_some());
                // What is due every second and was away for a year is not counted to the end.
                latest = Some(if passed < MOST { time } else { now_ms });
            }
            own.missed += passed;
            latest
        }
        Trigger::After(names) => {
            let all: Option<Vec<i64>> = names.iter().map(|name| succeeded(name)).collect();
            let all = all.filter(|times| times.iter().all(|&time| time > own.since_ms));
            all.and_then(|times| times.into_iter().max())
        }
    };
    if let Some(due_ms) = due {
        own.since_ms = due_ms;
        own.next_ms = next(job, own);
        if now_ms - due_ms > LATE_MS && job.config.missed == Missed::Skip {
            own.missed += 1;
        } else if begin_later(job, own, due_ms) {
            return None;
        } else {
            return Some(due_ms);
        }
    }
    if own.active.is_none() { own.queued_ms.take() } else { None }
}

/// Whether a run can't begin because the one before goes on; what becomes of it is then noted.
pub fn begin_later(job: &Job, own: &mut JobState, due_ms: i64) -> bool {
    let Some(active) = &mut own.active else {
        // One that was queued and not begun is made up for by this one.
        if own.queued_ms.take().is_some() {
            *own.runs.entry(Outcome::Skipped).or_default() += 1;
        }
        return false;
    };
    match job.config.overlap {
        Overlap::Skip => *own.runs.entry(Outcome::Skipped).or_default() += 1,
        Overlap::Queue if own.queued_ms.is_some() => *own.runs.entry(Outcome::Skipped).or_default() += 1,
        Overlap::Queue => own.queued_ms = Some(due_ms),
        Overlap::Kill => {
            active.overtaken = true;
            if own.queued_ms.replace(due_ms).is_some() {
                *own.runs.entry(Outcome::Skipped).or_default() += 1;
            }
        }
    }
    true
}

/// Whether a failed run is to be tried again now.
#[must_use]
pub fn try_again(own: &JobState, now_ms: i64) -> bool {
    let phase = own.active.as_ref().map(|active| &active.phase);
    matches!(phase, Some(Phase::Waiting { until_ms }) if *until_ms <= now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::config::Plan;
    use crate::schedule::state::Active;
    use crate::schedule::tests::plan;

    const MINUTE: i64 = 60_000;

    fn minutely(keys: &str) -> Plan {
        plan(&format!("[[job]]\nname = 'a'\ncron = '* * * * *'\ncommand = ['run']\n{keys}"))
    }

    fn fresh(job: &Job, now_ms: i64) -> JobState {
        let mut own = JobState::default();
        meet(job, &mut own, now_ms);
        own
    }

    fn running(own: &mut JobState) {
        let phase = Phase::Running { since_ms: 0, deadline_ms: 0, boot: String::new() };
        let id = "r1".to_owned();
        own.active = Some(Active { due_ms: 0, begun_ms: 0, attempt: 1, id, phase, overtaken: false });
    }

    fn skipped(own: &JobState) -> u64 {
        own.runs.get(&Outcome::Skipped).copied().unwrap_or_default()
    }

    #[test]
    fn a_new_job_does_not_make_up_for_the_past_and_is_due_at_its_next_time() {
        let plan = minutely("");
        let mut own = fresh(&plan.jobs[0], 10 * MINUTE + 1);
        assert_eq!(own.next_ms, Some(11 * MINUTE));
        let due = |own: &mut JobState, now| take_up(&plan.jobs[0], own, |_| None, now);
        assert_eq!(due(&mut own, 11 * MINUTE - 1), None);
        assert_eq!(due(&mut own, 11 * MINUTE), Some(11 * MINUTE));
        assert_eq!(due(&mut own, 11 * MINUTE + 1), None);
        assert_eq!((own.next_ms, own.missed), (Some(12 * MINUTE), 0));
    }

    #[test]
    fn of_runs_that_were_missed_the_last_is_made_up_for_or_none() {
        // Due at 12, 15 and 18 minutes; the last is taken up 90 s late.
        let every_third = "[[job]]\nname='a'\ncron='*/3 * * * *'\ncommand=['run']\n";
        for (missed, due, count) in [("once", Some(18 * MINUTE), 2), ("skip", None, 3)] {
            let plan = plan(&format!("{every_third}missed = '{missed}'"));
            let mut own = fresh(&plan.jobs[0], 10 * MINUTE);
            let taken = take_up(&plan.jobs[0], &mut own, |_| None, 18 * MINUTE + 90_000);
            assert_eq!((taken, own.missed), (due, count), "{missed}");
            assert_eq!(own.next_ms, Some(21 * MINUTE));
        }
    }

    #[test]
    fn a_run_that_is_a_moment_late_is_none_that_was_missed() {
        let plan = minutely("missed = 'skip'");
        let mut own = fresh(&plan.jobs[0], 10 * MINUTE);
        assert_eq!(take_up(&plan.jobs[0], &mut own, |_| None, 11 * MINUTE + 59_999), Some(11 * MINUTE));
    }

    #[test]
    fn a_job_whose_times_change_misses_nothing() {
        let (every_minute, daily) = (minutely(""), plan("[[job]]\nname='a'\ncron='@daily'\ncommand=['run']"));
        let mut own = fresh(&daily.jobs[0], 0);
        meet(&every_minute.jobs[0], &mut own, 600 * MINUTE);
        assert_eq!(take_up(&every_minute.jobs[0], &mut own, |_| None, 600 * MINUTE), None);
        assert_eq!((own.missed, own.next_ms), (0, Some(601 * MINUTE)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_silence_a_job() {
        let plan = minutely("");
        let mut own = fresh(&plan.jobs[0], 1_000_000 * MINUTE);
        meet(&plan.jobs[0], &mut own, 10 * MINUTE);
        assert_eq!(own.next_ms, Some(11 * MINUTE));
        // By a second: the time that was taken up is not taken up again.
        let mut own = fresh(&plan.jobs[0], 10 * MINUTE);
        assert!(take_up(&plan.jobs[0], &mut own, |_| None, 11 * MINUTE).is_some());
        meet(&plan.jobs[0], &mut own, 11 * MINUTE - 1000);
        assert_eq!(take_up(&plan.jobs[0], &mut own, |_| None, 11 * MINUTE), None);
    }

    #[test]
    fn a_run_that_meets_the_one_before_is_skipped_queued_or_ends_it() {
        for (overlap, queued, overtaken, skips) in
            [("skip", None, false, 2), ("queue", Some(11 * MINUTE), false, 1), ("kill", Some(12 * MINUTE), true, 1)]
        {
            let plan = minutely(&format!("overlap = '{overlap}'"));
            let job = &plan.jobs[0];
            let mut own = fresh(job, 10 * MINUTE);
            running(&mut own);
            assert_eq!(take_up(job, &mut own, |_| None, 11 * MINUTE), None);
            assert_eq!(take_up(job, &mut own, |_| None, 12 * MINUTE), None);
            let active = own.active.as_ref().expect("it goes on");
            assert_eq!((own.queued_ms, active.overtaken, skipped(&own)), (queued, overtaken, skips), "{overlap}");
            own.active = None;
            assert_eq!(take_up(job, &mut own, |_| None, 12 * MINUTE + 1), queued, "{overlap}");
            assert_eq!(own.queued_ms, None);
        }
    }

    #[test]
    fn a_job_after_others_runs_once_all_have_succeeded_since_it_ran() {
        let plan = plan(
            "[[job]]\nname='a'\ncron='@daily'\ncommand=['run']\n[[job]]\nname='b'\ncron='@daily'\ncommand=['run']\n\
             [[job]]\nname='c'\nafter=['a', 'b']\ncommand=['backup']",
        );
        let job = &plan.jobs[2];
        let mut own = fresh(job, 100);
        let mut due =
            |a: Option<i64>, b: Option<i64>| take_up(job, &mut own, |name| if name == "a" { a } else { b }, 1000);
        assert_eq!(due(Some(50), Some(60)), None);
        assert_eq!(due(Some(200), None), None);
        assert_eq!(due(Some(200), Some(300)), Some(300));
        assert_eq!(due(Some(200), Some(300)), None);
        assert_eq!(due(Some(400), Some(300)), None);
        assert_eq!(due(Some(400), Some(500)), Some(500));
    }
}
