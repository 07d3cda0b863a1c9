//! Counters and rates of each item, over the log that the sources are fitted on.

use std::path::Path;

use shared::artifact::ArtifactError;
use shared::artifact::tables::TableWriter;
use shared::event::EventKind;
use shared::id::ItemIdx;
use shared::schema::Statistic;
use shared::snapshot::STATISTICS;

use crate::ingest::{DAY_MS, Log};
use crate::interactions::Sessions;

/// Rates begin as if there had been so many views ...
const PRIOR_VIEWS: f64 = 20.0;
/// ... and shares as if there had been so many occurrences.
const PRIOR_OCCURRENCES: f64 = 5.0;
/// A repeat is one of the last so many events of the session.
const LOOK_BACK: usize = 50;

/// One column a [`Statistic`], one value an item.
#[derive(Debug)]
pub struct Statistics(Vec<Vec<f32>>);

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    kinds: [u32; 3],
    events_1d: u32,
    events_7d: u32,
    events_30d: u32,
    first_ms: i64,
    last_ms: i64,
    repeats: u32,
    stays: u32,
    exits: u32,
    entries: u32,
}

/// Counts the events of each item.
#[must_use]
pub fn fit(log: &Log, sessions: &Sessions) -> Statistics {
    let counts = counts(log, sessions);
    let end = log.last_ms();
    let total = |of: &dyn Fn(&Counts) -> u32| counts.iter().map(|counts| f64::from(of(counts))).sum::<f64>();
    let of_kind = |kind: EventKind| move |counts: &Counts| counts.kinds[kind as usize];
    let events = |counts: &Counts| counts.kinds.iter().sum::<u32>();
    let all = total(&events).max(1.0);
    let [views, carts, purchases] =
        [EventKind::View, EventKind::AddToCart, EventKind::Transaction].map(|kind| total(&of_kind(kind)));
    let mean_rate = |count: f64| count / views.max(1.0);
    let rate =
        |count: u32, views: u32, mean: f64| (f64::from(count) + mean * PRIOR_VIEWS) / (f64::from(views) + PRIOR_VIEWS);
    let share = |count: u32, of: u32, mean: f64| {
        (f64::from(count) + mean * PRIOR_OCCURRENCES) / (f64::from(of) + PRIOR_OCCURRENCES)
    };
    let days = |from: i64| (end - from) as f64 / DAY_MS as f64;
    let [repeats, stays, exits, entries] =
        [total(&|c| c.repeats), total(&|c| c.stays), total(&|c| c.exits), total(&|c| c.entries)]
            .map(|count| count / all);
    let value = |statistic: Statistic, c: &Counts| match statistic {
        _ if events(c) == 0 && matches!(statistic, Statistic::AgeDays | Statistic::IdleDays) => f64::NAN,
        Statistic::Events => f64::from(events(c)).ln_1p(),
        Statistic::Events1d => f64::from(c.events_1d).ln_1p(),
        Statistic::Events7d => f64::from(c.events_7d).ln_1p(),
        Statistic::Events30d => f64::from(c.events_30d).ln_1p(),
        Statistic::Trend => ((f64::from(c.events_7d) + 1.0) / (f64::from(c.events_30d) + 4.0)).ln(),
        Statistic::CartRate => rate(c.kinds[EventKind::AddToCart as usize], c.kinds[0], mean_rate(carts)),
        Statistic::PurchaseRate => rate(c.kinds[EventKind::Transaction as usize], c.kinds[0], mean_rate(purchases)),
        Statistic::AgeDays => days(c.first_ms),
        Statistic::IdleDays => days(c.last_ms),
        Statistic::RepeatShare => share(c.repeats, events(c), repeats),
        Statistic::StayShare => share(c.stays, events(c), stays),
        Statistic::ExitShare => share(c.exits, events(c), exits),
        Statistic::EntryShare => share(c.entries, events(c), entries),
    };
    let column = |&(statistic, _): &(Statistic, &str)| counts.iter().map(|c| value(statistic, c) as f32).collect();
    Statistics(Statistic::ALL.iter().map(column).collect())
}

fn counts(log: &Log, sessions: &Sessions) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); log.items.len()];
    let end = log.last_ms();
    for event in &log.events {
        let counts = &mut counts[event.item.at()];
        if counts.kinds.iter().all(|&count| count == 0) {
            counts.first_ms = event.timestamp_ms;
        }
        counts.kinds[event.kind as usize] += 1;
        counts.last_ms = event.timestamp_ms;
        let age_ms = end - event.timestamp_ms;
        counts.events_1d += u32::from(age_ms < DAY_MS);
        counts.events_7d += u32::from(age_ms < 7 * DAY_MS);
        counts.events_30d += u32::from(age_ms < 30 * DAY_MS);
    }
    count_places(sessions, &mut counts);
    counts
}

/// Counts where in its sessions each item stands.
fn count_places(sessions: &Sessions, counts: &mut [Counts]) {
    for session in sessions.items.outer_iterator() {
        let items = session.data();
        for (place, item) in items.iter().enumerate() {
            counts[*item as usize].stays += u32::from(items.get(place + 1) == Some(item));
            counts[*item as usize].repeats += u32::from(items[place.saturating_sub(LOOK_BACK)..place].contains(item));
        }
        if let (Some(first), Some(last)) = (items.first(), items.last()) {
            counts[*first as usize].entries += 1;
            counts[*last as usize].exits += 1;
        }
    }
}

impl Statistics {
    /// The value of an item.
    #[must_use]
    pub fn get(&self, statistic: Statistic, item: ItemIdx) -> f32 {
        self.0[statistic as usize][item.at()]
    }

    /// Writes the table into an artifact's folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        let columns = Statistic::ALL.iter().zip(&self.0);
        columns
            .fold(TableWriter::default(), |table, ((_, name), values)| table.column(name, values))
            .write(folder, STATISTICS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::Csr;

    #[test]
    fn repeats_exits_and_entries_are_counted_in_sessions() {
        // One session: 0 1 0.
        let sessions = Sessions { items: Csr::new((1, 3), vec![0, 3], vec![0, 1, 2], vec![0, 1, 0]), last_ms: vec![0] };
        let mut counts = vec![Counts::default(); 2];
        count_places(&sessions, &mut counts);
        let of = |item: usize| (counts[item].repeats, counts[item].entries, counts[item].exits);
        assert_eq!((of(0), of(1)), ((1, 1, 1), (0, 0, 0)));
    }
}
