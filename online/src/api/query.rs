//! Reads and checks the parameters of a request: those of the URL's query string, and, for a POST, those of the body.
//!
//! In: texts. Out: a typed value. Reading is strict: an unknown, repeated or invalid parameter is refused with its
//! name, since a typing error that is silently ignored is worse than an error.

mod parameters;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use shared::contract::api::{K, MAX_LIST, RankQuery, RecommendationQuery};
use shared::contract::expression::Expression;
use shared::contract::id::{IdError, MAX_ID_BYTES, UserId};
use shared::contract::served::START;
use shared::contract::why::MAX_WHY;
use uuid::Uuid;

pub use self::parameters::{ItemsQuery, NoQuery, PopularQuery, SimilarQuery, UsersQuery, WhyQuery};
use super::error::ApiError;
use crate::lookup::{self, Words};
use crate::recommender::{CheckedQuery, Cursor};

/// Whether queries may carry `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// No: the time of a query is the service's clock.
    Service,
    /// Yes, in replay mode: a query may have its own time.
    Replay,
}

/// The parameters that may be given more than once.
const MANY: [&str; 5] = ["basket", "exclude", "item_ids", "max_per", "of_items"];

/// Reads a query string.
///
/// # Errors
/// [`ApiError::Invalid`] names the parameter.
pub fn read<T: DeserializeOwned>(text: Option<&str>) -> Result<T, ApiError> {
    let text = text.unwrap_or_default();
    check_encoding(text)?;
    let parameters = serde_html_form::Deserializer::from_bytes(text.as_bytes());
    serde_path_to_error::deserialize(parameters).map_err(|error| {
        let path = error.path().to_string();
        // Parameters have no parts: `exclude[1]` is reported as `exclude`.
        let name = path.split('[').next().unwrap_or_default();
        match ApiError::of_serde(name, &error.into_inner().to_string()) {
            ApiError::Invalid { field: Some(field), .. } if !MANY.contains(&&*field) && count(text, &field) > 1 => {
                ApiError::invalid(field, "the parameter is given more than once")
            }
            other => other,
        }
    })
}

fn count(text: &str, name: &str) -> usize {
    text.split('&').filter(|pair| pair.split('=').next() == Some(name)).count()
}

/// Checks that every percent escape is valid, and that the decoded bytes are UTF-8. The decoder would ignore an invalid
/// escape and replace bytes that are not UTF-8, and so read the id of another user.
fn check_encoding(text: &str) -> Result<(), ApiError> {
    for pair in text.split('&').filter(|pair| pair.contains('%')) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode("query", name)?;
        decode(&name, value)?;
    }
    Ok(())
}

fn decode<'a>(field: &str, text: &'a str) -> Result<Cow<'a, str>, ApiError> {
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_escape) {
        return Err(ApiError::invalid(field, "`%` must be followed by two hexadecimal digits"));
    }
    percent_decode_str(text).decode_utf8().map_err(|_| ApiError::invalid(field, "the text is not UTF-8"))
}

/// Reads the query string of `/recommendations`.
///
/// # Errors
/// [`ApiError::Invalid`] names the parameter.
pub fn recommendations(text: Option<&str>) -> Result<RecommendationQuery, ApiError> {
    match text {
        Some(text) if MANY.iter().any(|name| text.contains(name)) => read(Some(&with_items_apart(text))),
        text => read(text),
    }
}

/// Reads the query string of `/recommendations/why`: the parameters of the slate, and what is asked of it.
///
/// # Errors
/// [`ApiError::Invalid`] names the parameter.
pub fn why(text: Option<&str>) -> Result<(RecommendationQuery, WhyQuery), ApiError> {
    let is_own = |pair: &&str| matches!(pair.split('=').next(), Some("of_items" | "recommendation_id"));
    let (own, others): (Vec<&str>, Vec<&str>) = text.unwrap_or_default().split('&').partition(is_own);
    let slate = recommendations(Some(&others.join("&")))?;
    let why: WhyQuery = read(Some(&with_items_apart(&own.join("&"))))?;
    let asked = if why.of_items.is_empty() { slate.k.unwrap_or_default().get() } else { why.of_items.len() };
    if asked > MAX_WHY {
        let detail =
            format!("{asked} items; at most {MAX_WHY} are explained at once, which `of_items` names or `k` says");
        return Err(ApiError::invalid("of_items", detail));
    }
    Ok((slate, why))
}

/// Turns `exclude=a,b` into `exclude=a&exclude=b`, as all of [`MANY`]: in a URL a comma separates items, whether it is encoded or not.
fn with_items_apart(text: &str) -> String {
    let mut pairs = Vec::new();
    for pair in text.split('&') {
        match pair.split_once('=').filter(|(name, _)| MANY.contains(name)) {
            Some((name, items)) => {
                let items = items.replace("%2C", ",").replace("%2c", ",");
                let items = items.split(',').filter(|item| !item.is_empty());
                pairs.extend(items.map(|item| format!("{name}={item}")));
            }
            None => pairs.push(pair.to_owned()),
        }
    }
    pairs.join("&")
}

/// Merges the parameters of the URL and of the body of a POST.
///
/// # Errors
/// [`ApiError::Invalid`] names a field that has different values in the two.
pub fn merge(url: RecommendationQuery, body: RecommendationQuery) -> Result<RecommendationQuery, ApiError> {
    fn one<T: PartialEq + Default>(field: &str, url: T, body: T) -> Result<T, ApiError> {
        let absent = T::default();
        match (url == absent, body == absent) {
            (true, _) => Ok(body),
            (false, true) => Ok(url),
            (false, false) if url == body => Ok(url),
            (false, false) => {
                Err(ApiError::invalid(field, "the URL has another value than the body; give one of them"))
            }
        }
    }
    Ok(RecommendationQuery {
        user_id: one("user_id", url.user_id, body.user_id)?,
        session_id: one("session_id", url.session_id, body.session_id)?,
        k: one("k", url.k, body.k)?,
        item_id: one("item_id", url.item_id, body.item_id)?,
        item_ids: one("item_ids", url.item_ids, body.item_ids)?,
        basket: one("basket", url.basket, body.basket)?,
        category: one("category", url.category, body.category)?,
        filter: one("filter", url.filter, body.filter)?,
        scenario: one("scenario", url.scenario, body.scenario)?,
        max_per: one("max_per", url.max_per, body.max_per)?,
        exclude: one("exclude", url.exclude, body.exclude)?,
        seen: one("seen", url.seen, body.seen)?,
        served: one("served", url.served, body.served)?,
        cursor: one("cursor", url.cursor, body.cursor)?,
        explain: one("explain", url.explain, body.explain)?,
        now: one("now", url.now, body.now)?,
        profile: one("profile", url.profile, body.profile)?,
    })
}

/// Checks the rules that types can't express.
///
/// # Errors
/// [`ApiError::Invalid`] names the field.
pub fn check(query: RecommendationQuery, clock: Clock) -> Result<CheckedQuery, ApiError> {
    check_now(query.now, clock)?;
    let RecommendationQuery {
        user_id,
        session_id,
        k,
        item_id,
        item_ids,
        basket,
        category: name,
        filter,
        scenario,
        max_per,
        exclude,
        seen,
        served,
        cursor,
        explain,
        now,
        profile,
    } = query;
    Ok(CheckedQuery {
        user_id: self::user(user_id, session_id)?.ok_or_else(no_user)?,
        k: k.unwrap_or_default().get(),
        list: None,
        item_id,
        item_ids,
        basket,
        category: category(name)?,
        filter: self::filter(filter)?,
        scenario,
        max_per,
        exclude,
        seen,
        served,
        cursor: self::cursor(cursor)?,
        explain: explain.unwrap_or_default(),
        now,
        profile,
    })
}

/// Checks the rules that types can't express of a list to rank.
///
/// # Errors
/// [`ApiError::Invalid`] names the field.
pub fn check_rank(query: RankQuery, clock: Clock) -> Result<CheckedQuery, ApiError> {
    check_now(query.now, clock)?;
    let RankQuery { user_id, items, k, item_id, item_ids, scenario, seen, explain, now, profile } = query;
    if items.is_empty() || items.len() > MAX_LIST {
        let detail = format!("{} items; a list to rank has 1 to {MAX_LIST}", items.len());
        return Err(ApiError::invalid("items", detail));
    }
    let k = k.map_or(MAX_LIST, K::get);
    Ok(CheckedQuery {
        list: Some(items),
        item_id,
        item_ids,
        scenario,
        seen,
        explain: explain.unwrap_or_default(),
        now,
        profile,
        ..CheckedQuery::of(user_id.ok_or_else(no_user)?, k)
    })
}

/// Checks that a query may have a time.
///
/// # Errors
/// [`ApiError::Invalid`] unless the service replays.
pub fn check_now(now: Option<i64>, clock: Clock) -> Result<(), ApiError> {
    match (now, clock) {
        (Some(_), Clock::Service) => {
            Err(ApiError::invalid("now", "only a service in replay mode (server.replay = true) takes now"))
        }
        _ => Ok(()),
    }
}

fn no_user() -> ApiError {
    ApiError::invalid("user_id", "user_id or session_id is required")
}

/// The user of whom one of two fields tells; `None` if neither does.
///
/// # Errors
/// [`ApiError::Invalid`] if both do, or the session's id is none.
pub fn user(user_id: Option<UserId>, session_id: Option<String>) -> Result<Option<UserId>, ApiError> {
    match (user_id, session_id) {
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "session_id",
            "there is a user_id, too; give one of them, for each has a past of its own",
        )),
        (user_id, None) => Ok(user_id),
        (None, Some(session)) => id("session_id", &session, UserId::of_session).map(Some),
    }
}

/// Checks the name of a category, which must not be empty.
///
/// # Errors
/// [`ApiError::Invalid`].
pub fn category(name: Option<String>) -> Result<Option<String>, ApiError> {
    match name.as_deref() {
        Some("") => Err(ApiError::invalid("category", "a category must not be empty")),
        _ => Ok(name),
    }
}

/// Reads where a feed goes on.
///
/// # Errors
/// [`ApiError::Invalid`] for a text that no answer has.
fn cursor(text: Option<String>) -> Result<Option<Cursor>, ApiError> {
    match text.as_deref() {
        Some(text) if text != START && Uuid::try_parse(text).is_err() => {
            Err(ApiError::invalid("cursor", "it must be start, or the cursor of the answer before"))
        }
        text => Ok(text.map(Cursor::of)),
    }
}

/// Reads a filter.
///
/// # Errors
/// [`ApiError::Invalid`] says where it is wrong.
pub fn filter(text: Option<String>) -> Result<Option<Expression>, ApiError> {
    let read = |text: String| Expression::parse(&text).map_err(|error| ApiError::invalid("filter", error.to_string()));
    text.map(read).transpose()
}

/// Reads where the page before of a list ended.
///
/// # Errors
/// [`ApiError::Invalid`].
pub fn page_cursor(text: Option<String>) -> Result<Option<lookup::Cursor>, ApiError> {
    let refused = |error: lookup::BadCursor| ApiError::invalid("cursor", error.to_string());
    text.map(|text| lookup::Cursor::parse(&text).map_err(refused)).transpose()
}

/// Reads what is searched for.
///
/// # Errors
/// [`ApiError::Invalid`] if it is nothing, or longer than any id.
pub fn words(text: Option<String>) -> Result<Option<Words>, ApiError> {
    let read = |text: String| {
        let words = Words::read(&text).filter(|_| text.len() <= MAX_ID_BYTES);
        words.ok_or_else(|| {
            ApiError::invalid("q", format!("a search has 1 to {MAX_ID_BYTES} bytes, not all of them blank"))
        })
    };
    text.map(read).transpose()
}

/// Makes an id of a text of a path; an error names the field.
///
/// # Errors
/// [`ApiError::Invalid`].
pub fn id<T>(field: &str, text: &str, from_outside: impl FnOnce(&str) -> Result<T, IdError>) -> Result<T, ApiError> {
    from_outside(text).map_err(|error| ApiError::invalid(field, error.to_string()))
}

#[cfg(test)]
mod tests;
