//! Checks of single values, and of what jobs say of each other.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::{Job, PlanError, wrong};

/// Checks where the scheduler is to answer: nowhere, or HOST:PORT.
///
/// # Errors
/// [`PlanError::Value`].
pub fn check_listen(address: &str) -> Result<(), PlanError> {
    let known = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let named = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && host.chars().all(known) && port.parse::<u16>().is_ok());
    if address.is_empty() || named || address.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let what = format!("{address:?} is no address; write it as 127.0.0.1:9091 or [::1]:9091, or \"\" for none");
    Err(wrong("schedule.listen", what))
}

/// Checks what jobs say of each other.
///
/// # Errors
/// [`PlanError::Value`] names the job.
pub fn check_names(jobs: &[Job]) -> Result<(), PlanError> {
    let mut seen = BTreeSet::new();
    for job in jobs {
        if !seen.insert(job.name()) {
            return Err(wrong(format!("job {}", job.name()), "there are two of this name"));
        }
        for other in &job.config.after {
            if other == job.name() || !jobs.iter().any(|job| job.name() == other) {
                let what = format!("`after` names {other}, which is no other job");
                return Err(wrong(format!("job {}", job.name()), what));
            }
        }
    }
    check_order(jobs)
}

/// Checks that no jobs wait for each other: those that can run are taken away until none is left.
fn check_order(jobs: &[Job]) -> Result<(), PlanError> {
    let mut left: Vec<&Job> = jobs.iter().collect();
    loop {
        let waiting: BTreeSet<&str> = left.iter().map(|job| job.name()).collect();
        let before = left.len();
        left.retain(|job| job.config.after.iter().any(|other| waiting.contains(other.as_str())));
        let Some(first) = left.first() else { return Ok(()) };
        if left.len() == before {
            let names: Vec<&str> = left.iter().map(|job| job.name()).collect();
            let what = format!(
                "by `after` it would wait for itself, and never run; of {} one needs a `cron`",
                names.join(", ")
            );
            return Err(wrong(format!("job {}", first.name()), what));
        }
    }
}
