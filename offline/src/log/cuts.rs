//! Chooses the validation windows at the end of a log: models are fitted on the part before a window, and measured on
//! questions about the window.
//!
//! In: a log and the config. Out: cuts, the latest first, and both sides of one. `blend.windows` decides whether
//! windows are parts of the log in time or parts of each user's past; `auto` takes the pasts if the events' times are
//! too coarse to cut a window in time. A window takes a share of the events; if it holds too few questions to tell
//! weights apart, the share is doubled, as long as all windows together leave half of the log to learn from. Cost: a
//! pass over the events per share tried.

use crate::config::{Config, WindowsOf};
use crate::log::ingest::Log;
use crate::log::split::{self, Cut};
use crate::measure::evaluate::Task;
use crate::measure::evaluate::cases::{Asked, HeldOut};
use crate::measure::evaluate::questions;

/// The two sides of a cut.
#[derive(Debug)]
pub struct Parts {
    /// The training part.
    pub train: Log,
    /// The held-out part.
    pub held: Log,
    /// The time of the questions.
    pub asked: Asked,
}

impl Parts {
    /// The parts of two logs, of which the held-out one follows the other in time.
    #[must_use]
    pub fn in_time(train: Log, held: Log) -> Self {
        let asked = Asked::At(held.first_ms().max(train.now_ms()));
        Self { train, held, asked }
    }

    /// Both sides of a cut through a log.
    #[must_use]
    pub fn of(log: &Log, cut: &Cut) -> Self {
        let (train, held) = cut.apply(log);
        match cut {
            Cut::Time(_) => Self::in_time(train, held),
            Cut::Users { .. } => Self { train, held, asked: Asked::AfterPast },
        }
    }

    /// The held-out events of each user.
    #[must_use]
    pub fn held_out(&self, config: &Config) -> HeldOut<'_> {
        HeldOut::new(&self.held, self.asked, config.gap_ms())
    }

    /// How many questions of the configured objective each user gives.
    #[must_use]
    pub fn questions(&self, config: &Config) -> Vec<usize> {
        questions::questions(&self.train, &self.held_out(config), config.blend.objective, config.blend.seen)
    }

    /// The same with the held-out events of every so many of the users with questions, so that there are about so many
    /// questions at most; and how many there are.
    #[must_use]
    pub fn sampled(self, config: &Config, most: usize) -> (Self, usize) {
        let questions = self.questions(config);
        let step = questions.iter().sum::<usize>().div_ceil(most).max(1);
        let asked: Vec<usize> = (0..questions.len()).filter(|&row| questions[row] > 0).step_by(step).collect();
        let held = self.held.only(|told| asked.binary_search(&told.event().user.at()).is_ok());
        let cases = asked.iter().map(|&row| questions[row]).sum();
        (Self { held, ..self }, cases)
    }
}

/// Cuts a log into the last `count` windows of the configured kind, each of a share of it, the latest first.
#[must_use]
pub fn cuts(log: &Log, config: &Config, share: f64, count: usize) -> Vec<Cut> {
    let in_time = || split::in_time(log, share, count);
    match (config.blend.objective, config.blend.windows) {
        (Task::LastItem, _) => split::of_users(log, 0.0, count),
        (_, WindowsOf::Users) => split::of_users(log, share, count),
        (_, WindowsOf::Time) => in_time(),
        (_, WindowsOf::Auto) if split::times_tell(log, config.blend.validation_share) => in_time(),
        // If no user has two events, the log can only be cut in time.
        (_, WindowsOf::Auto) => non_empty(split::of_users(log, share, count)).unwrap_or_else(in_time),
    }
}

/// The default held-out part of a log: its last share, in time if the events' times allow it.
#[must_use]
pub fn last_part(log: &Log, share: f64) -> Option<Cut> {
    let in_time = || split::in_time(log, share, 1);
    let cuts = match split::times_tell(log, share) {
        true => in_time(),
        false => non_empty(split::of_users(log, share, 1)).unwrap_or_else(in_time),
    };
    cuts.into_iter().next()
}

fn non_empty(cuts: Vec<Cut>) -> Option<Vec<Cut>> {
    Some(cuts).filter(|cuts| !cuts.is_empty())
}

/// As [`cuts`], with the configured share, or a larger one if the latest window has too few questions.
#[must_use]
pub fn validation_cuts(log: &Log, config: &Config, count: usize) -> Vec<Cut> {
    let mut share = config.blend.validation_share;
    let mut latest = cuts(log, config, share, 1).pop();
    while let Some(cut) = &latest
        && grows(cut, config)
        && 2.0 * share * count as f64 <= 0.5
        && Parts::of(log, cut).questions(config).iter().sum::<usize>() < config.blend.min_cases
    {
        share *= 2.0;
        latest = cuts(log, config, share, 1).pop();
    }
    cuts(log, config, share, count)
}

/// Whether a larger window has more questions. If windows are cut from users' pasts, last-item and top-k give one
/// question per user however large the window is.
fn grows(cut: &Cut, config: &Config) -> bool {
    match cut {
        Cut::Time(_) => true,
        Cut::Users { .. } => config.blend.objective == Task::NextItem,
    }
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

    /// A log of thirty users with ten events each, all at one time.
    fn timeless() -> Log {
        let names: Vec<String> = (0..30).map(|user| format!("u{user:02}")).collect();
        let rows = (0..300).map(|event| (0, &*names[event / 10], ["a", "b", "c", "d", "e", "f", "g"][event % 7]));
        Log::of_views(&rows.collect::<Vec<_>>())
    }

    #[test]
    fn where_times_say_nothing_windows_are_of_users_unless_the_config_says_otherwise() {
        let mut config = Config::load(None, None).expect("defaults");
        assert_eq!(config.blend.windows, WindowsOf::Auto);
        config.blend.min_cases = 1;
        let users = |share| [1, 2].map(|number| Cut::Users { number, share });
        assert_eq!(validation_cuts(&timeless(), &config, 2), users(0.05));
        // One event each; a tenth is one as well, a fifth are two.
        config.blend.min_cases = 31;
        assert_eq!(validation_cuts(&timeless(), &config, 2), users(0.2));
        config.blend.objective = Task::TopK;
        assert_eq!(validation_cuts(&timeless(), &config, 2), users(0.05));
        config.blend.windows = WindowsOf::Time;
        assert_eq!(validation_cuts(&timeless(), &config, 2), []);
        assert_eq!(last_part(&timeless(), 0.1), Some(Cut::Users { number: 1, share: 0.1 }));
    }

    #[test]
    fn where_times_tell_auto_cuts_in_time_and_users_are_cut_where_the_config_says_so() {
        let days: Vec<(i64, &str, &str)> =
            (0..200).map(|day| (day * 86_400_000, ["u", "v"][day as usize % 2], "a")).collect();
        let log = Log::of_views(&days);
        let mut config = Config::load(None, None).expect("defaults");
        assert_eq!(cuts(&log, &config, 0.05, 1), [Cut::Time(190..200)]);
        assert_eq!(last_part(&log, 0.1), Some(Cut::Time(180..200)));
        config.blend.windows = WindowsOf::Users;
        assert_eq!(cuts(&log, &config, 0.05, 1), [Cut::Users { number: 1, share: 0.05 }]);
    }

    #[test]
    fn where_nobody_has_two_events_nothing_but_time_can_be_cut() {
        let log = Log::of_views(&[(0, "u", "a"), (0, "v", "a"), (0, "w", "a"), (1, "x", "a")]);
        let config = Config::load(None, None).expect("defaults");
        assert_eq!(cuts(&log, &config, 0.05, 1), [Cut::Time(3..4)]);
        assert_eq!(last_part(&Log::of_views(&[(0, "u", "a"), (0, "v", "a")]), 0.1), None);
    }
}
