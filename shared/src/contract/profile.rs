//! The profile of a request: what a client knows of a user, column by column.

use std::fmt;

use serde::de::{self, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Values by the names of columns, in the order in which they are given; a name that is given twice is there twice, so that
/// it can be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenProfile(pub Vec<(String, Value)>);

/// What may be given of a field of a user or an item, for the description alone: what is read is checked by the version.
#[cfg(feature = "openapi")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum GivenValue {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Several texts, of an item.
    Texts(Vec<String>),
    /// Nothing is known.
    Nothing,
}

impl Serialize for GivenProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for GivenProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = GivenProfile;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with a value for each column, in the body of a POST")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GivenProfile, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = map.next_entry()? {
                    values.push(value);
                }
                Ok(GivenProfile(values))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_keeps_what_is_given_twice_and_is_an_object() {
        let given: GivenProfile = serde_json::from_str(r#"{"b": 1, "a": null, "b": 2}"#).expect("reads");
        let names: Vec<&str> = given.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "b"]);
        let error = serde_json::from_str::<GivenProfile>("[1]").expect_err("a list").to_string();
        assert!(error.contains("an object with a value for each column"), "{error}");
    }
}
