//! `offline capacity`: what a shop of some size takes in memory and on disk.

use std::fmt::Write;

use anyhow::ensure;
use clap::Args;
use indicatif::DecimalBytes;
use serde::Serialize;

use super::options::{RedisOptions, SettingsOptions};
use crate::capacity::measure::{Measured, measure, predicted};
use crate::capacity::{Capacity, Shop};
use crate::progress::Progress;

/// Tells what a shop of some size takes: Redis, the embedded store, versions on disk, and the service.
#[derive(Debug, Args)]
pub struct CapacityArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    redis: RedisOptions,
    /// Users that are remembered.
    #[arg(long, value_name = "COUNT")]
    users: u64,
    /// Items with events.
    #[arg(long, value_name = "COUNT")]
    items: u32,
    /// Events of a user in the log, on average.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    events: usize,
    /// Events of a user in the live history, on average: those of history.ttl_days of the service, at most
    /// history.max_events of them. As many as --events, up to 100, if it is not given.
    #[arg(long, value_name = "COUNT")]
    live_events: Option<usize>,
    /// Kinds of events that a user has, on average.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    kinds: usize,
    /// The length of a user's id.
    #[arg(long, value_name = "BYTES", default_value_t = 8)]
    user_id: usize,
    /// The length of an item's id.
    #[arg(long, value_name = "BYTES", default_value_t = 8)]
    item_id: usize,
    /// Versions that are kept; publish.keep if it is not given.
    #[arg(long, value_name = "COUNT")]
    versions: Option<u64>,
    /// Writes so many made-up users to the Redis of --redis, measures what they take there, and removes them. Not to a Redis that
    /// drops keys when it is full.
    #[arg(long, value_name = "USERS")]
    measure: Option<u64>,
    /// Prints bytes as JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Report {
    shop: Shop,
    bytes: Capacity,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Comparison>,
}

/// What was measured in Redis, and what the formula says of the same keys.
#[derive(Serialize)]
struct Comparison {
    measured: Measured,
    predicted: Measured,
}

/// Prints what a shop takes.
pub fn capacity(args: &CapacityArgs, progress: &mut Progress) -> anyhow::Result<()> {
    /// The default of `history.max_events` of the service.
    const MAX_EVENTS: usize = 100;
    /// Digits name more users and items than anybody has.
    const MOST_BYTES: usize = 64;
    let settings = args.settings.load()?;
    let (config, publish) = (&settings.learn, args.redis.over(&settings.run.publish));
    ensure!(args.users > 0 && args.items > 0, "--users and --items are at least 1");
    let ids = [args.user_id, args.item_id];
    ensure!(ids.iter().all(|bytes| (1..=MOST_BYTES).contains(bytes)), "--user-id and --item-id are 1 to {MOST_BYTES}");
    let shop = Shop {
        users: args.users,
        items: args.items,
        events: args.events,
        live_events: args.live_events.unwrap_or(args.events.min(MAX_EVENTS)),
        kinds: args.kinds,
        user_id_bytes: args.user_id,
        item_id_bytes: args.item_id,
        versions: args.versions.unwrap_or(publish.keep as u64),
    };
    let mut report = Report { bytes: shop.capacity(config), measured: None, shop };
    if let Some(users) = args.measure {
        ensure!(!publish.redis_url.is_empty(), "--measure needs a Redis: name it by --redis or publish.redis_url");
        let measured =
            progress.counted("measure", 2 * users, |done| measure(&report.shop, users, config, &publish, done))?;
        report.measured = Some(Comparison { measured, predicted: predicted(&report.shop, users, config, &publish) });
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", table(&report));
    }
    Ok(())
}

/// The table, a line for each figure.
fn table(Report { shop, bytes, measured }: &Report) -> String {
    let Shop { users, items, events, live_events, versions, .. } = shop;
    let mut text = format!(
        "{users} users of {events} events ({live_events} in the live history), {items} items, {versions} versions kept\n\n\
         {:<48}{:>12}{:>14}\n",
        "", "in all", "bytes a user"
    );
    let mut line = |name: &str, bytes: u64| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name:<48}{:>12}{:>14}", DecimalBytes(bytes).to_string(), bytes / users);
    };
    line("Redis: live histories", bytes.redis_histories);
    line("Redis: records of the champion", bytes.redis_records);
    line("Redis: both, in the hour after a promotion", bytes.redis_most);
    line("embedded store: live histories", bytes.embedded);
    line("a version on disk: users", bytes.version_users);
    line("a version on disk: items, at most", bytes.version_items);
    line("all versions on disk, at most", bytes.disk);
    line("service with Redis, at most", bytes.service);
    line("service with the embedded store, at most", bytes.service_embedded);
    if let Some(Comparison { measured, predicted }) = measured {
        let title = format!("{} made-up users in Redis, with a lifetime", measured.users);
        let _ = writeln!(text, "\n{title:<48}{:>12}{:>14}", "measured", "by formula");
        let mut compare = |name: &str, measured_bytes: u64, predicted_bytes: u64| {
            let each = |bytes: u64| bytes / measured.users.max(1);
            let _ = writeln!(text, "{name:<48}{:>12}{:>14}", each(measured_bytes), each(predicted_bytes));
        };
        compare("history", measured.histories, predicted.histories);
        compare("record", measured.records, predicted.records);
    }
    text
}
