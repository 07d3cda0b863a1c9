//! The names of kinds.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{BUILT_IN, KindError};

/// The longest name of a kind, in bytes.
pub const MAX_NAME_BYTES: usize = 32;

/// The name of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KindName(Cow<'static, str>);

impl KindName {
    /// The item's page was looked at.
    pub const VIEW: Self = Self(Cow::Borrowed("view"));
    /// The item was put into the cart.
    pub const ADD_TO_CART: Self = Self(Cow::Borrowed("addtocart"));
    /// The item was bought.
    pub const TRANSACTION: Self = Self(Cow::Borrowed("transaction"));

    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`KindError::Name`].
    pub fn new(name: &str) -> Result<Self, KindError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(fits) {
            return Err(KindError::Name(name.to_owned()));
        }
        // Names that are built in take no memory of their own.
        let built_in = BUILT_IN.iter().find(|(known, ..)| *known == name);
        Ok(built_in.map_or_else(|| Self(Cow::Owned(name.to_owned())), |(known, ..)| Self::built_in(known)))
    }

    /// A name that is built in.
    pub(super) const fn built_in(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KindName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
