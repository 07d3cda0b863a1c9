//! How many items of a slate may have the same value of a property, as a client says it: `brand:2`.

use std::fmt;
use std::str::FromStr;

use serde::de;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest number: no slate has more items.
const MOST: usize = 500;

/// A property, and the most items of a slate that may have the same value of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxPer {
    /// `category`, or a property of the items.
    pub property: String,
    /// How many, 1 to 500.
    pub most: usize,
}

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no property with a number from 1 to 500, such as brand:2")]
pub struct MaxPerError(String);

impl FromStr for MaxPer {
    type Err = MaxPerError;

    fn from_str(text: &str) -> Result<Self, MaxPerError> {
        let wrong = || MaxPerError(text.to_owned());
        // A property may have a colon in its name; a number has none.
        let (property, most) = text.rsplit_once(':').filter(|(property, _)| !property.is_empty()).ok_or_else(wrong)?;
        let most = most.parse().ok().filter(|most| (1..=MOST).contains(most)).ok_or_else(wrong)?;
        Ok(Self { property: property.to_owned(), most })
    }
}

impl fmt::Display for MaxPer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.property, self.most)
    }
}

impl Serialize for MaxPer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MaxPer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Reads a list; empty if it is `null`.
pub(crate) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MaxPer>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_a_property_and_a_number() {
        let read = |text: &str| text.parse::<MaxPer>().ok().map(|cap| (cap.property, cap.most));
        assert_eq!(read("brand:2"), Some(("brand".to_owned(), 2)));
        assert_eq!(read("og:type:500"), Some(("og:type".to_owned(), 500)));
        assert!(
            ["brand", "brand:", ":2", "brand:0", "brand:501", "brand:-1", "brand:two"]
                .map(read)
                .iter()
                .all(Option::is_none)
        );
        let json = r#"["brand:2","category:1"]"#;
        let caps: Vec<MaxPer> = serde_json::from_str(json).expect("caps");
        assert_eq!(serde_json::to_string(&caps).expect("texts"), json);
    }
}
