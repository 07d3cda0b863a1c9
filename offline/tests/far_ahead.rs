//! One event of a wrong clock does not become the model's now, and no time makes a table infinite.

use std::path::Path;

use crate::support::{DAY_MS, write_log};
use offline::config::Config;
use offline::fit::fit_sources;
use offline::log::ingest::settings::Unit;
use offline::log::ingest::{Catalogue, Log, ingest};
use offline::progress::Progress;
use shared::contract::id::ItemIdx;
use shared::contract::source::Source;
use shared::engine::snapshot::Snapshot;

const YEARS_MS: i64 = 75 * 365 * DAY_MS;
const NOW_MS: i64 = 20_000 * DAY_MS;

/// About the first and the last time that a calendar has: the years -9998 and 9998.
const FIRST_MS: i64 = -377_600_000_000_000;
const LAST_MS: i64 = 253_300_000_000_000;

/// A log of 2,000 events in 100 days: each day another of ten items is looked at most.
fn sane() -> Vec<(i64, String, &'static str, String)> {
    let event = |at: i64| {
        let day = at / 20;
        let item = if at % 2 == 0 { day % 10 } else { at % 7 };
        (NOW_MS + at * DAY_MS / 20, format!("u{}", at / 2 % 40), "view", format!("i{item}"))
    };
    (0..2000).map(event).collect()
}

fn log(folder: &Path, rows: &[(i64, String, &'static str, String)], config: &Config) -> Log {
    let file = folder.join("log.csv");
    write_log(&file, &rows.iter().map(|(at, user, kind, item)| (*at, &**user, *kind, &**item)).collect::<Vec<_>>());
    ingest(&[file], Catalogue::default(), &config.ingest, &config.kinds, &folder.join("rejects.jsonl"), &|_| ())
        .expect("a log")
}

fn fitted(rows: &[(i64, String, &'static str, String)]) -> (Log, Snapshot) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut config = Config::shipped().expect("defaults");
    (config.sources.als.factors, config.sources.embedding.factors) = (4, 4);
    config.sources.item_knn_session.half_life_days = 7.0;
    // The reader takes any time, so that it is not the one that keeps tables finite.
    config.ingest.timestamp_unit = Unit::Ms;
    (config.ingest.earliest, config.ingest.latest) = ("-009999-01-03".to_owned(), "9999-12-01".to_owned());
    let log = log(folder.path(), rows, &config);
    let snapshot = fit_sources(&log, &config, &mut Progress::default()).expect("fits");
    (log, snapshot)
}

#[test]
fn one_row_75_years_ahead_does_not_change_the_order_of_popularity() {
    let (_, sane_version) = fitted(&sane());
    let mut rows = sane();
    // An event of the most popular item, with a clock that is wrong.
    let most = sane_version.items().id(sane_version.popularity().order(None)[0]).to_owned();
    let last_ms = rows[1999].0;
    rows.push((last_ms + YEARS_MS, "u0".to_owned(), "view", most));
    let (log, version) = fitted(&rows);
    assert_eq!(log.last_ms() - log.now_ms(), YEARS_MS);
    assert_eq!(version.manifest().last_event_ms, sane_version.manifest().last_event_ms);
    let [with, without] = [&version, &sane_version].map(|version| version.popularity());
    assert_eq!(with.order(None), without.order(None));
    // All but the item of the stray event have the trends and scores that they had.
    let own = log.events[2000].item;
    let others = |order: &[ItemIdx]| order.iter().copied().filter(|&item| item != own).collect::<Vec<_>>();
    assert_eq!(others(with.trending()), others(without.trending()));
    for item in (0..version.items().len() as u32).map(ItemIdx).filter(|&item| item != own) {
        assert_eq!(with.score(item), without.score(item));
    }
    assert!((with.score(own) - without.score(own) - 1.0).abs() < 1e-4, "an event ahead is one of now");
}

#[test]
fn no_time_makes_a_table_infinite() {
    let mut rows = sane();
    for (at, time) in [FIRST_MS, FIRST_MS + 1, 0, LAST_MS - 1, LAST_MS].into_iter().enumerate() {
        rows.push((time, format!("u{at}"), "view", format!("i{at}")));
        rows.push((time, format!("u{at}"), "view", format!("far{at}")));
    }
    let (log, version) = fitted(&rows);
    let tables = version.tables();
    let finite = |what: &str, values: &[f32]| assert!(values.iter().all(|value| value.is_finite()), "{what}");
    finite("popularity", &tables.popularity.scores);
    finite("trends", &tables.popularity.trends);
    finite("sessions", &tables.sessions.weights);
    finite("rarity", &tables.sessions.rarity);
    finite("als", &tables.als.item_factors);
    for &source in Source::NEIGHBOURS {
        finite(source.as_str(), &tables.neighbours(source).expect("a table").scores);
    }
    for (name, values) in tables.statistics.columns() {
        // Missing values are NaN on purpose.
        assert!(values.iter().all(|value| !value.is_infinite()), "{name}");
    }
    assert!(log.events.iter().any(|event| event.timestamp_ms == FIRST_MS), "the reader takes any time");
}
