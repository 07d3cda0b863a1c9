//! Columns that describe an item, each with a type: they become words such as `brand=oak`, which `content` compares.
//!
//! | type | words of the column `c` |
//! |---|---|
//! | `text` | `c=` and the value; of a JSON list one for each of its values |
//! | `list` | `c=` and each of the values, which the category separator stands between |
//! | `number` | `c~3/10`: in which tenth of the table's values the number lies |
//! | `bool` | `c=true` or `c=false` |

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::availability::is_true;
use super::categories::{first_of, list};
use shared::contract::id::present;

/// The type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A text, compared as a whole.
    Text,
    /// Several texts.
    List,
    /// A number; near ones are alike.
    Number,
    /// Yes or no.
    Bool,
}

/// A column that describes an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Property {
    /// Of the type that its name says, such as `weight:float`, else a text.
    Named(String),
    /// Of a type.
    Typed {
        /// The name of the column.
        column: String,
        /// Its type.
        #[serde(rename = "type")]
        kind: Kind,
    },
}

impl Property {
    /// The name of the column.
    #[must_use]
    pub fn column(&self) -> &str {
        match self {
            Self::Named(column) | Self::Typed { column, .. } => column,
        }
    }
}

/// The types that RecBole appends to the names of columns.
const TYPES: [(&str, Kind); 4] =
    [(":token", Kind::Text), (":token_seq", Kind::List), (":float", Kind::Number), (":float_seq", Kind::Text)];

/// The name of a column without the type.
pub fn bare(column: &str) -> &str {
    TYPES.iter().find_map(|(end, _)| column.strip_suffix(end)).unwrap_or(column)
}

/// The type that the name of a column says.
pub fn kind(column: &str) -> Option<Kind> {
    TYPES.iter().find(|(end, _)| column.ends_with(end)).map(|(_, kind)| *kind)
}

/// A value of a property.
#[derive(Debug, Clone, PartialEq)]
pub enum Described {
    /// Words.
    Words(Vec<String>),
    /// A number.
    Number(f64),
}

/// Reads a value; the error says what it should be.
///
/// * `name`: the name of the property.
/// * `separators`: stand between the values of a list: the first that occurs.
pub fn read(name: &str, kind: Kind, separators: &[String], text: &str) -> Result<Described, &'static str> {
    let Some(text) = present(text) else { return Ok(Described::Words(Vec::new())) };
    let words = |values: &mut dyn Iterator<Item = &str>| {
        Described::Words(values.filter_map(present).map(|value| format!("{name}={value}")).collect())
    };
    match kind {
        Kind::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Described::Number(number)),
            _ => Err("not a number"),
        },
        Kind::Bool => match is_true(text) {
            Some(value) => Ok(Described::Words(vec![format!("{name}={value}")])),
            None => Err("neither true nor false"),
        },
        Kind::Text | Kind::List => Ok(match (list(text), kind) {
            (Some(values), _) => {
                let texts: Vec<String> = values.iter().filter_map(plain).collect();
                words(&mut texts.iter().map(String::as_str))
            }
            (None, Kind::List) => match first_of(separators, text) {
                Some(separator) => words(&mut text.split(separator)),
                None => words(&mut std::iter::once(text)),
            },
            (None, _) => words(&mut std::iter::once(text)),
        }),
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// How many groups of equal size the numbers of a column are put into.
const GROUPS: usize = 10;

/// The word of a number: the tenth of all numbers of the column that it lies in.
///
/// * `sorted`: all of them, ascending.
#[must_use]
pub fn tenth(name: &str, number: f64, sorted: &[f64]) -> String {
    let below = sorted.partition_point(|other| *other < number);
    format!("{name}~{}/{GROUPS}", below * GROUPS / sorted.len().max(1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(kind: Kind, text: &str) -> Vec<String> {
        match read("c", kind, &["|".to_owned()], text) {
            Ok(Described::Words(words)) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_and_lists_become_words() {
        assert_eq!(words(Kind::Text, " oak & co "), ["c=oak & co"]);
        assert_eq!(words(Kind::Text, "a|b"), ["c=a|b"]);
        assert_eq!(words(Kind::Text, r#"["a", 2]"#), ["c=a", "c=2"]);
        assert_eq!(words(Kind::List, "a| b|"), ["c=a", "c=b"]);
        assert!(words(Kind::Text, "NULL").is_empty() && words(Kind::Number, " ").is_empty());
    }

    #[test]
    fn values_of_another_type_are_refused() {
        assert_eq!([words(Kind::Bool, "Yes"), words(Kind::Bool, "0")], [["c=true"], ["c=false"]]);
        assert!(read("c", Kind::Bool, &[], "maybe").is_err());
        assert_eq!(read("c", Kind::Number, &[], "2.5"), Ok(Described::Number(2.5)));
        assert!(read("c", Kind::Number, &[], "heavy").is_err() && read("c", Kind::Number, &[], "inf").is_err());
    }

    #[test]
    fn near_numbers_get_the_same_word() {
        let numbers: Vec<f64> = (0..20).map(f64::from).collect();
        let words = [0.0, 1.0, 2.0, 19.0].map(|number| tenth("c", number, &numbers));
        assert_eq!(words, ["c~1/10", "c~1/10", "c~2/10", "c~10/10"]);
    }
}
