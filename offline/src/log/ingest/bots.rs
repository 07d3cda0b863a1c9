//! Finds users with a share of the log that no person has: bots, monitors, a `guest` whom many share.
//!
//! A user is implausible with more than a share of all events, in a log of many users, and with more than ten times the
//! events of the busiest of the others. By default such a user counts as much as that one: the last events of each.

use super::raw::RawEvent;
use super::settings::Bots;

/// A log of fewer users has no bots: in it, one person may well have most of the events.
const MIN_USERS: usize = 100;
/// How many times as busy as the busiest plausible user an implausible one is.
const TIMES_AS_BUSY: u64 = 10;

/// An implausible user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bot {
    /// The user's number.
    pub user: u32,
    /// The user's events.
    pub events: u64,
    /// Those that still count.
    pub kept: u64,
}

/// Takes out events of implausible users, as the setting says.
///
/// * `events`: in time order.
/// * `users`: how many users there are.
/// * `max_share`: the share of all events above which a user is implausible.
pub fn limit(events: &mut Vec<RawEvent>, users: usize, setting: Bots, max_share: f64) -> Vec<Bot> {
    let mut counts = vec![0u64; users];
    events.iter().for_each(|event| counts[event.user as usize] += 1);
    let mut bots = implausible(&counts, events.len(), max_share);
    let is_bot = |user: usize| bots.iter().any(|bot| bot.user as usize == user);
    let busiest =
        counts.iter().enumerate().filter(|(user, _)| !is_bot(*user)).map(|(_, count)| *count).max().unwrap_or(0);
    for bot in &mut bots {
        bot.kept = match setting {
            Bots::Keep => bot.events,
            Bots::Cap => busiest.min(bot.events),
            Bots::Drop => 0,
        };
        // How many of the first events go.
        counts[bot.user as usize] = bot.events - bot.kept;
    }
    if bots.iter().any(|bot| bot.kept < bot.events) {
        let mut surplus = vec![0; users];
        bots.iter().for_each(|bot| surplus[bot.user as usize] = bot.events - bot.kept);
        events.retain(|event| {
            let left = &mut surplus[event.user as usize];
            let goes = *left > 0;
            *left -= u64::from(goes);
            !goes
        });
    }
    bots
}

/// Users with too large a share, the busiest first.
fn implausible(counts: &[u64], events: usize, max_share: f64) -> Vec<Bot> {
    if counts.len() < MIN_USERS {
        return Vec::new();
    }
    let bound = (max_share * events as f64) as u64;
    let mut busy: Vec<(u64, u32)> = counts.iter().zip(0..).map(|(count, user)| (*count, user)).collect();
    busy.sort_unstable_by_key(|&(count, user)| (std::cmp::Reverse(count), user));
    let above = busy.iter().take_while(|(count, _)| *count > bound).count();
    // The last place behind which users are ten times less busy.
    let gap = (1..=above)
        .rev()
        .find(|&at| busy.get(at).is_some_and(|(next, _)| busy[at - 1].0 > TIMES_AS_BUSY * (*next).max(1)));
    let bot = |&(events, user): &(u64, u32)| Bot { user, events, kept: events };
    busy[..gap.unwrap_or(0)].iter().map(bot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log in which user 0 has `of_bot` events and 200 others ten each.
    fn log(of_bot: usize) -> Vec<RawEvent> {
        let event = |user| RawEvent::view(user, 0, 0, 0);
        let people = (0..2000).map(|at| event(1 + at % 200));
        people.chain((0..of_bot).map(|_| event(0))).collect()
    }

    fn of_bot(setting: Bots, events: usize) -> (usize, usize) {
        let mut log = log(events);
        let bots = limit(&mut log, 201, setting, 0.05);
        (bots.len(), log.iter().filter(|event| event.user == 0).count())
    }

    #[test]
    fn a_bot_counts_as_much_as_the_busiest_person() {
        assert_eq!(of_bot(Bots::Cap, 30_000), (1, 10));
        assert_eq!(of_bot(Bots::Drop, 30_000), (1, 0));
        assert_eq!(of_bot(Bots::Keep, 30_000), (1, 30_000));
    }

    #[test]
    fn a_busy_person_is_no_bot() {
        // Seven times as busy, or a small share.
        assert_eq!(of_bot(Bots::Cap, 70), (0, 70));
        let mut small = log(30_000);
        small.retain(|event| event.user < 90);
        assert_eq!(limit(&mut small, 90, Bots::Cap, 0.05), []);
    }
}
