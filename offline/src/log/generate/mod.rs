//! Generates synthetic event logs of any size from a seed: the log of an invented shop.
//!
//! In: [`GenerateConfig`]. Out, as CSV: the event log in the native schema (in time order) and the item table. A log of
//! any length is written in O(users + items) memory: visits are made in the order of their starts, and an event is
//! written as soon as no later visit can start before it, so that only the events of running visits are buffered. A
//! visit costs O(log items) per event; each of the 120 days costs O(items) once. The same config gives the same bytes.
//!
//! The log has the patterns that a recommender can learn: Zipf popularity inside categories; users who prefer a few
//! categories, a few styles in them and a price level; items that go together; repeated views; seasons and booms; items
//! that are launched during the log.
//!
//! `words` names items and categories, `catalogue` draws the items, `demand` has the demand of a day, `taste` the
//! preferences of a user, `session` makes a visit, `calendar` spreads visits over time, and `stream` merges them into a
//! log.

mod calendar;
mod catalogue;
mod demand;
mod session;
mod stream;
mod taste;
mod words;

use std::io::{self, Write};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use self::catalogue::Catalogue;

/// The maximum number of events per user: more would leave no pauses between a user's visits.
pub const MAX_EVENTS_PER_USER: u64 = 5_000;

/// The size and the seed of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerateConfig {
    /// The exact number of lines of the event log.
    pub events: u64,
    /// The number of users who may visit; the least active of them may have no event.
    pub users: u32,
    /// The exact number of items in the table.
    pub items: u32,
    /// The seed of all random draws.
    pub seed: u64,
}

/// The counts of a generated log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateSummary {
    /// Lines of the event log, without the header.
    pub events: u64,
    /// How many of the events are views.
    pub views: u64,
    /// How many of the events are adds to cart.
    pub carts: u64,
    /// How many of the events are transactions.
    pub transactions: u64,
    /// Visits.
    pub sessions: u64,
    /// Users who visited at least once.
    pub users: u32,
    /// Items in the table.
    pub items: u32,
    /// Items with an event.
    pub items_seen: u32,
}

/// Why no log was written, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// No events were asked for.
    #[error("0 events asked for; ask for at least 1, as in `--events 20000`")]
    NoEvents,
    /// No users were asked for.
    #[error("0 users asked for; ask for at least 1, as in `--users 1000`")]
    NoUsers,
    /// No items were asked for.
    #[error("0 items asked for; ask for at least 1, as in `--items 300`")]
    NoItems,
    /// More events per user than [`MAX_EVENTS_PER_USER`].
    #[error(
        "{events} events of {users} users are more than {MAX_EVENTS_PER_USER} each; ask for `--users {enough}` or more"
    )]
    TooFewUsers {
        /// Events asked for.
        events: u64,
        /// Users asked for.
        users: u32,
        /// The number of users that would be enough.
        enough: u64,
    },
    /// An output can't be written.
    #[error("can't write the {what}; check the folder's free space and permissions, then run it again")]
    Write {
        /// Which output.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Writes the event log and the item table of an invented shop.
///
/// * `events`, `items`: get CSV with a header line; give buffered writers.
/// * `progress`: called now and then with the number of events written so far, and at the end.
///
/// # Errors
/// [`GenerateError`] if the config asks for the impossible (nothing is written then) or an output fails.
pub fn generate(
    config: &GenerateConfig,
    events: &mut dyn Write,
    items: &mut dyn Write,
    progress: &dyn Fn(u64),
) -> Result<GenerateSummary, GenerateError> {
    check(config)?;
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let catalogue = Catalogue::draw(config.items as usize, &mut rng);
    write_items(&catalogue, items).map_err(|source| GenerateError::Write { what: "item table", source })?;
    stream::write_events(config, &catalogue, &mut rng, events, progress)
        .map_err(|source| GenerateError::Write { what: "event log", source })
}

fn check(config: &GenerateConfig) -> Result<(), GenerateError> {
    let &GenerateConfig { events, users, items, .. } = config;
    match (events, users, items) {
        (0, _, _) => Err(GenerateError::NoEvents),
        (_, 0, _) => Err(GenerateError::NoUsers),
        (_, _, 0) => Err(GenerateError::NoItems),
        _ if events.div_ceil(u64::from(users)) > MAX_EVENTS_PER_USER => {
            Err(GenerateError::TooFewUsers { events, users, enough: events.div_ceil(MAX_EVENTS_PER_USER) })
        }
        _ => Ok(()),
    }
}

/// Writes the item table, by id.
fn write_items(catalogue: &Catalogue, out: &mut dyn Write) -> io::Result<()> {
    let mut by_id: Vec<_> = catalogue.items.iter().collect();
    by_id.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    writeln!(out, "itemid,name,category,price")?;
    for item in by_id {
        let category = catalogue.categories[item.category].words.name;
        let (units, cents) = (item.price_cents / 100, item.price_cents % 100);
        writeln!(out, "{},{},{category},{units}.{cents:02}", item.id, item.name)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests;
