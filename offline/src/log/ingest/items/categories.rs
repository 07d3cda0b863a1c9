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
    /// Stand between several categories: the first that occurs; an empty one is nothing.
    pub separators: Vec<String>,
    /// Stand between the levels of a path: the first that occurs; an empty one is nothing, `auto` is `>` and the points
    /// of codes such as `electronics.audio`.
    pub paths: Vec<String>,
    /// What the values of a list are.
    pub lists: Lists,
}

/// What the values of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// Categories, or paths of them.
    Values,
    /// The levels of one path.
    Levels,
}

/// The default of the setting for the separator of categories.
pub const SEPARATOR: &str = "|";
/// The setting for the separator of paths that goes by the text.
pub const AUTO: &str = "auto";
/// Stands between the values of a column of words.
pub const BLANK: &str = " ";

impl Default for Cuts {
    fn default() -> Self {
        Self { separators: vec![SEPARATOR.to_owned()], paths: vec![AUTO.to_owned()], lists: Lists::Values }
    }
}

impl Cuts {
    /// The categories of a text, each once.
    #[must_use]
    pub fn split(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let Some(text) = present(text) else { return found };
        match list(text) {
            Some(values) if self.lists == Lists::Levels && values.iter().all(Value::is_string) => {
                self.add_value(&Value::Array(values), &mut found);
            }
            Some(values) => values.iter().for_each(|value| self.add_value(value, &mut found)),
            None => self.add_text(text, &mut found),
        }
        each_once(found)
    }

    fn add_value(&self, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => self.add_path(text, found),
            Value::Number(number) => found.push(number.to_string()),
            Value::Array(levels) => {
                let levels: Vec<&str> = levels.iter().filter_map(Value::as_str).filter_map(present).collect();
                add_levels(&levels, if let [sign] = &self.paths[..] { sign } else { AUTO }, found);
            }
            _ => {}
        }
    }

    fn add_text(&self, text: &str, found: &mut Vec<String>) {
        match first_of(&self.separators, text) {
            Some(separator) => text.split(separator).for_each(|part| self.add_path(part, found)),
            None => self.add_path(text, found),
        }
    }

    fn add_path(&self, text: &str, found: &mut Vec<String>) {
        let Some(text) = present(text) else { return };
        let sign = self.sign(text).unwrap_or_default();
        let levels: Vec<&str> =
            if sign.is_empty() { vec![text] } else { text.split(sign).filter_map(present).collect() };
        // A sign with nothing on one side separates nothing.
        if levels.len() == 1 { found.push(text.to_owned()) } else { add_levels(&levels, sign, found) }
    }

    /// What stands between the levels of a path.
    fn sign<'a>(&'a self, text: &str) -> Option<&'a str> {
        self.paths.iter().find_map(|sign| match sign.as_str() {
            AUTO if is_code(text) => Some("."),
            AUTO => text.contains('>').then_some(">"),
            given => occurs(given, text).then_some(given),
        })
    }
}

/// The first of several signs that occurs in a text.
pub fn first_of<'a>(signs: &'a [String], text: &str) -> Option<&'a str> {
    signs.iter().map(String::as_str).find(|sign| occurs(sign, text))
}

fn occurs(sign: &str, text: &str) -> bool {
    !sign.is_empty() && text.contains(sign)
}

/// Categories without those that stand before.
#[must_use]
pub fn each_once(mut names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The categories of a path whose levels are given one by one, the deepest first.
#[must_use]
pub fn of_levels(levels: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    add_levels(levels, AUTO, &mut found);
    found
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
        Cuts { separators: vec![separator.to_owned()], paths: vec![path.to_owned()], ..Cuts::default() }.split(text)
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
    fn of_several_signs_the_first_that_occurs_counts() {
        let signs = |signs: &[&str]| signs.iter().map(|sign| (*sign).to_owned()).collect::<Vec<_>>();
        let cuts = Cuts { separators: signs(&["|", ",", " "]), paths: signs(&["/", AUTO]), lists: Lists::Values };
        assert_eq!(cuts.split("Sci Fi|Drama"), ["Sci Fi", "Drama"]);
        assert_eq!(cuts.split("Action Comedy"), ["Action", "Comedy"]);
        assert_eq!(cuts.split("a/b>c"), ["a/b>c", "a"]);
        assert_eq!(cuts.split("a>b"), ["a > b", "a"]);
    }

    #[test]
    fn a_list_may_be_the_levels_of_a_path() {
        let cuts = Cuts { lists: Lists::Levels, ..Cuts::default() };
        assert_eq!(cuts.split(r#"["Home", "Pans"]"#), ["Home > Pans", "Home"]);
        assert_eq!(cuts.split(r#"[["Home", "Pans"], ["Sale"]]"#), ["Home > Pans", "Home", "Sale"]);
        assert_eq!(of_levels(&["Home", "Pans"]), ["Home > Pans", "Home"]);
    }
}
