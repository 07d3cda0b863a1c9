//! What a setting may say about a file that its content does not: encoding, separator, quoting, header.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What is known of a file before it is looked at; what is absent is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The encoding of its text; without one, UTF-8 or UTF-16.
    pub encoding: Option<Encoding>,
    /// What stands between fields.
    pub separator: Option<String>,
    /// How quotes within quoted fields are written.
    pub quoting: Quoting,
    /// Whether the first row names the columns.
    pub header: Header,
}

/// How a quote within a quoted field is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quoting {
    /// Twice, as RFC 4180 says.
    #[default]
    Double,
    /// Behind a backslash, which also takes away the meaning of a separator; `\N` is an absent value.
    Backslash,
    /// Fields are within apostrophes instead of quotes; one within is written twice. Recognised by the header.
    Apostrophe,
    /// Not at all: quotes are text.
    None,
}

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// Unless it looks like data.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is data; columns are named `1`, `2` and so on.
    No,
}

/// An encoding of text, by any name that the web knows it by: `windows-1252`, `latin1`, `gbk`, `shift_jis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(pub &'static encoding_rs::Encoding);

impl Encoding {
    /// UTF-8.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    /// UTF-16, the low byte first.
    pub const UTF_16LE: Self = Self(encoding_rs::UTF_16LE);
    /// UTF-16, the high byte first.
    pub const UTF_16BE: Self = Self(encoding_rs::UTF_16BE);
}

impl fmt::Display for Encoding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.name())
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = encoding_rs::Encoding::for_label(name.as_bytes());
        known.map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "unknown encoding {name:?}: such as utf-8, utf-16le, windows-1252, latin1 or gbk"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_has_many_names_and_is_written_by_one() {
        let read = |name: &str| serde_json::from_value::<Encoding>(name.into());
        assert_eq!(read("latin1").expect("known"), read("Windows-1252").expect("known"));
        assert_eq!(read("utf8").expect("known"), Encoding::UTF_8);
        assert_eq!(serde_json::json!(read("Shift_JIS").expect("known")), "Shift_JIS");
        assert!(read("klingon").is_err_and(|error| error.to_string().contains("klingon")));
    }
}
