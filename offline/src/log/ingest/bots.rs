//! Finds users with a share of the log that no person has: bots, monitors, a `guest` whom many share.
//!
//! A user is implausible with more than a share of all events, in a log of many users, and with more than ten times the
//! events of the busiest of the others. By default such a user counts as much as that one: the last events of each.

use super::settings::Bots;

/// A log of fewer users has no bots: in it, one person may well have most of the events.
const MIN_USERS: usize = 100;
/// How many times as busy as the busiest plausible user an implausible one is.
const TIMES_AS_BUSY: u64 = 10;

/// How implausible users are told, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// What becomes of them.
    pub setting: Bots,
    /// The share of all events above which a user is implausible.
    pub max_share: f64,
}

/// An implausible user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bot {
    /// The user's number.
    pub user: usize,
    /// The user's events.
    pub events: u64,
    /// Those that still count.
    pub kept: u64,
}

/// Finds implausible users, the busiest first.
///
/// * `user_of_events`: the user of each event.
/// * `users`: how many users there are.
pub fn find(user_of_events: impl Iterator<Item = usize>, users: usize, limit: Limit) -> Vec<Bot> {
    let mut counts = vec![0u64; users];
    user_of_events.for_each(|user| counts[user] += 1);
    let mut bots = implausible(&counts, limit.max_share);
    bots.iter().for_each(|bot| counts[bot.user] = 0);
    let busiest = counts.into_iter().max().unwrap_or(0);
    for bot in &mut bots {
        bot.kept = match limit.setting {
            Bots::Keep => bot.events,
            Bots::Cap => busiest.min(bot.events),
            Bots::Drop => 0,
        };
    }
    bots
}

/// Whether an event does not count, asked by user for each event in time order: the first ones of an implausible user.
pub fn surplus(bots: &[Bot]) -> impl FnMut(usize) -> bool {
    let mut left: Vec<(usize, u64)> = bots.iter().map(|bot| (bot.user, bot.events - bot.kept)).collect();
    left.retain(|(_, events)| *events > 0);
    move |user| match left.iter_mut().find(|(bot, events)| *bot == user && *events > 0) {
        Some((_, events)) => {
            *events -= 1;
            true
        }
        None => false,
    }
}

/// Users with too large a share, the busiest first.
fn implausible(counts: &[u64], max_share: f64) -> Vec<Bot> {
    if counts.len() < MIN_USERS {
        return Vec::new();
    }
    let bound = (max_share * counts.iter().sum::<u64>() as f64) as u64;
    let (mut busy, mut next) = (Vec::new(), 0);
    for (user, &count) in counts.iter().enumerate() {
        if count > bound {
            busy.push((count, user));
        } else {
            next = next.max(count);
        }
    }
    busy.sort_unstable_by_key(|&(count, user)| (std::cmp::Reverse(count), user));
    // The last place behind which users are ten times less busy.
    let below = |at: usize| busy.get(at).map_or(next, |(count, _)| *count);
    let gap = (1..=busy.len()).rev().find(|&at| busy[at - 1].0 > TIMES_AS_BUSY * below(at).max(1));
    let bot = |&(events, user): &(u64, usize)| Bot { user, events, kept: events };
    busy[..gap.unwrap_or(0)].iter().map(bot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The users of a log in which user 0 has `of_bot` events and 200 others ten each.
    fn log(of_bot: usize) -> impl Iterator<Item = usize> {
        (0..2000).map(|at| 1 + at % 200).chain((0..of_bot).map(|_| 0))
    }

    /// How many bots there are, and how many events of user 0 count.
    fn of_bot(setting: Bots, events: usize) -> (usize, usize) {
        let bots = find(log(events), 201, Limit { setting, max_share: 0.05 });
        let mut is_surplus = surplus(&bots);
        (bots.len(), log(events).filter(|user| !is_surplus(*user) && *user == 0).count())
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
        let small = log(30_000).filter(|user| *user < 90);
        assert_eq!(find(small, 90, Limit { setting: Bots::Cap, max_share: 0.05 }), []);
    }
}
