//! Counters and rates of each item and of its category, over the log that the sources are fitted on.

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
    let categories = kinds_by_category(log);
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
    let cart_rate = |kinds: [u32; 3]| rate(kinds[EventKind::AddToCart as usize], kinds[0], mean_rate(carts));
    let purchase_rate = |kinds: [u32; 3]| rate(kinds[EventKind::Transaction as usize], kinds[0], mean_rate(purchases));
    let value = |statistic: Statistic, c: &Counts, category: Option<[u32; 3]>| match statistic {
        _ if events(c) == 0 && matches!(statistic, Statistic::AgeDays | Statistic::IdleDays) => f64::NAN,
        Statistic::Events => f64::from(events(c)).ln_1p(),
        Statistic::Events1d => f64::from(c.events_1d).ln_1p(),
        Statistic::Events7d => f64::from(c.events_7d).ln_1p(),
        Statistic::Events30d => f64::from(c.events_30d).ln_1p(),
        Statistic::Trend => ((f64::from(c.events_7d) + 1.0) / (f64::from(c.events_30d) + 4.0)).ln(),
        Statistic::CartRate => cart_rate(c.kinds),
        Statistic::PurchaseRate => purchase_rate(c.kinds),
        Statistic::AgeDays => days(c.first_ms),
        Statistic::IdleDays => days(c.last_ms),
        Statistic::RepeatShare => share(c.repeats, events(c), repeats),
        Statistic::StayShare => share(c.stays, events(c), stays),
        Statistic::ExitShare => share(c.exits, events(c), exits),
        Statistic::EntryShare => share(c.entries, events(c), entries),
        Statistic::CategoryEvents => category.map_or(f64::NAN, |kinds| f64::from(kinds.iter().sum::<u32>()).ln_1p()),
        Statistic::CategoryCartRate => category.map_or(f64::NAN, cart_rate),
        Statistic::CategoryPurchaseRate => category.map_or(f64::NAN, purchase_rate),
    };
    let category_of = |item: usize| categories.get(log.items.category_of[item] as usize).copied();
    let column = |&(statistic, _): &(Statistic, &str)| {
        counts.iter().enumerate().map(|(item, counts)| value(statistic, counts, category_of(item)) as f32).collect()
    };
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

/// Events of each kind by category.
fn kinds_by_category(log: &Log) -> Vec<[u32; 3]> {
    let mut kinds = vec![[0; 3]; log.items.categories.len()];
    for event in &log.events {
        if let Some(kinds) = kinds.get_mut(log.items.category_of[event.item.at()] as usize) {
            kinds[event.kind as usize] += 1;
        }
    }
    kinds
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
    use shared::id::UserIdx;
    use shared::snapshot::NO_CATEGORY;

    use super::*;
    use crate::ingest::{Catalogue, IngestReport, LogEvent, SessionsFrom};
    use crate::interactions::{Csr, sessions};

    #[test]
    fn an_item_without_events_has_the_rates_of_its_category() {
        // Lamps are put into the cart at every view, tables never; 2 is a new lamp, 3 is of no category.
        let (view, cart) = (EventKind::View, EventKind::AddToCart);
        let of_item = [(0, view), (0, cart), (1, view), (1, view), (3, view)];
        let event = |(item, kind)| LogEvent {
            user: UserIdx(0),
            item: ItemIdx(item),
            kind,
            session: 0,
            timestamp_ms: 0,
            received_ms: 0,
            event_key: 0,
        };
        let log = Log {
            users: vec!["u".into()],
            items: Catalogue {
                category_of: vec![0, 1, 0, NO_CATEGORY],
                categories: vec!["lamps".into(), "tables".into()],
                ..Catalogue::default().with_seen(["a", "b", "c", "d"].map(|id| (id.into(), None)).to_vec()).0
            },
            events: of_item.map(event).to_vec(),
            sessions: SessionsFrom::Gap,
            report: IngestReport::default(),
        };
        let statistics = fit(&log, &sessions(&log, 1));
        let of = |statistic| [0, 1, 2, 3].map(|item| statistics.get(statistic, ItemIdx(item)));
        let rates = of(Statistic::CategoryCartRate);
        // One cart in four views, 20 views of that rate before any.
        assert_eq!(rates[..3], [6.0 / 21.0, 5.0 / 22.0, 6.0 / 21.0].map(|rate: f64| rate as f32));
        assert!(rates[3].is_nan());
        assert_eq!(of(Statistic::CategoryEvents)[..3], [2f64.ln_1p() as f32; 3]);
    }

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
