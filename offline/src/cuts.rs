//! Where the end of a log is cut into windows of questions.
//!
//! A window takes a share of the log. Where it holds too few questions to tell weights apart, it takes twice the share, and
//! so on, as long as all windows together leave half of the log to learn from. Cost: a pass over the events a try.

use crate::config::{Config, WindowsOf};
use crate::evaluate::Task;
use crate::evaluate::cases::HeldOut;
use crate::ingest::Log;
use crate::split::{self, Cut};

/// Cuts a log into the last `count` windows of the configured kind, each of a share of it, the latest first.
#[must_use]
pub fn cuts(log: &Log, config: &Config, share: f64, count: usize) -> Vec<Cut> {
    match (config.blend.objective, config.blend.windows) {
        (Task::LastItem, _) => split::of_users(log, 0.0, count),
        (_, WindowsOf::Users) => split::of_users(log, share, count),
        (_, WindowsOf::Time) => split::in_time(log, share, count),
    }
}

/// As [`cuts`], of the configured share or, where the latest window has too few questions, of more.
#[must_use]
pub fn validation_cuts(log: &Log, config: &Config, count: usize) -> Vec<Cut> {
    let mut share = config.blend.validation_share;
    let in_time = config.blend.objective != Task::LastItem && config.blend.windows == WindowsOf::Time;
    if in_time {
        while 2.0 * share * count as f64 <= 0.5 && latest_questions(log, config, share) < config.blend.min_cases {
            share *= 2.0;
        }
    }
    cuts(log, config, share, count)
}

fn latest_questions(log: &Log, config: &Config, share: f64) -> usize {
    let latest = cuts(log, config, share, 1).pop();
    latest.map_or(0, |cut| {
        let (train, held) = cut.apply(log);
        questions(&train, &held, config).iter().sum()
    })
}

/// How many questions each user of a window is asked.
#[must_use]
pub fn questions(train: &Log, held: &Log, config: &Config) -> Vec<usize> {
    let held_out = HeldOut::new(held);
    let known = |id: &str| train.users.binary_search_by(|other| (**other).cmp(id)).is_ok();
    let of_row = |row: usize| match config.blend.objective {
        Task::NextItem => held_out.next_item_cases(row, config.gap_ms()),
        Task::TopK | Task::LastItem => usize::from(known(held_out.user(row))),
    };
    (0..held_out.users()).map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cut of a log in which a hundred users have four events each, one user a day.
    fn latest_start(min_cases: usize) -> usize {
        let names: Vec<String> = (0..100).map(|user| format!("u{user}")).collect();
        let rows = (0..400).map(|event| {
            let (user, place) = (event / 4, event % 4);
            (user * 86_400_000 + place, &*names[user as usize], ["a", "b", "c"][(event % 3) as usize])
        });
        let log = Log::of_views(&rows.collect::<Vec<_>>());
        let mut config = Config::load(None, None).expect("defaults");
        config.blend.min_cases = min_cases;
        match &validation_cuts(&log, &config, 2)[..] {
            [Cut::Time(latest), Cut::Time(before)] if before.end == latest.start => latest.start,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_window_with_too_few_questions_is_doubled_until_half_of_the_log_is_asked() {
        // A twentieth are five users of three questions each.
        assert_eq!(latest_start(15), 380);
        assert_eq!(latest_start(16), 360);
        assert_eq!(latest_start(10_000), 320);
    }
}
