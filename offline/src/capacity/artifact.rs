//! The bytes of a version on disk, which are those that it takes in memory once all of it was read: files are mapped.
//!
//! Tables of items are counted as full: every item has all the neighbours that the settings allow. So that part is a bound.
//! Properties of an item table and profiles of user tables come on top.

use super::Shop;
use crate::config::Config;

/// An offset of a column.
const OFFSET: u64 = 8;
/// A neighbour or a posting: an item or session, and a score or place.
const PAIR: u64 = 8;
/// Columns of statistics of items, with four bytes each, at most.
const STATISTICS: u64 = 48 * 4;
/// The name, category and price of an item, about.
const NAME: u64 = 64;
/// The counts of an item on each of 28 days, of two bytes.
const BY_DAY: u64 = 28 * 2;
/// Events of a session, about.
const SESSION_EVENTS: u64 = 3;

/// The table of users.
#[must_use]
pub fn users(shop: &Shop, record: usize) -> u64 {
    shop.users * (record as u64 + shop.user_id_bytes as u64 + 2 * OFFSET)
}

/// All other tables, at most.
#[must_use]
pub fn items(shop: &Shop, config: &Config) -> u64 {
    let sources = &config.sources;
    let lists = [
        sources.item_knn_session.neighbours,
        sources.item_knn_user.neighbours,
        sources.item_knn_walk.neighbours,
        sources.embedding.neighbours,
        sources.slim.neighbours,
        sources.content.neighbours,
        sources.together.neighbours,
    ];
    let items = u64::from(shop.items);
    let neighbours: u64 = lists.iter().map(|&most| OFFSET + PAIR * (most as u64).min(items)).sum();
    let factors = 4 * sources.als.factors as u64;
    let item = neighbours + factors + STATISTICS + BY_DAY + NAME + shop.item_id_bytes as u64 + 4 * OFFSET;
    // Sessions hold the item of each event, and items the sessions that they are in.
    let events = shop.users * shop.events as u64;
    items * item + events * (4 + PAIR) + events / SESSION_EVENTS * (OFFSET + 4)
}
