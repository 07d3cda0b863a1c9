//! Writes the events of a log, or a table of a version, as JSON lines for other programs.

use std::io::Write;

use serde_json::json;
use shared::contract::id::ItemIdx;
use shared::contract::kind::Kinds;
use shared::contract::source::Source;
use shared::engine::packed::unpack_user;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::SeenItem;

use crate::log::ingest::settings::Role;
use crate::log::ingest::{Log, RawLog, Told};

/// A table of a version that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Table {
    /// The items, with names and popularity.
    Items,
    /// The neighbour lists of session windows.
    ItemKnnSession,
    /// The neighbour lists of user windows.
    ItemKnnUser,
    /// The item factors.
    Als,
    /// The users' cached candidates, history and seen items.
    Users,
}

/// Writes events as they were read in the native schema, in time order, with every field that was kept. Returns how
/// many.
///
/// # Errors
/// When `out` can't be written.
pub fn as_read(raw: &RawLog, kinds: &Kinds, out: &mut dyn Write) -> std::io::Result<u64> {
    let (users, items) = (raw.users.texts(), raw.items.texts());
    for event in &raw.events {
        let mut line = json!({
            "timestamp": event.timestamp_ms,
            "visitorid": users[event.user as usize],
            "event": kinds.get(event.kind).name,
            "itemid": items[event.item as usize],
            "transactionid": null,
        });
        for (role, text) in raw.extras.get(event.line as usize).into_iter().flatten() {
            let name = if *role == Role::Transaction { "transactionid" } else { role.as_str() };
            line[name] = text.as_ref().into();
        }
        writeln!(out, "{line}")?;
    }
    Ok(raw.events.len() as u64)
}

/// Writes the events of a log in the native schema, in time order, those that were taken back included. Returns how many.
///
/// # Errors
/// When `out` can't be written.
pub fn events(log: &Log, out: &mut dyn Write) -> std::io::Result<u64> {
    for event in log.told().map(Told::event) {
        let line = json!({
            "timestamp": event.timestamp_ms,
            "visitorid": log.users[event.user.at()],
            "event": log.kinds.get(event.kind).name,
            "itemid": log.items.ids[event.item.at()],
            "transactionid": null,
        });
        writeln!(out, "{line}")?;
    }
    Ok((log.events.len() + log.taken_back.len()) as u64)
}

/// Writes a table of a version, one row per line. Returns how many.
///
/// # Errors
/// When `out` can't be written.
pub fn table(snapshot: &Snapshot, table: Table, out: &mut dyn Write) -> std::io::Result<u64> {
    match table {
        Table::Items => items(snapshot, out),
        Table::ItemKnnSession => neighbours(snapshot, Source::ItemKnnSession, out),
        Table::ItemKnnUser => neighbours(snapshot, Source::ItemKnnUser, out),
        Table::Als => factors(snapshot, out),
        Table::Users => users(snapshot, out),
    }
}

fn all_items(snapshot: &Snapshot) -> impl Iterator<Item = ItemIdx> {
    (0..snapshot.items().len() as u32).map(ItemIdx)
}

fn items(snapshot: &Snapshot, out: &mut dyn Write) -> std::io::Result<u64> {
    let (items, popularity) = (snapshot.items(), snapshot.popularity());
    for item in all_items(snapshot) {
        let line = json!({
            "item_id": items.id(item), "name": items.name(item), "popularity": popularity.score(item),
        });
        writeln!(out, "{line}")?;
    }
    Ok(items.len() as u64)
}

fn neighbours(snapshot: &Snapshot, source: Source, out: &mut dyn Write) -> std::io::Result<u64> {
    let items = snapshot.items();
    let of = |item| snapshot.neighbours(source).into_iter().flat_map(move |table| table.of(item));
    for item in all_items(snapshot) {
        let row: Vec<_> =
            of(item).map(|(other, score)| json!({ "item_id": items.id(other), "score": score })).collect();
        writeln!(out, "{}", json!({ "item_id": items.id(item), "neighbours": row }))?;
    }
    Ok(items.len() as u64)
}

fn factors(snapshot: &Snapshot, out: &mut dyn Write) -> std::io::Result<u64> {
    for item in all_items(snapshot) {
        let line = json!({ "item_id": snapshot.items().id(item), "factors": snapshot.als().item(item) });
        writeln!(out, "{line}")?;
    }
    Ok(snapshot.items().len() as u64)
}

fn users(snapshot: &Snapshot, out: &mut dyn Write) -> std::io::Result<u64> {
    let (kinds, id) = (&snapshot.params().kinds, |item| snapshot.items().id(item));
    for (user, record) in snapshot.users().iter() {
        let record = unpack_user(record).map_err(std::io::Error::other)?;
        let cached: Vec<_> =
            record.cached.iter().map(|scored| json!({ "item_id": id(scored.item), "score": scored.score })).collect();
        let history: Vec<_> = record
            .history
            .iter()
            .map(|event| json!({ "item_id": id(event.item), "event": kinds.get(event.kind).name, "timestamp": event.timestamp_ms }))
            .collect();
        let (blocked, seen): (Vec<&SeenItem>, Vec<&SeenItem>) =
            record.seen.iter().partition(|seen| kinds.blocks(seen.kind));
        let blocked: Vec<_> = blocked.into_iter().map(|seen| id(seen.item)).collect();
        let seen: Vec<_> = seen
            .into_iter()
            .map(|seen| json!({ "item_id": id(seen.item), "purchased": kinds.buys(seen.kind) }))
            .collect();
        let line = json!({ "user_id": user, "cached": cached, "history": history, "seen": seen, "blocked": blocked });
        writeln!(out, "{line}")?;
    }
    Ok(snapshot.users().len() as u64)
}
