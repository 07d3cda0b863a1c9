//! What a value must be, by its kind; the errors name the key.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use shared::contract::artifact::alias::Alias;
use shared::contract::expression::Expression;
use shared::contract::home::{GivenRow, MAX_ROWS};
use shared::contract::kind::KindName;
use shared::contract::url::without_user_info;
use shared::objects::{Location, ObjectsError};

use super::{ConfigError, Shadow};
use crate::named_filters::{self, NamedFilters};
use crate::scenarios::Scenarios;

/// Checks that a text is a host and a port; whether there is such a host shows when it is bound.
pub(super) fn listen(key: &'static str, value: &str) -> Result<(), ConfigError> {
    let is_host = |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@".contains(c));
    // An address of IPv6 stands in brackets.
    let is_one = |host: &str| !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    match value.rsplit_once(':') {
        Some((host, port)) if is_host(host) && is_one(host) && port.parse::<u16>().is_ok() => Ok(()),
        _ => {
            let must =
                "it must be an address or a host and a port, such as 127.0.0.1:8080 or localhost:8080".to_owned();
            Err(ConfigError::Value { key, value: format!("{value:?}"), must })
        }
    }
}

/// Checks that a text is the origin of pages, as browsers send it.
pub(super) fn origin(value: &str) -> Result<(), ConfigError> {
    let host = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let is_host = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_graphic())
            && !host.contains(['/', '*', '@', '?', '#'])
    };
    if host.is_some_and(is_host) {
        return Ok(());
    }
    let must = "it must be a scheme and a host, such as https://shop.example, without a path or *".to_owned();
    Err(ConfigError::Value { key: "server.cors_origins", value: format!("{value:?}"), must })
}

/// Checks that a text is empty or the URL of an object store.
pub(super) fn store(key: &'static str, value: &str) -> Result<(), ConfigError> {
    let parsed: Result<Location, ObjectsError> = value.parse();
    match parsed {
        Err(error) if !value.is_empty() => {
            // It may hold a password, which is not told.
            let value = format!("{:?}", without_user_info(value));
            Err(ConfigError::Value { key, value, must: error.to_string() })
        }
        _ => Ok(()),
    }
}

/// Checks the rows of the front page.
pub(super) fn home(rows: &[GivenRow], scenarios: &Scenarios) -> Result<(), ConfigError> {
    if !(1..=MAX_ROWS).contains(&rows.len()) {
        let must = format!("a page has 1 to {MAX_ROWS} rows");
        return Err(ConfigError::Value { key: "home.rows", value: format!("{} rows", rows.len()), must });
    }
    for (at, row) in rows.iter().enumerate() {
        let wrong = |what: &str, given: &str, must: String| {
            Err(ConfigError::Value { key: "home.rows", value: format!("[{at}].{what} = {given:?}"), must })
        };
        if let Some((filter, Err(error))) = row.filter.as_deref().map(|filter| (filter, Expression::parse(filter))) {
            return wrong("filter", filter, error.to_string());
        }
        if let Some(scenario) = row.scenario.as_deref().filter(|name| !scenarios.contains_key(*name)) {
            return wrong("scenario", scenario, "there is no such section in [scenarios]".to_owned());
        }
    }
    Ok(())
}

/// Checks what clients of other systems name: filters, and kinds of events, whose names are in small letters.
pub(super) fn clients(filters: &NamedFilters, kinds: &BTreeMap<String, KindName>) -> Result<(), ConfigError> {
    for (name, filter) in filters {
        if let Err(error) = named_filters::check(filter) {
            return Err(ConfigError::Value { key: "filters", value: format!("{name:?}"), must: error.to_string() });
        }
    }
    match kinds.keys().find(|name| **name != name.trim().to_lowercase()) {
        Some(name) => {
            let must = "the names of other systems stand there in small letters".to_owned();
            Err(ConfigError::Value { key: "clients.kinds", value: format!("{name:?}"), must })
        }
        None => Ok(()),
    }
}

/// Checks that a number is in its range.
pub(super) fn within<N: PartialOrd + fmt::Display + Copy>(
    key: &'static str,
    value: N,
    range: RangeInclusive<N>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let must = format!("it must be from {} to {}", range.start(), range.end());
    Err(ConfigError::Value { key, value: value.to_string(), must })
}

/// Checks that a name has 1 to 64 letters, digits or characters of `also`.
pub(super) fn name(key: &'static str, value: &str, also: &str) -> Result<(), ConfigError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || also.contains(character);
    if (1..=64).contains(&value.len()) && value.chars().all(allowed) {
        return Ok(());
    }
    let must = format!("it must have 1 to 64 ASCII letters, digits or any of `{also}`");
    Err(ConfigError::Value { key, value: format!("{value:?}"), must })
}

/// Checks who answers beside whom.
pub(super) fn shadow(shadow: &Shadow, served: &Alias) -> Result<(), ConfigError> {
    let Shadow { alias, share } = shadow;
    within("shadow.share", *share, 0.0..=1.0)?;
    let parsed: Result<Alias, _> = alias.parse();
    let must = match parsed {
        Err(error) if !alias.is_empty() => error.to_string(),
        Ok(parsed) if parsed == *served => {
            "it must be another alias than artifacts.alias, which is the one that is served".to_owned()
        }
        _ => return Ok(()),
    };
    Err(ConfigError::Value { key: "shadow.alias", value: format!("{alias:?}"), must })
}
