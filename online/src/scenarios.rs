//! Scenarios: rules of the shop by name, from the config, as no version knows them yet.
//!
//! In: `[scenarios.NAME]`. Out: a [`Scenario`], every value of which is in its range. What it names (properties, items,
//! kinds of events) may be in one version and not in the next: see [`crate::rules`].

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use shared::contract::api::{MAX_K, SeenPolicy, ServedPolicy};
use shared::contract::expression::Expression;
use shared::contract::id::{self, Given, ItemId};

/// All scenarios, by name.
pub type Scenarios = BTreeMap<String, Scenario>;

/// `[scenarios.NAME]`; the keys are documented in `RULES.md`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Scenario {
    pub filter: Option<Expression>,
    #[serde(deserialize_with = "items")]
    pub exclude: Vec<ItemId>,
    pub seen: Option<SeenPolicy>,
    pub served: Option<ServedPolicy>,
    pub boost: Vec<Boost>,
    pub bury: Vec<Bury>,
    pub pin: Vec<Pin>,
    pub max_per: BTreeMap<String, usize>,
    pub explore: f64,
    pub explore_below_events: u32,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            filter: None,
            exclude: Vec::new(),
            seen: None,
            served: None,
            boost: Vec::new(),
            bury: Vec::new(),
            pin: Vec::new(),
            max_per: BTreeMap::new(),
            explore: 0.0,
            explore_below_events: 10,
        }
    }
}

/// `[[scenarios.NAME.boost]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Boost {
    pub filter: Expression,
    #[serde(default = "one")]
    pub factor: f32,
    #[serde(default)]
    pub add: f32,
    #[serde(default)]
    pub from: Time,
    #[serde(default)]
    pub until: Time,
}

/// `[[scenarios.NAME.bury]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Bury {
    pub filter: Expression,
    #[serde(default)]
    pub from: Time,
    #[serde(default)]
    pub until: Time,
}

/// `[[scenarios.NAME.pin]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Pin {
    #[serde(deserialize_with = "id::given")]
    pub item: ItemId,
    pub position: usize,
    #[serde(default)]
    pub from: Time,
    #[serde(default)]
    pub until: Time,
}

/// An end of the time in which a rule holds, milliseconds since the epoch; open if absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time(Option<i64>);

impl<'de> Deserialize<'de> for Time {
    /// Reads a date and time with its offset: a text, or the same without quotes, as TOML has it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Toml(toml::value::Datetime),
        }
        let text = match Given::deserialize(deserializer) {
            Ok(Given::Text(text)) => text,
            Ok(Given::Toml(time)) => time.to_string(),
            Err(_) => return Err(D::Error::custom("expected a date and time such as \"2026-11-27T00:00:00Z\"")),
        };
        let wrong = |_| D::Error::custom(format!("{text:?} is no time with its offset, such as 2026-11-27T00:00:00Z"));
        text.parse::<Timestamp>().map(|time| Self(Some(time.as_millisecond()))).map_err(wrong)
    }
}

/// The time in which a rule holds.
#[must_use]
pub fn during(from: Time, until: Time) -> Range<i64> {
    from.0.unwrap_or(i64::MIN)..until.0.unwrap_or(i64::MAX)
}

fn one() -> f32 {
    1.0
}

fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ItemId>, D::Error> {
    let given: Vec<Given<ItemId>> = Vec::deserialize(deserializer)?;
    Ok(given.into_iter().map(|Given(id)| id).collect())
}

/// A value that is out of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its key, below the scenario.
    pub key: String,
    /// What was given.
    pub value: String,
    /// What it must be.
    pub must: &'static str,
}

impl Scenario {
    /// All of its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let boosts = self.boost.iter().map(|rule| &rule.filter);
        self.filter.iter().chain(boosts).chain(self.bury.iter().map(|rule| &rule.filter))
    }

    /// Checks what types don't restrict enough.
    ///
    /// # Errors
    /// The first [`Wrong`] value.
    pub fn check(&self) -> Result<(), Wrong> {
        for (at, rule) in self.boost.iter().enumerate() {
            let key = |name: &str| format!("boost[{at}].{name}");
            ensure(
                rule.factor > 0.0 && rule.factor <= 1000.0,
                || key("factor"),
                rule.factor,
                "it must be above 0 and at most 1000",
            )?;
            ensure(rule.add.abs() <= 1000.0, || key("add"), rule.add, "it must be from -1000 to 1000")?;
            let does = rule.factor != 1.0 || rule.add != 0.0;
            ensure(does, || key("factor"), rule.factor, "it changes nothing; give another factor, or add")?;
        }
        for (at, rule) in self.pin.iter().enumerate() {
            let (is_one, key) = ((1..=MAX_K).contains(&rule.position), || format!("pin[{at}].position"));
            ensure(is_one, key, rule.position, "it must be from 1 to 500")?;
        }
        let boosts = self.boost.iter().map(|rule| ("boost", rule.from, rule.until)).enumerate();
        let buries = self.bury.iter().map(|rule| ("bury", rule.from, rule.until)).enumerate();
        let pins = self.pin.iter().map(|rule| ("pin", rule.from, rule.until)).enumerate();
        for (at, (rule, from, until)) in boosts.chain(buries).chain(pins) {
            let during = during(from, until);
            ensure(!during.is_empty(), || format!("{rule}[{at}].until"), during.end, "it must be later than from")?;
        }
        for (property, &most) in &self.max_per {
            ensure(most > 0, || format!("max_per.{property}"), most, "it must be at least 1")?;
        }
        ensure((0.0..=1.0).contains(&self.explore), || "explore".to_owned(), self.explore, "it must be from 0 to 1")?;
        let below = self.explore_below_events;
        ensure(below > 0, || "explore_below_events".to_owned(), below, "it must be at least 1")
    }
}

/// Refuses a value that does not fit.
fn ensure(fits: bool, key: impl FnOnce() -> String, value: impl ToString, must: &'static str) -> Result<(), Wrong> {
    if fits { Ok(()) } else { Err(Wrong { key: key(), value: value.to_string(), must }) }
}
