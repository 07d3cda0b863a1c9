//! The log of slates: what was answered to whom, beside the event log, in files of its own ([`super::event_log::Log::Slates`]).
//!
//! ```text
//! {"slate":"…","timestamp":1764223441000,"visitorid":"u1","version":"v7","scenario":"home","items":[
//!     {"itemid":"i1","score":1.5,"sources":["als","slim"]},{"itemid":"i2","score":0.5,"sources":["explore"],"propensity":0.05}]}
//! ```
//!
//! One line each, written without the line break above; `scenario`, `item` (the page), `category`, `fallback` and
//! `propensity` only where they are there. A log may be a sample: then it has all slates of some users
//! ([`is_sampled`]) and none of the others, since the last touch before an event is known only where all slates of its
//! user are. A line of an erased user is overwritten like one of the event log ([`super::erasure`]).

use std::borrow::Cow;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::contract::id::{ItemId, UserId};

/// Make what is drawn by the hash of a user independent of each other: the sample, and whom a shadow answers.
const SAMPLE_SEED: u64 = 0x736c_6174_6573;
const SHARE_SEED: u64 = 0x7368_6164_6f77;
/// How the line of a slate begins.
const SLATE: &[u8] = br#"{"slate":"#;

/// What a slate was for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It was served.
    #[default]
    Served,
    /// Another version would have served it instead of the slate of the same id: nobody saw it.
    Shadow,
}

impl Role {
    /// Whether it was served.
    #[must_use]
    pub fn is_served(&self) -> bool {
        *self == Self::Served
    }
}

/// A slate as it was answered, as a line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedSlate {
    /// Identifies the answer.
    #[serde(rename = "slate")]
    pub recommendation_id: Box<str>,
    /// What it was for.
    #[serde(default, skip_serializing_if = "Role::is_served")]
    pub role: Role,
    /// When it was answered, milliseconds since the epoch.
    #[serde(rename = "timestamp")]
    pub timestamp_ms: i64,
    /// The user of the query.
    #[serde(rename = "visitorid")]
    pub user: UserId,
    /// The version that answered.
    pub version: Box<str>,
    /// The scenario of the query, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Box<str>>,
    /// The item whose page the user was on, if the query named one.
    #[serde(rename = "item", default, skip_serializing_if = "Option::is_none")]
    pub page: Option<ItemId>,
    /// The category that items had to be of, if the query named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Box<str>>,
    /// Whether it was made without the user's state, or after the deadline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fallback: bool,
    /// Best first: an item's position is its place here.
    pub items: Vec<LoggedItem>,
}

/// An item of a slate, and why it was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedItem {
    /// The item.
    #[serde(rename = "itemid")]
    pub item: ItemId,
    /// Comparable within one slate only.
    pub score: f32,
    /// The sources that proposed it, and `pin` or `explore` where a rule gave it its place, `together` where the basket did.
    pub sources: Vec<Cow<'static, str>>,
    /// The probability that an answer to the query shows this item at this place, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f32>,
}

impl LoggedSlate {
    /// Reads a line of the log; `None` if it is no slate.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if !line.starts_with(SLATE) {
            return None;
        }
        serde_json::from_slice(line).ok()
    }

    /// Appends the slate and a line end.
    pub fn write(&self, lines: &mut Vec<u8>) {
        serde_json::to_writer(&mut *lines, self).expect("texts and numbers serialise, and memory takes them");
        lines.push(b'\n');
    }
}

/// Whether the slates of a user are in a sample: the same on every replica and for all time.
///
/// * `every`: one user of how many is logged; all of them for 1.
#[must_use]
pub fn is_sampled(user: &UserId, every: NonZeroU32) -> bool {
    xxh3_64_with_seed(user.as_str().as_bytes(), SAMPLE_SEED).is_multiple_of(u64::from(every.get()))
}

/// Whether a user is in a share of all: the same on every replica and for all time, and a larger share has those of a
/// smaller one.
///
/// * `share`: 0 to 1.
#[must_use]
pub fn is_in_share(user: &UserId, share: f64) -> bool {
    (xxh3_64_with_seed(user.as_str().as_bytes(), SHARE_SEED) as f64) < share * 2f64.powi(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u32) -> UserId {
        UserId::new(format!("u{id}")).expect("an id")
    }

    #[test]
    fn a_slate_reads_back_as_it_was_written() {
        let line = concat!(
            r#"{"slate":"r1","timestamp":5,"visitorid":"u1","version":"v7","scenario":"home","items":["#,
            r#"{"itemid":"i1","score":1.5,"sources":["als","pin"]},"#,
            r#"{"itemid":"i2","score":0.1,"sources":[],"propensity":0.05}]}"#,
            "\n"
        );
        let slate = LoggedSlate::read(line.as_bytes()).expect("a slate");
        assert_eq!((slate.items[1].propensity, slate.items[0].propensity), (Some(0.05), None));
        let mut written = Vec::new();
        slate.write(&mut written);
        assert_eq!(std::str::from_utf8(&written), Ok(line));
        assert_eq!(
            LoggedSlate::read(&line.replace(r#""scenario":"home","#, "").into_bytes()).map(|s| s.scenario),
            Some(None)
        );
        // What the query asked for, and how it was answered, is there or not.
        let asked = line.replace(r#""items":["#, r#""item":"i9","category":"shoes","fallback":true,"items":["#);
        let full = LoggedSlate::read(asked.as_bytes()).expect("a slate");
        let category = full.category.as_deref();
        assert_eq!(
            (full.page.as_ref().map(ItemId::as_str), category, full.fallback),
            (Some("i9"), Some("shoes"), true)
        );
        assert_eq!((&slate.page, &slate.category, slate.fallback), (&None, &None, false));
        written.clear();
        full.write(&mut written);
        assert_eq!(std::str::from_utf8(&written), Ok(&*asked));
        let shadow = LoggedSlate { role: Role::Shadow, ..slate };
        written.clear();
        shadow.write(&mut written);
        assert!(written.starts_with(br#"{"slate":"r1","role":"shadow","timestamp""#));
        assert_eq!(LoggedSlate::read(&written), Some(shadow));
        for other in ["   \n", "{\"slate\":\"r1\"}", "{\"timestamp\":5}"] {
            assert_eq!(LoggedSlate::read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_sample_has_one_user_of_as_many_as_are_asked_for() {
        let count = |every| {
            let every = NonZeroU32::new(every).expect("not 0");
            (0..10_000).filter(|&id| is_sampled(&user(id), every)).count()
        };
        assert_eq!(count(1), 10_000);
        assert!((1800..2200).contains(&count(5)), "{}", count(5));
    }

    #[test]
    fn a_share_is_that_of_users_and_a_larger_one_has_those_of_a_smaller() {
        let of = |share| (0..10_000).map(user).filter(|user| is_in_share(user, share)).collect::<Vec<_>>();
        let (fifth, half) = (of(0.2), of(0.5));
        assert_eq!((of(0.0).len(), of(1.0).len()), (0, 10_000));
        assert!((1800..2200).contains(&fifth.len()) && fifth.iter().all(|user| half.contains(user)), "{}", fifth.len());
    }
}
