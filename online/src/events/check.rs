//! Checks an event or an impression that a client posts and turns it into one of the log, or names the wrong field.

use jiff::Timestamp;
use shared::contract::api::{GivenTime, MAX_K, NewEvent, NewImpression};
use shared::contract::event::Event;
use shared::contract::id::{IdError, MAX_ID_BYTES, MISSING, UserId};
use shared::contract::impression::Impression;
use shared::contract::time::{Calendar, EARLIEST_MS, MAX_AHEAD_MS, Number, TimeUnit};
use uuid::Uuid;

/// The field that names an answer.
const RECOMMENDATION: &str = "recommendation_id";

/// Why an event or an impression is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The number is a time in no unit.
    #[error("timestamp {0} is no time from 1990 to 2099 in s, ms, µs or ns since the epoch")]
    Number(Number),
    /// The digits of the number are a date.
    #[error(
        "timestamp {0} is a date written as digits, which says no offset; give a number since the epoch, or a text such as \
         2024-01-31T12:00:00Z"
    )]
    Digits(Number),
    /// The text is no time.
    #[error(
        "timestamp {0:?} is neither a number nor a time with its offset as RFC 3339 has it, such as 2024-01-31T12:00:00Z \
         or 2024-01-31T13:00:00+01:00"
    )]
    Text(String),
    /// The time is before 1990.
    #[error("timestamp {0} is before 1990")]
    Early(GivenTime),
    /// The time is too far ahead.
    #[error("timestamp {given} ({}) is more than a day ahead of the service's clock ({})", shown(.time_ms), shown(.now_ms))]
    Ahead {
        /// The time as it was given.
        given: GivenTime,
        /// The time, milliseconds since the epoch.
        time_ms: i64,
        /// The service's clock.
        now_ms: i64,
    },
    /// The text of an id is empty, too long or has control characters.
    #[error("{0} must have 1 to {MAX_ID_BYTES} bytes and no control characters")]
    Id(&'static str),
    /// The text of an id stands for a missing value.
    #[error("{field} is `{word}`, which is what programs write for a missing value; leave the field out")]
    Missing {
        /// The field.
        field: &'static str,
        /// The text.
        word: &'static str,
    },
    /// Nobody is named.
    #[error("missing field `visitorid`, or `sessionid` of somebody who is not known as a user")]
    NoUser,
    /// The id of a session is none.
    #[error("{0}")]
    Session(IdError),
    /// An impression has no items, or more than a slate.
    #[error("an impression has 1 to {MAX_K} items of one slate, this one has {0}")]
    Items(usize),
}

impl Refusal {
    /// The field that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Number(_) | Self::Digits(_) | Self::Text(_) | Self::Early(_) | Self::Ahead { .. } => "timestamp",
            Self::Id(field) | Self::Missing { field, .. } => field,
            Self::NoUser => "visitorid",
            Self::Session(_) => "sessionid",
            Self::Items(_) => "items",
        }
    }
}

/// A time for people; a number where there is no such date.
fn shown(ms: &i64) -> String {
    Timestamp::from_millisecond(*ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

/// Checks an event that arrived at `now_ms` and fills in what is absent: time and id.
///
/// A time ahead of `now_ms` becomes `now_ms`: clocks differ, and an event that stays ahead would count as the user's
/// latest until then.
///
/// # Errors
/// [`Refusal`] names the field.
pub fn check(event: NewEvent, now_ms: i64) -> Result<Event, Refusal> {
    let NewEvent { user, session, item, kind, timestamp, transaction_id, event_id, recommendation_id } = event;
    let user = who(user, session)?;
    let timestamp_ms = past_ms(timestamp, now_ms)?;
    let transaction_id = optional_id("transactionid", transaction_id)?;
    let event_id = optional_id("event_id", event_id)?.unwrap_or_else(|| Uuid::now_v7().to_string());
    let recommendation_id = optional_id(RECOMMENDATION, recommendation_id)?;
    Ok(Event { timestamp_ms, user, kind, item, transaction_id, event_id, received_ms: now_ms, recommendation_id })
}

/// Checks an impression that arrived at `now_ms`, as [`check`] does an event.
///
/// # Errors
/// [`Refusal`] names the field.
pub fn check_impression(impression: NewImpression, now_ms: i64) -> Result<Impression, Refusal> {
    let NewImpression { event: _, user, session, recommendation_id, items, timestamp } = impression;
    let user = who(user, session)?;
    if !(1..=MAX_K).contains(&items.len()) {
        return Err(Refusal::Items(items.len()));
    }
    let timestamp_ms = past_ms(timestamp, now_ms)?;
    let recommendation_id = checked_id(RECOMMENDATION, &recommendation_id)?;
    Ok(Impression { items, user, recommendation_id, timestamp_ms, received_ms: now_ms })
}

/// The user: who is named, or else who stands for the session.
fn who(user: Option<UserId>, session: Option<String>) -> Result<UserId, Refusal> {
    match (user, session) {
        (Some(user), _) => Ok(user),
        (None, Some(session)) => UserId::of_session(&session).map_err(Refusal::Session),
        (None, None) => Err(Refusal::NoUser),
    }
}

/// The time in milliseconds, not after `now_ms`, which it is if absent.
fn past_ms(given: Option<GivenTime>, now_ms: i64) -> Result<i64, Refusal> {
    given.map_or(Ok(now_ms), |given| time_ms(given, now_ms).map(|time_ms| time_ms.min(now_ms)))
}

/// The time in milliseconds, at most a day ahead of `now_ms`.
pub(super) fn time_ms(given: GivenTime, now_ms: i64) -> Result<i64, Refusal> {
    let time_ms = match &given {
        GivenTime::Number(number) => of_number(*number)?,
        GivenTime::Text(text) => of_text(text).ok_or_else(|| Refusal::Text(text.clone()))?,
    };
    if time_ms < EARLIEST_MS {
        return Err(Refusal::Early(given));
    }
    if time_ms > now_ms.saturating_add(MAX_AHEAD_MS) {
        return Err(Refusal::Ahead { given, time_ms, now_ms });
    }
    Ok(time_ms)
}

/// Days are no times of events.
fn of_number(number: Number) -> Result<i64, Refusal> {
    let unit = TimeUnit::by_size(number.as_f64()).filter(|unit| *unit != TimeUnit::D);
    let digits = matches!(number, Number::Whole(number) if Calendar::by_size(number).is_some());
    let refusal = || if digits { Refusal::Digits(number) } else { Refusal::Number(number) };
    unit.and_then(|unit| unit.to_ms(number)).ok_or_else(refusal)
}

/// A text with an offset; ` UTC` is one too.
fn of_text(text: &str) -> Option<i64> {
    let time = match text.strip_suffix(" UTC") {
        Some(civil) => format!("{civil}Z").parse::<Timestamp>(),
        None => text.parse(),
    };
    time.ok().map(|time| time.as_millisecond())
}

fn optional_id(field: &'static str, text: Option<String>) -> Result<Option<String>, Refusal> {
    text.map(|text| checked_id(field, &text)).transpose()
}

/// The text of an id without the white space around it. Such ids are no numbers: `7.0` stays.
fn checked_id(field: &'static str, text: &str) -> Result<String, Refusal> {
    let trimmed = text.trim();
    if let Some(word) = MISSING.into_iter().find(|word| *word == trimmed) {
        return Err(Refusal::Missing { field, word });
    }
    let fits = (1..=MAX_ID_BYTES).contains(&trimmed.len()) && !trimmed.chars().any(char::is_control);
    if fits { Ok(trimmed.to_owned()) } else { Err(Refusal::Id(field)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14 22:13:20.
    const NOW: i64 = 1_700_000_000_000;

    fn checked(rest: &str) -> Result<Event, Refusal> {
        let text = format!(r#"{{"visitorid":"u","itemid":"i","event":"view"{rest}}}"#);
        check(serde_json::from_str(&text).expect("an event"), NOW)
    }

    fn time(timestamp: &str) -> Result<i64, String> {
        let event = checked(&format!(r#","timestamp":{timestamp}"#));
        event.map(|event| event.timestamp_ms).map_err(|refusal| {
            assert_eq!(refusal.field(), "timestamp");
            refusal.to_string()
        })
    }

    #[test]
    fn time_and_id_are_filled_in() {
        let event = checked("").expect("valid");
        assert_eq!((event.timestamp_ms, event.received_ms), (NOW, NOW));
        assert_eq!(event.event_id.len(), 36);
        assert_eq!(checked(r#","timestamp":null,"event_id":null"#).expect("valid").timestamp_ms, NOW);
        let event = checked(r#","timestamp":1600000000000,"event_id":"e""#).expect("valid");
        assert_eq!((event.timestamp_ms, event.event_id.as_str()), (1_600_000_000_000, "e"));
    }

    #[test]
    fn a_time_is_the_same_in_every_unit_and_as_a_text() {
        for timestamp in [
            "1600000000",
            "1600000000.0",
            "1.6e9",
            "1600000000000",
            "1600000000000000",
            "1600000000000000000",
            r#""1600000000""#,
            r#"" 1600000000000 ""#,
            r#""2020-09-13T12:26:40Z""#,
            r#""2020-09-13 12:26:40.000+00:00""#,
            r#""2020-09-13T14:26:40+02:00""#,
            r#""2020-09-13 12:26:40 UTC""#,
        ] {
            assert_eq!(time(timestamp), Ok(1_600_000_000_000), "{timestamp}");
        }
    }

    #[test]
    fn the_near_future_is_now() {
        for ahead_ms in [1, 23 * 3_600_000, MAX_AHEAD_MS] {
            assert_eq!(time(&(NOW + ahead_ms).to_string()), Ok(NOW));
        }
        assert_eq!(time(r#""2023-11-14T23:13:20Z""#), Ok(NOW));
        assert_eq!(
            time(&(NOW + MAX_AHEAD_MS + 1).to_string()),
            Err("timestamp 1700086400001 (2023-11-15T22:13:20.001Z) is more than a day ahead of the service's clock \
                 (2023-11-14T22:13:20Z)"
                .to_owned())
        );
    }

    #[test]
    fn what_is_no_time_of_an_event_is_refused_with_the_reason() {
        for (timestamp, reason) in [
            ("0", "no time from 1990"),
            ("-1", "no time from 1990"),
            ("435890000", "no time from 1990"),
            ("19675", "no time from 1990"),
            ("631151999999", "no time from 1990"),
            ("20231114", "a date written as digits"),
            (r#""20231114221320""#, "a date written as digits"),
            (r#""1989-12-31T23:59:59Z""#, "before 1990"),
            (r#""2023-11-14T22:13:20""#, "its offset"),
            (r#""2023-11-14""#, "its offset"),
            (r#""yesterday""#, "\"yesterday\" is neither a number nor a time"),
            (r#""""#, "neither a number nor a time"),
        ] {
            let said = time(timestamp).expect_err(timestamp);
            assert!(said.contains(reason), "{timestamp}: {said}");
        }
    }

    #[test]
    fn texts_of_ids_are_checked() {
        let wrong = |rest| checked(rest).expect_err(rest);
        assert_eq!(wrong(r#","event_id":"""#), Refusal::Id("event_id"));
        assert_eq!(wrong(r#","event_id":" ""#), Refusal::Id("event_id"));
        assert_eq!(wrong(r#","transactionid":"a\nb""#), Refusal::Id("transactionid"));
        assert_eq!(wrong(r#","event_id":"null""#), Refusal::Missing { field: "event_id", word: "null" });
        for (rest, transaction_id, event_id) in [
            (r#","transactionid":77,"event_id":8.0"#, "77", "8"),
            (r#","transactionid":" 77","event_id":"8.0 ""#, "77", "8.0"),
        ] {
            let event = checked(rest).expect("valid");
            assert_eq!((event.transaction_id.as_deref(), event.event_id.as_str()), (Some(transaction_id), event_id));
        }
    }
}
