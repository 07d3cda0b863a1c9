//! Which items of a user's own past may be recommended again: one of three words, or for how many days an event of a
//! kind keeps its item out.
//!
//! ```text
//! allow │ exclude_purchased │ exclude_all │ transaction:30,addtocart:7
//! in a config also { transaction = 30, addtocart = 7 }, and in a body the same as JSON
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, IntoDeserializer, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contract::kind::{KindError, KindName};

/// The most days for which an event keeps its item out: a hundred years.
pub const MAX_DAYS: u16 = 36_500;

/// Which items of the user's own past may be recommended again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// All of them.
    Allow,
    /// All but those that the user bought.
    ExcludePurchased,
    /// None of them.
    ExcludeAll,
}

/// The same, or for how long events keep their items out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenPolicy {
    /// By one of the words.
    Word(Seen),
    /// For so many days after an event of a kind, 1 to [`MAX_DAYS`]; events of other kinds keep nothing out.
    Days(BTreeMap<KindName, u16>),
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeenError {
    /// It is none of the words.
    #[error(
        "unknown variant `{0}`, expected one of `allow`, `exclude_purchased`, `exclude_all`, or days by kind of event \
         such as `transaction:30,addtocart:7`"
    )]
    Word(String),
    /// No kind can have the name.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The days are none.
    #[error("`{kind}`: {days:?} days; it must be from 1 to {MAX_DAYS}")]
    Days {
        /// The kind of event.
        kind: KindName,
        /// What was given.
        days: String,
    },
    /// A kind is there twice.
    #[error("`{0}` is given more than once")]
    Twice(KindName),
}

impl SeenPolicy {
    /// Makes a policy of kinds and their days, each given as a text.
    fn of_days(pairs: impl IntoIterator<Item = (KindName, String)>) -> Result<Self, SeenError> {
        let mut of_kinds = BTreeMap::new();
        for (kind, days) in pairs {
            let number = days.parse().ok().filter(|days| (1..=MAX_DAYS).contains(days));
            let number = number.ok_or_else(|| SeenError::Days { kind: kind.clone(), days })?;
            if of_kinds.insert(kind.clone(), number).is_some() {
                return Err(SeenError::Twice(kind));
            }
        }
        Ok(Self::Days(of_kinds))
    }
}

impl FromStr for SeenPolicy {
    type Err = SeenError;

    fn from_str(text: &str) -> Result<Self, SeenError> {
        if !text.contains(':') {
            let word: Result<Seen, de::value::Error> = Seen::deserialize(text.into_deserializer());
            return word.map(Self::Word).map_err(|_| SeenError::Word(text.to_owned()));
        }
        let pair = |pair: &str| {
            let (kind, days) = pair.split_once(':').unwrap_or((pair, ""));
            Ok((KindName::new(kind.trim())?, days.trim().to_owned()))
        };
        Self::of_days(text.split(',').map(pair).collect::<Result<Vec<_>, SeenError>>()?)
    }
}

impl fmt::Display for SeenPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => word.serialize(formatter),
            Self::Days(of_kinds) => {
                let pairs: Vec<String> = of_kinds.iter().map(|(kind, days)| format!("{kind}:{days}")).collect();
                formatter.write_str(&pairs.join(","))
            }
        }
    }
}

impl Serialize for SeenPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SeenPolicy {
    /// Reads the text, or an object with the days of each kind.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = SeenPolicy;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`allow`, `exclude_purchased`, `exclude_all`, or days by kind of event")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SeenPolicy, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SeenPolicy, A::Error> {
                let mut pairs = Vec::new();
                while let Some((kind, days)) = map.next_entry::<KindName, i64>()? {
                    pairs.push((kind, days.to_string()));
                }
                SeenPolicy::of_days(pairs).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<SeenPolicy, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn words_and_days_read_back_as_they_are_written() {
        assert_eq!(read(r#""exclude_all""#), Ok(SeenPolicy::Word(Seen::ExcludeAll)));
        let days = [(KindName::ADD_TO_CART, 7), (KindName::TRANSACTION, 30)];
        let policy = SeenPolicy::Days(days.into());
        for text in [r#""transaction:30, addtocart:7""#, r#"{"addtocart": 7, "transaction": 30}"#] {
            assert_eq!(read(text), Ok(policy.clone()), "{text}");
        }
        for policy in [policy, SeenPolicy::Word(Seen::ExcludePurchased), SeenPolicy::Days(BTreeMap::new())] {
            let text = policy.to_string();
            assert!(text.is_empty() || text.parse() == Ok(policy), "{text}");
        }
    }

    #[test]
    fn what_is_no_policy_is_refused_with_what_would_be_one() {
        for (text, said) in [
            (
                r#""never""#,
                "unknown variant `never`, expected one of `allow`, `exclude_purchased`, `exclude_all`, or days",
            ),
            (r#""transaction:0""#, "`transaction`: \"0\" days; it must be from 1 to 36500"),
            (r#""transaction:30,view""#, "`view`: \"\" days"),
            (r#"{"transaction": 40000}"#, "`transaction`: \"40000\" days"),
            (r#""view:1,view:2""#, "`view` is given more than once"),
            (r#""View:1""#, "\"View\" is no name of a kind"),
            ("7", "expected `allow`"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(said), "{error}");
        }
    }
}
