//! How values that clients give are read, in a URL and in JSON alike: in a URL every value is a text, and what is empty
//! there is not absent but wrong; in JSON `null` is absent.

use std::fmt;

use serde::de::{self, Unexpected};
use serde::{Deserialize, Deserializer};

use crate::contract::id::{self, Given};

/// Reads yes or no; absent if it is `null`. An empty value in a URL is neither.
pub(crate) fn optional_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = Option<bool>;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("true or false")
        }
        fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Option<bool>, E> {
            Ok(Some(flag))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Option<bool>, E> {
            Ok(None)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<bool>, E> {
            text.parse().map(Some).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// Reads an id; absent if it is `null`.
pub(crate) fn optional_id<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    Given<T>: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.map(|Given(id)| id))
}

/// Reads a list of ids.
pub(crate) fn ids<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    Given<T>: Deserialize<'de>,
{
    let given: Option<Vec<Given<T>>> = Option::deserialize(deserializer)?;
    Ok(given.into_iter().flatten().map(|Given(id)| id).collect())
}

/// Reads a text, or a number as the text of it; absent if it is `null`.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Text(#[serde(deserialize_with = "id::text_or_number")] String);
    Ok(Option::deserialize(deserializer)?.map(|Text(text)| text))
}

/// Reads a time; absent if it is `null`.
pub(crate) fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    optional_integer(deserializer, "an integer, milliseconds since the epoch")
}

/// Reads an integer, or a string of its digits: every value in a URL is a string. Absent if it is `null`.
pub(crate) fn optional_integer<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<Option<i64>, D::Error> {
    struct Visitor(&'static str);
    impl de::Visitor<'_> for Visitor {
        type Value = Option<i64>;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Option<i64>, E> {
            Ok(Some(number))
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Option<i64>, E> {
            i64::try_from(number).map(Some).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Option<i64>, E> {
            Ok(None)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<i64>, E> {
            text.parse().map(Some).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_any(Visitor(expected))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(refused: Result<impl fmt::Debug, serde_json::Error>) -> String {
        refused.expect_err("refused").to_string()
    }

    #[test]
    fn null_is_absent_and_texts_stand_for_what_they_say() {
        let flag = |value: Value| optional_flag(value);
        assert_eq!(flag(json!(null)).expect("absent"), None);
        assert_eq!((flag(json!(true)).expect("yes"), flag(json!("false")).expect("no")), (Some(true), Some(false)));
        let time = |value: Value| milliseconds(value);
        assert_eq!(time(json!(null)).expect("absent"), None);
        assert_eq!((time(json!(5)).expect("a time"), time(json!("-5")).expect("a time")), (Some(5), Some(-5)));
    }

    #[test]
    fn what_is_neither_is_refused_with_what_is_expected() {
        assert_eq!(text(optional_flag(json!(""))), "invalid value: string \"\", expected true or false");
        assert!(text(milliseconds(json!(1.5))).contains("expected an integer, milliseconds since the epoch"));
    }
}
