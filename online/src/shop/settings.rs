//! What the parts of a shop are told of the config.

use std::time::Duration;

use shared::engine::attribution;

use crate::config::{self, Config};
use crate::events;
use crate::outcomes::{self, Sample};
use crate::recommender::Defaults;
use crate::shadow;
use crate::store::{Keep, Retention};

/// The deadline of recommendations. A replay has none: its slates must not depend on how busy the machine is.
pub fn deadline(config: &Config) -> Duration {
    let ms = if config.server.replay { config.server.request_timeout_ms } else { config.server.deadline_ms };
    Duration::from_millis(ms)
}

/// The bounds of histories.
pub fn retention(config: &Config) -> Retention {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let config::History { max_events, max_older, ttl_days } = config.history;
    Retention { max_events, max_older, ttl_ms: i64::from(ttl_days) * DAY_MS }
}

/// What is kept of slates for feeds.
pub fn keep(config: &Config) -> Keep {
    const HOUR_MS: i64 = 3600 * 1000;
    Keep { ttl_ms: i64::from(config.served.hours) * HOUR_MS, max_slates: config.served.max_slates }
}

/// What holds for queries that don't say otherwise.
pub fn defaults(config: &Config) -> Defaults {
    Defaults { seen: config.server.seen, served: config.server.served, keep: keep(config) }
}

/// The event log.
pub fn event_log(config: &Config) -> events::Settings {
    events::Settings {
        folder: config.events.path.clone(),
        replica: config.events.replica.clone(),
        max_file_bytes: config.events.max_file_bytes,
        max_disk_bytes: config.events.max_disk_bytes,
        queue: config.events.queue,
        retention: retention(config),
    }
}

/// What is done with slates. Without a folder they are counted all the same.
pub fn outcomes_of(config: &Config) -> outcomes::Settings {
    const HOUR_MS: i64 = 3600 * 1000;
    let config::Slates {
        path, every, max_file_bytes, max_disk_bytes, window_hours, shown, max_remembered_items, ..
    } = config.slates.clone();
    let replica = config.events.replica.clone();
    let log = outcomes::LogSettings { folder: path, replica, max_file_bytes, max_disk_bytes };
    outcomes::Settings {
        log: (!log.folder.as_os_str().is_empty()).then_some(log),
        sample: Sample::one_of(every),
        attribution: attribution::Settings {
            window_ms: i64::from(window_hours) * HOUR_MS,
            shown,
            max_items: max_remembered_items,
        },
    }
}

/// Which version answers beside the champion; `None` if none is asked for.
pub fn shadow_of(config: &Config) -> Option<shadow::Settings> {
    let alias = config.shadow.alias()?;
    let poll = Duration::from_millis(config.artifacts.poll_ms);
    Some(shadow::Settings { folder: config.artifacts.path.clone(), alias, share: config.shadow.share, poll })
}

/// What the logs of rows have in common, of each model and origin. The bound is one of the event log.
pub fn logs_of_rows(config: &Config) -> events::Settings {
    events::Settings { folder: config.models.rows.clone(), max_disk_bytes: 0, ..event_log(config) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_the_event_log_is_none_of_the_rows() {
        let mut config = Config::load(None).expect("defaults are valid");
        config.events.max_disk_bytes = 6000;
        let (events, rows) = (event_log(&config), logs_of_rows(&config));
        assert_eq!((events.max_disk_bytes, rows.max_disk_bytes), (6000, 0));
        assert_eq!((events.folder, rows.folder), (config.events.path, config.models.rows));
    }
}
