//! Categories as texts: one, several, and paths.
//!
//! | text | categories, the first one first |
//! |---|---|
//! | `Comedy` | `Comedy` |
//! | `Action\|Comedy` | `Action`, `Comedy` |
//! | `["Action", "Comedy"]` | `Action`, `Comedy` |
//! | `Home > Kitchen > Pans` | `Home > Kitchen > Pans`, `Home > Kitchen`, `Home` |
//! | `[["Home", "Kitchen"], ["Sale"]]` | `Home > Kitchen`, `Home`, `Sale` |
//!
//! A level of a path is named with all above it, since pans of the kitchen are not those of the garage.

use serde_json::Value;

use shared::contract::id::present;

/// What cuts categories apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cuts {
    /// Stands between several categories; empty for nothing.
    pub separator: String,
    /// Stands between the levels of a path; empty for nothing, `auto` for `>` and for the points of codes such as
    /// `electronics.audio`.
    pub path: String,
}

/// The setting for the separator of paths that goes by the text.
const AUTO: &str = "auto";
/// The end of the name of a column whose values have blanks between them.
pub const BLANKS: &str = ":token_seq";

impl Default for Cuts {
    fn default() -> Self {
        Self { separator: "|".to_owned(), path: AUTO.to_owned() }
    }
}

impl Cuts {
    /// The cuts of a column. In one that says so (`genres:token_seq`), blanks stand between categories.
    #[must_use]
    pub fn of_column(&self, column: &str) -> Self {
        let separator = if column.ends_with(BLANKS) { " ".to_owned() } else { self.separator.clone() };
        Self { separator, path: self.path.clone() }
    }

    /// The categories of a text, each once.
    #[must_use]
    pub fn split(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let Some(text) = present(text) else { return found };
        match list(text) {
            Some(values) => values.iter().for_each(|value| self.add_value(value, &mut found)),
            None => self.add_text(text, &mut found),
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|name: &String| seen.insert(name.clone()));
        found
    }

    fn add_value(&self, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => self.add_path(text, found),
            Value::Number(number) => found.push(number.to_string()),
            Value::Array(levels) => {
                let levels: Vec<&str> = levels.iter().filter_map(Value::as_str).filter_map(present).collect();
                add_levels(&levels, &self.path, found);
            }
            _ => {}
        }
    }

    fn add_text(&self, text: &str, found: &mut Vec<String>) {
        match self.separator.as_str() {
            "" => self.add_path(text, found),
            separator => text.split(separator).for_each(|part| self.add_path(part, found)),
        }
    }

    fn add_path(&self, text: &str, found: &mut Vec<String>) {
        let Some(text) = present(text) else { return };
        let sign = self.sign(text);
        let levels: Vec<&str> =
            if sign.is_empty() { vec![text] } else { text.split(sign).filter_map(present).collect() };
        // A sign with nothing on one side separates nothing.
        if levels.len() == 1 { found.push(text.to_owned()) } else { add_levels(&levels, sign, found) }
    }

    /// What stands between the levels of a path.
    fn sign<'a>(&'a self, text: &str) -> &'a str {
        match self.path.as_str() {
            AUTO if is_code(text) => ".",
            AUTO => ">",
            given => given,
        }
    }
}

/// Adds every level of a path, the deepest first.
fn add_levels(levels: &[&str], sign: &str, found: &mut Vec<String>) {
    let between = if matches!(sign, "" | ">" | AUTO) { " > " } else { sign };
    found.extend((1..=levels.len()).rev().map(|depth| levels[..depth].join(between)));
}

/// Whether a text is words in small letters with points between them, such as `electronics.audio.headphone`.
fn is_code(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|letter: char| letter.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
    };
    text.contains('.') && text.split('.').all(is_word)
}

/// The values of a list in JSON, or as Python writes it.
pub fn list(text: &str) -> Option<Vec<Value>> {
    if !text.starts_with('[') || !text.ends_with(']') {
        return None;
    }
    let python = || (!text.contains('"')).then(|| text.replace('\'', "\""));
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&python()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(separator: &str, path: &str, text: &str) -> Vec<String> {
        Cuts { separator: separator.to_owned(), path: path.to_owned() }.split(text)
    }

    fn split(text: &str) -> Vec<String> {
        Cuts::default().split(text)
    }

    #[test]
    fn several_categories_are_separated() {
        assert_eq!(split("Comedy"), ["Comedy"]);
        assert_eq!(split("Action|Comedy | Action"), ["Action", "Comedy"]);
        assert_eq!(split("Audio, Video & TV"), ["Audio, Video & TV"]);
        assert_eq!(cut(";", AUTO, "a;b|c"), ["a", "b|c"]);
        assert_eq!(cut("", AUTO, "a|b"), ["a|b"]);
        for nothing in ["", " ", "|", "NULL", "[]", "NaN|"] {
            assert!(split(nothing).is_empty(), "{nothing:?}");
        }
    }

    #[test]
    fn lists_are_those_of_json_and_of_python() {
        assert_eq!(split(r#"["Action", "Comedy", 7]"#), ["Action", "Comedy", "7"]);
        assert_eq!(split("['Action', 'Comedy']"), ["Action", "Comedy"]);
        assert_eq!(split(r#"[["Home", "Kitchen"], ["Sale"]]"#), ["Home > Kitchen", "Home", "Sale"]);
        assert_eq!(split("[Sale] Shoes"), ["[Sale] Shoes"]);
        assert_eq!(split("[Sale]"), ["[Sale]"]);
    }

    #[test]
    fn an_item_is_in_every_level_of_a_path() {
        assert_eq!(split("Home > Kitchen>Pans"), ["Home > Kitchen > Pans", "Home > Kitchen", "Home"]);
        assert_eq!(split("Home > Pans|Sale"), ["Home > Pans", "Home", "Sale"]);
        assert_eq!(split(r#"["Home > Pans", "Home > Lids"]"#), ["Home > Pans", "Home", "Home > Lids"]);
        assert_eq!(split("> 3 years"), ["> 3 years"]);
        assert_eq!(cut("|", "", "a > b"), ["a > b"]);
        assert_eq!(cut("|", "/", "a/b"), ["a/b", "a"]);
    }

    #[test]
    fn a_code_has_points_between_its_levels() {
        let levels = ["electronics.audio.headphone", "electronics.audio", "electronics"];
        assert_eq!(split("electronics.audio.headphone"), levels);
        for one in ["St. Pauli", "1.5", "Node.js", "a..b"] {
            assert_eq!(split(one), [one]);
        }
        assert_eq!(cut("|", ">", "electronics.audio"), ["electronics.audio"]);
    }

    #[test]
    fn a_column_may_say_that_blanks_separate() {
        let cuts = Cuts::default();
        assert_eq!(cuts.of_column("genre:token_seq").split("Action Comedy"), ["Action", "Comedy"]);
        assert_eq!(cuts.of_column("genre").split("Action Comedy"), ["Action Comedy"]);
    }
}
