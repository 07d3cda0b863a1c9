//! Identifiers: external ids are strings that outlive an artifact, dense indices are `u32` that do not.
//!
//! The two kinds are different types, so that an index of one artifact can't be mistaken for an id, nor for an
//! index of the other kind.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The longest accepted external id, in bytes (its length is stored in one byte).
pub const MAX_ID_BYTES: usize = 255;

/// Why a string is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The id has no characters.
    #[error("an id must not be empty")]
    Empty,
    /// The id is longer than [`MAX_ID_BYTES`].
    #[error("an id has at most {MAX_ID_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// The id contains a control character, such as a line end.
    #[error("an id must not contain control characters")]
    Control,
}

/// Checks what is common to all external ids.
fn check(id: &str) -> Result<(), IdError> {
    match id {
        "" => Err(IdError::Empty),
        _ if id.len() > MAX_ID_BYTES => Err(IdError::TooLong(id.len())),
        _ if id.chars().any(char::is_control) => Err(IdError::Control),
        _ => Ok(()),
    }
}

/// Reads a string, or an integer as the string of its digits.
fn string_or_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = String;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a string or an integer")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
        fn visit_string<E: de::Error>(self, text: String) -> Result<String, E> {
            Ok(text)
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    deserializer.deserialize_any(Visitor)
}

macro_rules! external_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks and wraps an external id.
            ///
            /// # Errors
            /// [`IdError`] when it is empty, too long or has control characters.
            pub fn new(id: impl Into<Box<str>>) -> Result<Self, IdError> {
                let id = id.into();
                check(&id)?;
                Ok(Self(id))
            }

            /// The id as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(string_or_integer(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

external_id!(
    /// A user as the shop knows them.
    UserId
);
external_id!(
    /// An item as the shop knows it.
    ItemId
);

macro_rules! dense_index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "engine", derive(bytemuck::Pod, bytemuck::Zeroable))]
        #[repr(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The index as a position in a table.
            #[must_use]
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

dense_index!(
    /// An item's row in the tables of one artifact; rows are in the order of the external ids.
    ItemIdx
);
dense_index!(
    /// A user's row in the tables of one artifact; rows are in the order of the external ids.
    UserIdx
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_accepted_as_ids() {
        let id: ItemId = serde_json::from_str("42").expect("an integer is an id");
        assert_eq!(id.as_str(), "42");
    }

    #[test]
    fn an_empty_id_is_refused_with_its_reason() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        assert_eq!(UserId::new("a\nb"), Err(IdError::Control));
        assert_eq!(UserId::new("x".repeat(256)), Err(IdError::TooLong(256)));
    }
}
