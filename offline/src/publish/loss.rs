//! Compares the log of a version with the log of the champion, to refuse a version whose log lost a part of its data.
//!
//! Half of a log gives a version that is complete, but worse, and so does a batch whose user tables were forgotten. So the
//! numbers of events, users and users with a profile of a version, and the end of its log, are compared with the champion's.
//! Each number may fall by a share of `gate.max_loss`, so that nights with few events pass, and shops that keep only the last
//! 90 days. The log may not end before the champion's.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use shared::contract::artifact::manifest::{MANIFEST, read_champion};
use shared::contract::artifact::{ArtifactError, Manifest};

use crate::config::Config;
use crate::config::changes::{Changes, KINDS, OF_READING, reading_changes};
use crate::log::ingest::Log;

/// The count of users with a profile. Versions without user tables lack it.
const PROFILES: &str = "profiles";

/// How much a log may have lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Accept {
    /// At most this share of the champion's events, users and users with a profile; the log may not end earlier.
    Share(f64),
    /// Any loss, by an explicit option.
    Anything,
}

/// The facts about the log of a version that are compared; readable from manifests of any format.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Facts {
    /// The numbers of `events`, `users`, `items` and, where there are any, `profiles`, among others.
    #[serde(default)]
    counts: BTreeMap<String, u64>,
    /// The time of the last event, milliseconds since the epoch.
    #[serde(default)]
    pub last_event_ms: i64,
    /// The settings of reading the log, and no others: manifests of older releases hold passwords.
    #[serde(default, deserialize_with = "of_reading")]
    config: Value,
}

/// The sections of a config that decide how the log is read.
fn only_of_reading(mut config: Value) -> Value {
    if let Some(sections) = config.as_object_mut() {
        sections.retain(|name, _| name == KINDS || OF_READING.contains(&name.as_str()));
    }
    config
}

fn of_reading<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer).map(only_of_reading)
}

impl Facts {
    /// The facts of a log, before anything is trained on it.
    #[must_use]
    pub fn of_log(log: &Log, config: &Config) -> Self {
        let [events, users, items] = [log.events.len(), log.users.len(), log.items.len()];
        let counts = [("events", events), ("users", users), ("items", items), (PROFILES, log.profiles.users())];
        Self {
            counts: counts.map(|(name, count)| (name.to_owned(), count as u64)).into(),
            last_event_ms: log.now_ms(),
            config: only_of_reading(serde_json::to_value(config).unwrap_or_default()),
        }
    }

    /// The facts of a version.
    #[must_use]
    pub fn of_version(manifest: &Manifest) -> Self {
        let Manifest { counts, last_event_ms, config, .. } = manifest;
        Self { counts: counts.clone(), last_event_ms: *last_event_ms, config: only_of_reading(config.clone()) }
    }

    fn count(&self, of: &str) -> u64 {
        self.counts.get(of).copied().unwrap_or(0)
    }
}

/// A champion to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct Champion {
    /// The version.
    pub version: String,
    /// The facts about its log, or why they can't be read.
    pub facts: Result<Facts, String>,
}

impl Champion {
    /// The champion of an artifacts folder; `None` if nothing has been published.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] when the pointer can't be read.
    pub fn read(artifacts: &Path) -> Result<Option<Self>, ArtifactError> {
        let version = match read_champion(artifacts) {
            Ok(version) => version,
            Err(ArtifactError::NoChampion { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let path = artifacts.join(&version).join(MANIFEST);
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
        let parse = |text: Vec<u8>| {
            serde_json::from_slice(&text).map_err(|error| format!("{}: not a manifest: {error}", path.display()))
        };
        Ok(Some(Self { version, facts: text.and_then(parse) }))
    }

    /// Whether its log has an event at this time or later.
    #[must_use]
    pub fn reaches(&self, time_ms: i64) -> bool {
        self.facts.as_ref().is_ok_and(|facts| facts.last_event_ms >= time_ms)
    }

    /// Compares a version with the champion. A champion whose facts can't be read does not prevent the promotion of
    /// another version.
    ///
    /// # Errors
    /// [`Loss`] when the new log lost more than is accepted. If the log is read with other settings than the champion's
    /// was, its numbers are not comparable, and only a loss of profiles is an error.
    pub fn check(&self, new: &Facts, accept: Accept) -> Result<Comparison, Box<Loss>> {
        let champion = self.version.clone();
        let old = match &self.facts {
            Ok(facts) => facts.clone(),
            Err(reason) => return Ok(Comparison::Impossible { champion, reason: reason.clone() }),
        };
        let mut reading = reading_changes(&old.config, &new.config);
        // Columns of the item table change no count of events or users, nor do those of user tables; a table that has fewer
        // users is less, however it is read.
        reading.retain(|key, _| !key.starts_with("items.") && !key.starts_with("ingest.users."));
        let figures = Figures { champion, old, new: new.clone(), reading };
        let reasons = match accept {
            Accept::Share(max_loss) => figures.losses(max_loss),
            Accept::Anything => Vec::new(),
        };
        if reasons.is_empty() { Ok(Comparison::Held(figures)) } else { Err(Box::new(Loss { reasons, figures })) }
    }
}

/// The result of comparing a version with the champion.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// The facts about both logs.
    Held(Figures),
    /// The champion's facts can't be read.
    Impossible {
        /// Its version.
        champion: String,
        /// Why.
        reason: String,
    },
}

/// The facts about the logs of the champion and of a new version.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    champion: String,
    old: Facts,
    new: Facts,
    /// The settings of reading the log that were changed in between.
    reading: Changes,
}

/// The error that a log lost a part of its data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the log is less than what the champion {} was learnt from: {}\n  {figures}", figures.champion, reasons.join(", "))]
pub struct Loss {
    reasons: Vec<String>,
    figures: Figures,
}

impl Figures {
    /// The losses that exceed a share, in words: of a log that is read by other settings those of profiles alone.
    fn losses(&self, max_loss: f64) -> Vec<String> {
        let mut losses = Vec::new();
        let mut hold = |of: &str, what: &str, way: &str| {
            let (old, new) = (self.old.count(of) as f64, self.new.count(of) as f64);
            if new < old * (1.0 - max_loss) {
                let lost = percent(old, new).abs();
                losses.push(format!("it lost {lost:.1}% of its {what} (gate.max_loss = {max_loss}{way})"));
            }
        };
        let log_is_comparable = self.reading.is_empty();
        if log_is_comparable {
            ["events", "users"].iter().for_each(|of| hold(of, of, ""));
        }
        hold(PROFILES, "users with a profile", "; --users gives their tables");
        if log_is_comparable && self.new.last_event_ms < self.old.last_event_ms {
            losses.push("it ends earlier".to_owned());
        }
        losses
    }
}

/// The change in percent.
fn percent(old: f64, new: f64) -> f64 {
    if old == 0.0 { 0.0 } else { (new / old - 1.0) * 100.0 }
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for of in ["events", "users", "items", PROFILES] {
            let (old, new) = (self.old.count(of), self.new.count(of));
            if of == PROFILES && old + new == 0 {
                continue;
            }
            write!(f, "{of} {old} → {new} ({:+.1}%), ", percent(old as f64, new as f64))?;
        }
        write!(f, "last event {} → {}", time(self.old.last_event_ms), time(self.new.last_event_ms))
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(figures) => {
                write!(f, "beside the champion {}: {figures}", figures.champion)?;
                if !figures.reading.is_empty() {
                    let keys: Vec<&str> = figures.reading.keys().map(String::as_str).collect();
                    write!(f, "; not judged, for the log is read by other settings: {} changed", keys.join(", "))?;
                }
                Ok(())
            }
            Self::Impossible { champion, reason } => {
                write!(f, "not held against the champion {champion}, of which nothing can be told: {reason}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(events: u64, users: u64, last_event_ms: i64) -> Facts {
        let counts = json!({"events": events, "users": users, "items": 10});
        let config = json!({"ingest": {"skip": [], "preset": "native"}, "als": {"factors": 64}});
        serde_json::from_value(json!({"counts": counts, "last_event_ms": last_event_ms, "config": config}))
            .expect("facts")
    }

    fn champion() -> Champion {
        Champion { version: "v1".to_owned(), facts: Ok(facts(1000, 100, 86_400_000)) }
    }

    /// The reason to refuse a version, if a tenth may be lost.
    fn refusal(new: &Facts) -> Option<String> {
        champion().check(new, Accept::Share(0.1)).err().map(|loss| loss.to_string())
    }

    #[test]
    fn a_tenth_may_be_lost_and_an_event_more_may_not() {
        assert_eq!(refusal(&facts(900, 90, 86_400_000)), None);
        assert_eq!(refusal(&facts(5000, 500, 99_000_000)), None);
        let expected = "the log is less than what the champion v1 was learnt from: it lost 10.1% of its events \
                        (gate.max_loss = 0.1)\n  events 1000 → 899 (-10.1%), users 100 → 90 (-10.0%), items 10 → 10 \
                        (+0.0%), last event 1970-01-02T00:00:00Z → 1970-01-02T00:00:00Z";
        assert_eq!(refusal(&facts(899, 90, 86_400_000)).as_deref(), Some(expected));
        assert!(refusal(&facts(1000, 89, 86_400_000)).expect("lost").contains("it lost 11.0% of its users"));
    }

    #[test]
    fn a_version_that_lost_its_profiles_is_refused_and_a_champion_without_any_asks_for_none() {
        let with = |profiles: u64| {
            let mut facts = facts(1000, 100, 86_400_000);
            facts.counts.insert(PROFILES.to_owned(), profiles);
            // Its settings tell nothing of events.
            facts.config["ingest"]["users"] = json!({"time": if profiles > 0 { "month" } else { "" }});
            facts
        };
        let champion = Champion { version: "v1".to_owned(), facts: Ok(with(50)) };
        let refusal = |new: &Facts| champion.check(new, Accept::Share(0.1)).err().map(|loss| loss.to_string());
        for lost in [with(0), facts(1000, 100, 86_400_000)] {
            let said = refusal(&lost).expect("refused");
            let reason =
                "it lost 100.0% of its users with a profile (gate.max_loss = 0.1; --users gives their tables)\n";
            assert!(said.contains(reason) && said.contains("profiles 50 → 0 (-100.0%), last event"), "{said}");
        }
        assert!(refusal(&with(44)).expect("refused").contains("it lost 12.0% of its users with a profile"));
        assert_eq!(refusal(&with(45)), None);
        assert!(champion.check(&with(0), Accept::Anything).is_ok());
        for new in [with(0), with(50)] {
            assert!(self::champion().check(&new, Accept::Share(0.1)).is_ok());
        }
        let mut skipping = with(0);
        skipping.config["ingest"]["skip"] = json!(["robots"]);
        assert!(refusal(&skipping).is_some(), "how events are read changes no table of users");
    }

    #[test]
    fn an_earlier_end_is_no_small_loss() {
        assert!(refusal(&facts(1000, 100, 86_399_999)).expect("lost").contains("it ends earlier"));
    }

    #[test]
    fn whoever_asks_for_less_gets_it_with_the_figures() {
        let comparison = champion().check(&facts(1, 1, 0), Accept::Anything).expect("asked for").to_string();
        assert!(comparison.contains("events 1000 → 1 (-99.9%)"), "{comparison}");
    }

    #[test]
    fn a_log_that_is_read_by_other_settings_is_not_judged_and_other_models_change_nothing() {
        let mut skipping = facts(10, 10, 0);
        skipping.config["ingest"]["skip"] = json!(["robots"]);
        let comparison = champion().check(&skipping, Accept::Share(0.1)).expect("not judged").to_string();
        assert!(comparison.ends_with("read by other settings: ingest.skip changed"), "{comparison}");
        let mut wider = facts(10, 10, 0);
        wider.config["als"]["factors"] = json!(8);
        wider.config["ingest"]["a_new_setting"] = json!(true);
        assert!(champion().check(&wider, Accept::Share(0.1)).is_err());
    }

    #[test]
    fn a_champion_of_another_format_is_compared_and_a_torn_one_is_not() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(Champion::read(folder.path()).expect("reads"), None);
        fs::create_dir(folder.path().join("v1")).expect("creates");
        fs::write(folder.path().join("champion"), "v1\n").expect("writes");
        let manifest = r#"{"format_version": 999, "counts": {"events": 20}, "last_event_ms": 5, "tables": []}"#;
        fs::write(folder.path().join("v1").join(MANIFEST), manifest).expect("writes");
        let read = || Champion::read(folder.path()).expect("reads").expect("there is one");
        assert!(read().check(&facts(17, 100, 5), Accept::Share(0.1)).is_err());
        assert!(read().check(&facts(18, 100, 5), Accept::Share(0.1)).is_ok());
        assert!(read().reaches(5) && !read().reaches(6));
        fs::write(folder.path().join("v1").join(MANIFEST), &manifest[..9]).expect("writes");
        let comparison = read().check(&facts(1, 1, 0), Accept::Share(0.1)).expect("nothing to compare").to_string();
        assert!(comparison.contains("not held against the champion v1"), "{comparison}");
    }
}
