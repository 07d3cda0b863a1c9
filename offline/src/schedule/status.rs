//! What the state folder tells of the jobs: a table for people, JSON for programs. No scheduler need run.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::schedule::config::Plan;
use crate::schedule::state::State;
use crate::schedule::view::JobView;

/// The jobs of a plan, as far as they are known.
#[must_use]
pub fn jobs(plan: &Plan, state: &State) -> Vec<JobView> {
    let view = |name: &str| JobView::new(name, state.jobs.get(name).unwrap_or(&Default::default()));
    plan.jobs.iter().map(|job| view(job.name())).collect()
}

/// What `--status --json` prints: as `/jobs`, and who runs the jobs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The scheduler that runs the jobs on this machine; null if none does.
    pub scheduler: Option<String>,
    /// The jobs.
    pub jobs: Vec<JobView>,
}

/// Who runs the jobs, as the line above the table.
///
/// * `holder`: who holds the lock of the state folder on this machine.
#[must_use]
pub fn headline(plan: &Plan, holder: Option<&str>) -> String {
    match holder {
        Some(who) => format!("the jobs are run by {who}\n"),
        None if plan.schedule.is_shared() => {
            "no scheduler runs the jobs on this machine; one on another may, by schedule.lock\n".to_owned()
        }
        None => "no scheduler runs: nothing of this begins before `offline schedule --config ...` does\n".to_owned(),
    }
}

/// The jobs as a table; times are in the zone of each job.
#[must_use]
pub fn table(plan: &Plan, state: &State) -> String {
    let head = ["job", "next run", "now", "last run", "outcome", "took", "failures"].map(String::from);
    let mut rows = vec![head];
    for (job, view) in plan.jobs.iter().zip(jobs(plan, state)) {
        let zone = TimeZone::get(&job.config.time_zone).unwrap_or(TimeZone::UTC);
        let time = |ms: i64| {
            let zoned = Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(zone.clone());
            zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
        };
        let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let after = || Some(format!("after {}", job.config.after.join(", "))).filter(|_| !job.config.after.is_empty());
        let attempt = view.attempt.unwrap_or_default();
        let now = match (view.running_since_ms, view.retry_ms) {
            (Some(since), _) => Some(format!("runs since {}, try {attempt}", time(since))),
            (None, Some(retry)) => Some(format!("is tried again at {}", time(retry))),
            (None, None) => None,
        };
        let last = view.last.as_ref();
        rows.push([
            view.name.clone(),
            or(view.next_run_ms.map(time).or_else(after)),
            or(now),
            or(last.map(|last| time(last.begun_ms))),
            or(last.map(|last| last.outcome.as_str().to_owned())),
            or(last.map(|last| format!("{:.1} s", last.seconds))),
            view.failures.to_string(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text: String = rows.iter().map(line).collect();
    for (channel, queue) in state.outbox.queues().filter(|(_, queue)| !queue.is_empty()) {
        text.push_str(&format!("{} notices wait for {channel}\n", queue.len()));
    }
    for view in jobs(plan, state) {
        if let Some(last) = view.last.filter(|last| !last.reason.is_empty()) {
            text.push_str(&format!("{}: {}\n", view.name, last.reason));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::state::{Active, JobState, Phase};
    use crate::schedule::tests::plan;

    #[test]
    fn it_is_told_who_runs_the_jobs_and_that_nobody_does() {
        let alone = plan("");
        assert_eq!(headline(&alone, Some("process 7 on shop")), "the jobs are run by process 7 on shop\n");
        assert!(headline(&alone, None).starts_with("no scheduler runs: "));
        let shared = plan("[schedule]\nlock = 'redis://127.0.0.1'");
        assert!(headline(&shared, None).contains("one on another may"));
    }

    #[test]
    fn a_table_has_a_line_a_job_with_times_in_its_zone() {
        let plan = plan(
            "[[job]]\nname='nightly'\ncron='@daily'\ntime_zone='Europe/Berlin'\ncommand=['run']\n\
             [[job]]\nname='save'\nafter=['nightly']\ncommand=['backup']",
        );
        let mut state = State::default();
        let phase = Phase::Running { since_ms: 0, deadline_ms: 0, boot: String::new() };
        let active = Active { due_ms: 0, begun_ms: 0, attempt: 2, id: "r1".to_owned(), phase, overtaken: false };
        let own = JobState { next_ms: Some(82_800_000), active: Some(active), failures: 1, ..JobState::default() };
        state.jobs.insert("nightly".to_owned(), own);
        let expected = "\
job      next run                 now                                        last run  outcome  took  failures
nightly  1970-01-02 00:00:00 CET  runs since 1970-01-01 01:00:00 CET, try 2  -         -        -     1
save     after nightly            -                                          -         -        -     0
";
        assert_eq!(table(&plan, &state), expected);
    }
}
