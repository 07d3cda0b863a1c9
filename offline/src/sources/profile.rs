//! `profile`: which items the users with a value of a column took more, or less, than users at large; and what is known of
//! each user.
//!
//! In: a log with a user table. Out: the cells of each column (a level, a bin of numbers, a missing value), the cells of
//! each user, and for each cell the lift of its items,
//!
//! ```text
//! lift(cell, item) = ln( (n(cell, item) + m · p(item)) / ((n(cell) + m) · p(item)) )
//! ```
//!
//! where n is the weight of events of users in the cell, by what was known of them at the event, halved for every half-life
//! of its age; p is the item's share of all events; m is the smoothing. Items that a cell does not list share one lift, that
//! of all of them together. Bins and levels are those of the users' last rows. Cost: a pass over the events per column.

use hashbrown::HashMap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shared::contract::artifact::strings::Strings;
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::tabular::column::{self, Level};
use shared::engine::tabular::schema::Field;
use shared::tables::ProfileTable;

use super::{SourcesConfig, Trainer};
use crate::config::ranges::{OutOfRange, range};
use crate::log::ingest::users::UserTable;
use crate::log::ingest::{DAY_MS, Log, age_ms};
use crate::log::profiles::{Taken, taken};

/// How profiles are learnt from. See `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ProfileConfig {
    pub half_life_days: f64,
    pub smoothing: f64,
    pub power: f32,
    pub bins: usize,
    pub levels: usize,
    pub fewest_users: usize,
    pub items: usize,
}

/// The trainer of `profile`.
pub const TRAINER: Trainer = Trainer {
    sources: &[Source::Profile],
    fit: |inputs, tables, _| tables.profiles = fit(inputs.log, &inputs.settings.sources.profile),
    steps: |_| 0,
    check,
    studies: &[],
};

fn check(config: &SourcesConfig) -> Result<(), OutOfRange> {
    let config = &config.profile;
    range(config.half_life_days >= 0.0, "profile.half_life_days", config.half_life_days, "at least 0")?;
    range(config.smoothing > 0.0, "profile.smoothing", config.smoothing, "greater than 0")?;
    range((0.0..=10.0).contains(&config.power), "profile.power", config.power, "0 to 10")?;
    range((2..=1000).contains(&config.bins), "profile.bins", config.bins, "2 to 1000")?;
    range((1..=10_000).contains(&config.levels), "profile.levels", config.levels, "1 to 10000")?;
    range(config.fewest_users > 0, "profile.fewest_users", config.fewest_users, "at least 1")?;
    range(config.items > 0, "profile.items", config.items, "at least 1")
}

/// The rows of the users that may be known, by user and time.
struct Known {
    /// The rows of the table.
    rows: Vec<usize>,
    /// Where the rows of each user begin, and the end of the last.
    starts: Vec<usize>,
}

impl Known {
    fn of(log: &Log, table: &UserTable, users: &[Option<usize>]) -> Self {
        let mut last_ms = vec![None; table.ids.len()];
        for event in &log.events {
            if let Some(user) = users[event.user.at()] {
                last_ms[user] = Some(event.timestamp_ms);
            }
        }
        let (mut rows, mut starts) = (Vec::new(), vec![0]);
        for (user, last_ms) in last_ms.into_iter().enumerate() {
            let limit = log.profiles.limit(last_ms);
            let known = table.rows(user).iter().take_while(|row| table.time(**row) <= limit);
            rows.extend(known.map(|row| *row as usize));
            starts.push(rows.len());
        }
        Self { rows, starts }
    }

    /// The places among the rows of the last row of each user who has one.
    fn last(&self) -> Vec<(usize, usize)> {
        let users = self.starts.windows(2).enumerate();
        users.filter(|(_, bounds)| bounds[0] < bounds[1]).map(|(user, bounds)| (user, bounds[1] - 1)).collect()
    }

    /// The place of the last row of a user at or before a time.
    fn at(&self, table: &UserTable, user: usize, time_ms: i64) -> Option<usize> {
        let (first, end) = (self.starts[user], self.starts[user + 1]);
        let before = self.rows[first..end].partition_point(|row| table.time(*row as u32) <= time_ms);
        (first + before).checked_sub(1).filter(|place| *place >= first)
    }
}

/// An event of a user with a profile.
struct Took {
    /// The place of the user's row.
    row: usize,
    item: ItemIdx,
    weight: f64,
}

/// The columns of the profiles of a log; none if it has none.
#[must_use]
pub fn fields(log: &Log) -> Vec<Field> {
    let Some(table) = log.profiles.table() else { return Vec::new() };
    let users: Vec<Option<usize>> = log.users.iter().map(|id| table.ids.binary_search(id).ok()).collect();
    taken(table, &Known::of(log, table, &users).rows).fields
}

/// Learns from the profiles of a log; nothing if it has none.
#[must_use]
pub fn fit(log: &Log, config: &ProfileConfig) -> ProfileTable {
    let Some(table) = log.profiles.table() else { return ProfileTable::default() };
    let users: Vec<Option<usize>> = log.users.iter().map(|id| table.ids.binary_search(id).ok()).collect();
    let known = Known::of(log, table, &users);
    let (last, Taken { fields, values, .. }) = (known.last(), taken(table, &known.rows));
    let mut learnt = cut(&values, &last, config);
    learnt.fields = fields.iter().filter_map(|field| serde_json::to_string(field).ok()).collect();
    learnt.weights = vec![config.power; fields.len()].into();
    learnt.ids = last.iter().map(|(user, _)| &table.ids[*user]).collect::<Strings>();
    let columns = 0..values.len();
    learnt.cells = last
        .iter()
        .flat_map(|(_, row)| columns.clone().map(|column| learnt.cell(column, &values[column], *row)))
        .collect();
    let took = took(log, table, &users, &known, config);
    let shares = shares(&took, log.items.len());
    let lifts: Vec<Vec<Lifts>> = columns
        .into_par_iter()
        .map(|column| {
            let cell = |row: usize| learnt.cell(column, &values[column], row);
            lifts(&took, &shares, learnt.width(column), cell, config)
        })
        .collect();
    let (mut starts, mut items, mut listed, mut others) = (vec![0], Vec::new(), Vec::new(), Vec::new());
    for cell in lifts.into_iter().flatten() {
        items.extend(cell.listed.iter().map(|(item, _)| *item));
        listed.extend(cell.listed.iter().map(|(_, lift)| *lift));
        others.push(cell.other);
        starts.push(items.len() as u64);
    }
    (learnt.lift_starts, learnt.lift_items) = (starts.into(), items.into());
    (learnt.lifts, learnt.other_lifts) = (listed.into(), others.into());
    learnt.shares = shares.into_iter().map(|share| share as f32).collect();
    learnt
}

/// Cuts columns into cells: the table has levels and edges then.
fn cut(values: &[column::Column], last: &[(usize, usize)], config: &ProfileConfig) -> ProfileTable {
    let (mut level_starts, mut levels, mut edge_starts, mut edges) = (vec![0], Vec::new(), vec![0], Vec::new());
    for column in values {
        match column {
            column::Column::Numbers(numbers) => {
                edges.extend(quantiles(last.iter().map(|(_, row)| numbers[*row] as f32), config.bins));
            }
            column::Column::Levels(all) => levels.extend(frequent(last.iter().map(|(_, row)| all[*row]), config)),
        }
        level_starts.push(levels.len() as u64);
        edge_starts.push(edges.len() as u64);
    }
    ProfileTable {
        level_starts: level_starts.into(),
        levels: levels.into(),
        edge_starts: edge_starts.into(),
        edges: edges.into(),
        ..ProfileTable::default()
    }
}

/// The edges between bins of about as many numbers each, ascending.
fn quantiles(numbers: impl Iterator<Item = f32>, bins: usize) -> Vec<f32> {
    let mut numbers: Vec<f32> = numbers.filter(|number| !number.is_nan()).collect();
    numbers.sort_unstable_by(f32::total_cmp);
    let Some(&smallest) = numbers.first() else { return Vec::new() };
    let mut edges: Vec<f32> = (1..bins).map(|bin| numbers[bin * numbers.len() / bins]).collect();
    edges.dedup();
    edges.retain(|edge| *edge > smallest);
    edges
}

/// The levels that get a cell, ascending.
fn frequent(levels: impl Iterator<Item = Level>, config: &ProfileConfig) -> Vec<Level> {
    let mut counts: HashMap<Level, usize> = HashMap::new();
    levels.filter(|level| *level != Level::MISSING).for_each(|level| *counts.entry(level).or_default() += 1);
    let mut counts: Vec<(Level, usize)> =
        counts.into_iter().filter(|(_, count)| *count >= config.fewest_users).collect();
    counts.sort_unstable_by_key(|(level, count)| (std::cmp::Reverse(*count), *level));
    counts.truncate(config.levels);
    let mut levels: Vec<Level> = counts.into_iter().map(|(level, _)| level).collect();
    levels.sort_unstable();
    levels
}

/// The events of users with a profile, by what was known of them then.
fn took(log: &Log, table: &UserTable, users: &[Option<usize>], known: &Known, config: &ProfileConfig) -> Vec<Took> {
    let (now_ms, half_life_ms) = (log.now_ms(), config.half_life_days * DAY_MS as f64);
    let weight = |time_ms: i64| match half_life_ms {
        0.0 => 1.0,
        half_life_ms => (-(age_ms(now_ms, time_ms) as f64) / half_life_ms).exp2(),
    };
    let took = log.events.iter().filter_map(|event| {
        let row = known.at(table, users[event.user.at()]?, event.timestamp_ms)?;
        Some(Took { row, item: event.item, weight: weight(event.timestamp_ms) })
    });
    took.collect()
}

/// The share of each item.
fn shares(took: &[Took], items: usize) -> Vec<f64> {
    let mut shares = vec![0.0; items];
    took.iter().for_each(|took| shares[took.item.at()] += took.weight);
    let all: f64 = shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    shares.iter_mut().for_each(|share| *share /= all);
    shares
}

/// The lifts of a cell.
struct Lifts {
    /// Those of its items with the most events, by item.
    listed: Vec<(ItemIdx, f32)>,
    /// That of the others.
    other: f32,
}

/// The lifts of each cell of a column.
fn lifts(
    took: &[Took],
    shares: &[f64],
    width: usize,
    cell: impl Fn(usize) -> u16,
    config: &ProfileConfig,
) -> Vec<Lifts> {
    let mut counts: Vec<HashMap<ItemIdx, f64>> = vec![HashMap::new(); width];
    for took in took {
        *counts[usize::from(cell(took.row))].entry(took.item).or_default() += took.weight;
    }
    let smoothing = config.smoothing;
    let of_cell = |counts: HashMap<ItemIdx, f64>| {
        let mut counts: Vec<(ItemIdx, f64)> = counts.into_iter().filter(|(_, count)| *count > 0.0).collect();
        counts.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let all: f64 = counts.iter().map(|(_, count)| count).sum();
        counts.truncate(config.items);
        counts.sort_unstable_by_key(|(item, _)| *item);
        let lift = |count: f64, share: f64| ((count + smoothing * share) / ((all + smoothing) * share)).ln() as f32;
        let in_list: f64 = counts.iter().map(|(_, count)| count).sum();
        let share_of_others = 1.0 - counts.iter().map(|(item, _)| shares[item.at()]).sum::<f64>();
        // Below this, rounding is all that is left.
        let others = (share_of_others > 1e-9).then(|| lift((all - in_list).max(0.0), share_of_others));
        let listed = counts.into_iter().map(|(item, count)| (item, lift(count, shares[item.at()])));
        Lifts { listed: listed.collect(), other: others.unwrap_or(0.0) }
    };
    counts.into_iter().map(of_cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: ProfileConfig = ProfileConfig {
        half_life_days: 0.0,
        smoothing: 1.0,
        power: 1.0,
        bins: 2,
        levels: 9,
        fewest_users: 1,
        items: 1,
    };

    #[test]
    fn a_lift_compares_shares_and_what_is_not_listed_shares_one() {
        let took = |row, item| Took { row, item: ItemIdx(item), weight: 1.0 };
        // Item 0 has half of all events, items 1 and 2 a quarter each; cell 0 took item 0 twice.
        let took = [took(0, 0), took(0, 0), took(1, 1), took(1, 2)];
        let shares = shares(&took, 3);
        let lifts = lifts(&took, &shares, 2, |row| row as u16, &CONFIG);
        // (2 + 0.5) / (3 · 0.5), and of the others (0 + 0.5) / (3 · 0.5).
        assert_eq!(lifts[0].listed, [(ItemIdx(0), (5.0f64 / 3.0).ln() as f32)]);
        assert_eq!(lifts[0].other, (1.0f64 / 3.0).ln() as f32);
        // Of equal items the smaller is listed: (1 + 0.25) / (3 · 0.25), and (1 + 0.75) / (3 · 0.75).
        assert_eq!(lifts[1].listed, [(ItemIdx(1), (1.25f64 / 0.75).ln() as f32)]);
        assert_eq!(lifts[1].other, (1.75f64 / 2.25).ln() as f32);
    }

    #[test]
    fn edges_are_quantiles_each_once_and_none_is_the_smallest_number() {
        assert_eq!(quantiles([1.0, 2.0, 3.0, 4.0, f32::NAN].into_iter(), 2), [3.0]);
        assert_eq!(quantiles([1.0, 1.0, 1.0, 1.0, 5.0].into_iter(), 5), [5.0]);
        assert!(quantiles([7.0, 7.0].into_iter(), 4).is_empty());
    }
}
