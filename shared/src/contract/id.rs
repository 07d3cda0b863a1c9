//! Identifiers: external ids are strings that outlive an artifact, dense indices are `u32` that do not.
//!
//! The two kinds are different types, so that an index of one artifact can't be mistaken for an id, nor for an
//! index of the other kind.
//!
//! One program of a shop writes `52`, another one `52.0` or ` 52`: an id from outside is made [`canonical`], wherever it
//! comes in (requests, logs, item tables). Stored ids (artifacts, histories, the service's event log) are canonical
//! already, or as an older release took them, and are read as they stand.

use std::borrow::Cow;
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
    /// The text is what programs write where there is no value.
    #[error("`{0}` is what programs write for a missing value, and no id")]
    Missing(&'static str),
}

/// What programs write for a missing value, beside nothing at all.
pub const MISSING: [&str; 13] =
    ["NULL", "null", "NaN", "nan", "None", "none", "N/A", "#N/A", "<NA>", "NaT", "\\N", "undefined", "(not set)"];
/// The length of the longest of them, in bytes.
const LONGEST_MISSING: usize = 9;

/// The text without the white space around it; `None` where it is empty or stands for a missing value ([`MISSING`]).
#[must_use]
pub fn present(text: &str) -> Option<&str> {
    // Most texts have nothing to trim.
    let text = match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim_matches(is_blank),
    };
    let is_missing = text.is_empty() || text.len() <= LONGEST_MISSING && MISSING.contains(&text);
    (!is_missing).then_some(text)
}

/// White space, and signs without a width that files begin with (a byte order mark) or programs leave behind.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || ['\u{feff}', '\u{200b}'].contains(&letter)
}

/// The one form of an id from outside; `None` where the text stands for a missing value, see [`present`].
///
/// A decimal number whose fraction is zeros loses it: `52.0` is `52`, `-3.00` is `-3`. All other texts stay as they are,
/// such as `007`, `1e3` and `52.5`.
#[must_use]
pub fn canonical(text: &str) -> Option<Cow<'_, str>> {
    let text = present(text)?;
    if !text.ends_with('0') {
        return Some(Cow::Borrowed(text));
    }
    Some(Cow::Borrowed(match text.rsplit_once('.') {
        Some((whole, fraction)) if is_whole(whole) && is_zeros(fraction) => whole,
        _ => text,
    }))
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_zeros(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

/// Makes an id of a text from outside, or says why it is none.
fn checked(text: &str) -> Result<Cow<'_, str>, IdError> {
    canonical(text).ok_or_else(|| {
        let word = MISSING.into_iter().find(|word| *word == text.trim_matches(is_blank));
        word.map_or(IdError::Empty, IdError::Missing)
    })
}

/// Checks what is common to all external ids.
///
/// # Errors
/// [`IdError`] when it is empty, too long or has control characters.
pub fn check(id: &str) -> Result<(), IdError> {
    match id {
        "" => Err(IdError::Empty),
        _ if id.len() > MAX_ID_BYTES => Err(IdError::TooLong(id.len())),
        _ if id.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
        _ if id.chars().any(char::is_control) => Err(IdError::Control),
        _ => Ok(()),
    }
}

/// The text of a number that JSON writes with a fraction or an exponent: `52.10` and `5.21e1` are `52.1`. `None` beyond 2^53,
/// where it may stand for several.
#[must_use]
pub fn of_decimal(number: f64) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.abs() < EXACT).then(|| number.to_string())
}

/// Reads a text, or a number as the text of it.
///
/// A number that may stand for several is refused: beyond 64 bits, and with a fraction or an exponent beyond 2^53, other
/// digits would be read than were written.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = String;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a text or a number")
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
        fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
            of_decimal(number)
                .ok_or_else(|| E::custom("a number with so many digits can't be read exactly; give it as a text"))
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// An id in a request: deserialises from a text or a number, into its [`canonical`] form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T>(pub T);

/// Reads an id of a request, in its [`canonical`] form.
///
/// # Errors
/// That of `D` for what is neither a text nor a number, and for a text that is no id.
pub fn given<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    Given<T>: Deserialize<'de>,
{
    Given::deserialize(deserializer).map(|Given(id)| id)
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

            /// Makes an id of a text from outside, in its [`canonical`] form.
            ///
            /// # Errors
            /// [`IdError`] when it stands for a missing value, is too long or has control characters.
            pub fn from_outside(text: &str) -> Result<Self, IdError> {
                Self::new(checked(text)?)
            }

            /// The id as a text.
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
                Self::new(text_or_number(deserializer)?).map_err(de::Error::custom)
            }
        }

        impl<'de> Deserialize<'de> for Given<$name> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $name::from_outside(&text_or_number(deserializer)?).map(Self).map_err(de::Error::custom)
            }
        }
    };
}

external_id!(
    /// A user as the shop knows them.
    UserId
);
/// How the id of somebody of whom only a session is known begins.
const SESSION: &str = "session:";

impl UserId {
    /// The user id that stands for a session: `session:` and its [`canonical`] id. It is a user id like any other.
    ///
    /// # Errors
    /// [`IdError`] when the session's id stands for a missing value, is too long or has control characters.
    pub fn of_session(text: &str) -> Result<Self, IdError> {
        Self::new(format!("{SESSION}{}", checked(text)?))
    }
}

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
    fn numbers_of_requests_are_ids_unless_digits_were_lost() {
        let given = |text: &str| serde_json::from_str::<Given<ItemId>>(text).map(|Given(id)| id.to_string());
        for (text, id) in [
            ("52", "52"),
            ("52.0", "52"),
            ("\"52.0\"", "52"),
            ("-3", "-3"),
            ("5.25", "5.25"),
            ("1e3", "1000"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(given(text).expect(text), id);
        }
        for text in
            ["18446744073709551616", "1e300", "123456789012345678.0", "true", "null", "[1]", "{}", "\"null\"", "\"\""]
        {
            assert!(given(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_id_is_the_same_however_it_is_written() {
        for (text, id) in [
            ("52", "52"),
            ("52.0", "52"),
            (" 52.000\t", "52"),
            ("-3.00", "-3"),
            ("0.0", "0"),
            ("18446744073709551616.0", "18446744073709551616"),
            ("\u{a0}x\u{2003}y ", "x\u{2003}y"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(id), "{text:?}");
            assert_eq!(ItemId::from_outside(text).map(|id| id.to_string()).as_deref(), Ok(id));
        }
    }

    #[test]
    fn what_is_no_whole_number_stays_as_it_is() {
        for text in [
            "007", "1e3", "1.0e3", "52.5", "52.10", "52.", ".0", "-.0", "+5.0", "1.2.0", "1,0", "v2.0", "٣.0", "0x1.0",
            "..", "a b", "NAN", "nul", "n/a", "null.0", "-", "-1-0.0",
        ] {
            assert_eq!(canonical(text).as_deref(), Some(text), "{text:?}");
        }
    }

    #[test]
    fn texts_for_a_missing_value_are_no_ids() {
        for text in ["", " ", "\t\r\n", "NULL", "null", "NaN", "nan", "None", "none", "N/A", " null "] {
            assert_eq!((present(text), canonical(text)), (None, None), "{text:?}");
        }
        assert_eq!(UserId::from_outside(" "), Err(IdError::Empty));
        assert_eq!(UserId::from_outside(" NaN"), Err(IdError::Missing("NaN")));
        assert_eq!(
            IdError::Missing("null").to_string(),
            "`null` is what programs write for a missing value, and no id"
        );
        assert_eq!(UserId::from_outside("a\tb"), Err(IdError::Control));
        assert_eq!(UserId::new("null").map(|id| id.to_string()).as_deref(), Ok("null"), "stored ids stay");
    }

    proptest::proptest! {
        #[test]
        fn the_canonical_form_of_a_canonical_form_is_itself(text in "[-+.0-9 enul]{0,8}|\\PC{0,12}") {
            if let Some(once) = canonical(&text) {
                proptest::prop_assert_eq!(canonical(&once), Some(Cow::Borrowed(once.as_ref())));
            }
        }

        #[test]
        fn a_number_is_one_id_as_an_integer_and_as_a_decimal(number: i64, zeros in 1..9_usize) {
            let decimal = format!("{number}.{}", "0".repeat(zeros));
            proptest::prop_assert_eq!(canonical(&decimal), Some(Cow::Owned(number.to_string())));
        }
    }

    #[test]
    fn a_session_is_one_user_however_its_id_is_written() {
        let of = |text: &str| UserId::of_session(text).map(|id| id.to_string());
        assert_eq!((of("52.0").as_deref(), of(" 52").as_deref()), (Ok("session:52"), Ok("session:52")));
        assert_eq!((of(""), of("null")), (Err(IdError::Empty), Err(IdError::Missing("null"))));
        assert_eq!(of(&"x".repeat(248)), Err(IdError::TooLong(256)));
    }

    #[test]
    fn an_empty_id_is_refused_with_its_reason() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        assert_eq!(UserId::new("a\nb"), Err(IdError::Control));
        assert_eq!(UserId::new("x".repeat(256)), Err(IdError::TooLong(256)));
    }
}
