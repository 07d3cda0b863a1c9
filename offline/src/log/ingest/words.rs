//! What a log's words for kinds of events mean.
//!
//! A word is looked up among those of the settings and the schema, then among the kinds' own names, then among the words
//! that logs commonly use (`words.toml`). Only letters and digits count, in lower case: `add_to_cart` is also `AddToCart`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use figment::Figment;
use figment::providers::{Format, Toml};
use hashbrown::HashMap;
use shared::contract::kind::{KindIdx, Kinds};

use super::IngestError;
use super::quantity;
use super::settings::{OtherKinds, Reading};

/// The words that logs commonly use.
static COMMON: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let text = include_str!("../../../schemas/words.toml");
    let words: BTreeMap<String, String> =
        Figment::from(Toml::string(text)).extract_inner("kinds").expect("words.toml maps words to kinds");
    words.into_iter().map(|(word, kind)| (plain(&word), kind)).collect()
});

/// How many different words are counted; a column of more is not one of words.
const MOST: usize = 1000;

/// So many different words have a reason each for being skipped.
const FEW: usize = 30;

/// What happens to the rows with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// They are events of a kind.
    Kind(KindIdx),
    /// They are no interactions.
    Skip,
    /// Nobody knows.
    Unknown,
}

/// A bound of ratings.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Below(f64),
    AtMost(f64),
    Above(f64),
    AtLeast(f64),
}

/// The words of one file.
pub struct KindWords<'a> {
    kinds: &'a Kinds,
    own: HashMap<String, Meaning>,
    bounds: Vec<(Bound, Meaning)>,
    other: Meaning,
    default: Option<Meaning>,
    /// What was looked up before, and in how many rows.
    known: HashMap<Box<str>, (Meaning, u64)>,
}

impl<'a> KindWords<'a> {
    /// The words of a file.
    ///
    /// # Errors
    /// [`IngestError::Setting`] for a word that is mapped to a kind that there is not.
    pub fn new(reading: &Reading, kinds: &'a Kinds) -> Result<Self, IngestError> {
        let meaning = |word: &str, kind: &str| match (kind, kinds.index(kind)) {
            ("skip", _) => Ok(Meaning::Skip),
            (_, Some(index)) => Ok(Meaning::Kind(index)),
            (_, None) => {
                let names: Vec<&str> = kinds.iter().map(|(_, kind)| kind.name.as_str()).collect();
                let remedy = format!(
                    "{word} = \"{kind}\": no such kind; there are {} and skip; [kinds] adds one",
                    names.join(", ")
                );
                Err(IngestError::Setting(remedy))
            }
        };
        let (mut own, mut bounds) = (HashMap::new(), Vec::new());
        for (word, kind) in &reading.kinds {
            let meaning = meaning(word, kind)?;
            match bound(word) {
                Some(bound) => bounds.push((bound, meaning)),
                None => {
                    own.insert(plain(word), meaning);
                }
            }
        }
        let default = (reading.default_event.as_deref()).map(|kind| meaning("default_event", kind)).transpose()?;
        let other = if reading.other_kinds == Some(OtherKinds::Skip) { Meaning::Skip } else { Meaning::Unknown };
        Ok(Self { kinds, own, bounds, other, default, known: HashMap::new() })
    }

    /// What the word of a row means.
    pub fn of_word(&mut self, word: &str) -> Meaning {
        if let Some((meaning, rows)) = self.known.get_mut(word) {
            *rows += 1;
            return *meaning;
        }
        let meaning = self.look_up(word);
        // A column that is none of words must not fill the memory.
        if self.known.len() < MOST {
            self.known.insert(word.into(), (meaning, 1));
        }
        meaning
    }

    /// The words that rows had, with what they mean and how many rows had them: the first [`MOST`].
    pub fn counts(self) -> impl Iterator<Item = (Box<str>, Meaning, u64)> {
        self.known.into_iter().map(|(word, (meaning, rows))| (word, meaning, rows))
    }

    /// What a rating means, if bounds are set.
    ///
    /// # Errors
    /// The reason why it means nothing: it is no number.
    pub fn of_rating(&self, rating: &str) -> Result<Option<Meaning>, &'static str> {
        if self.bounds.is_empty() {
            return Ok(None);
        }
        let number = quantity::rating(rating).ok_or("rating not a number")?;
        let within = |bound: &Bound| match *bound {
            Bound::Below(limit) => number < limit,
            Bound::AtMost(limit) => number <= limit,
            Bound::Above(limit) => number > limit,
            Bound::AtLeast(limit) => number >= limit,
        };
        Ok(self.bounds.iter().find(|(bound, _)| within(bound)).map(|(_, meaning)| *meaning))
    }

    /// The reason for skipping rows with a word; one for all where there are too many.
    #[must_use]
    pub fn no_interaction(&self, word: &str) -> String {
        if self.known.len() <= FEW || self.own.contains_key(&plain(word)) {
            return format!("`{word}` is no interaction");
        }
        "no interaction".to_owned()
    }

    /// What a row without a word means, if that is set.
    #[must_use]
    pub fn default(&self) -> Option<Meaning> {
        self.default
    }

    fn look_up(&self, word: &str) -> Meaning {
        let plain = plain(word);
        let kind = |name: &str| self.kinds.index(name).map(Meaning::Kind);
        let own_name = || {
            self.kinds
                .iter()
                .find(|(_, kind)| self::plain(kind.name.as_str()) == plain)
                .map(|(row, _)| Meaning::Kind(row))
        };
        let common = || match COMMON.get(&plain).map(String::as_str) {
            Some("skip") => Some(Meaning::Skip),
            Some(name) => kind(name),
            None => None,
        };
        (self.own.get(&plain).copied()).or_else(own_name).or_else(common).unwrap_or(self.other)
    }
}

/// The letters and digits of a word, in lower case.
fn plain(word: &str) -> String {
    word.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn bound(word: &str) -> Option<Bound> {
    let after = |sign: &str| word.trim().strip_prefix(sign)?.trim().parse().ok();
    None.or_else(|| after("<=").map(Bound::AtMost))
        .or_else(|| after(">=").map(Bound::AtLeast))
        .or_else(|| after("<").map(Bound::Below))
        .or_else(|| after(">").map(Bound::Above))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pairs: &[(&str, &str)]) -> Reading {
        Reading {
            kinds: pairs.iter().map(|(word, kind)| ((*word).into(), (*kind).into())).collect(),
            ..Reading::default()
        }
    }

    #[test]
    fn settings_come_before_kinds_and_kinds_before_common_words() {
        let kinds = Kinds::default();
        let reading = words(&[("view", "skip"), ("Glance", "view")]);
        let mut words = KindWords::new(&reading, &kinds).expect("known kinds");
        assert_eq!(words.of_word("view"), Meaning::Skip);
        assert_eq!(words.of_word("glance"), Meaning::Kind(KindIdx::VIEW));
        assert_eq!(words.of_word("Add-To Cart"), words.of_word("add_to_cart"));
        assert_eq!(words.of_word("purchase"), Meaning::Kind(KindIdx::TRANSACTION));
        assert_eq!(words.of_word("stare"), Meaning::Unknown);
    }

    #[test]
    fn a_rating_is_of_the_kind_of_its_bound() {
        let kinds = Kinds::default();
        let reading = words(&[(">= 4", "like"), ("<2.5", "dislike")]);
        let words = KindWords::new(&reading, &kinds).expect("known kinds");
        let like = kinds.index("like").map(Meaning::Kind);
        assert_eq!(["4.0", "4,5", "5"].map(|rating| words.of_rating(rating)), [Ok(like); 3]);
        assert_eq!(words.of_rating("2"), Ok(kinds.index("dislike").map(Meaning::Kind)));
        assert_eq!(words.of_rating("3"), Ok(None));
        assert!(words.of_rating("good").is_err());
    }

    #[test]
    fn a_word_that_is_mapped_to_no_kind_is_refused_with_those_there_are() {
        let kinds = Kinds::default();
        let error = KindWords::new(&words(&[("pv", "vieww")]), &kinds).err().expect("no such kind").to_string();
        assert!(error.contains("pv = \"vieww\"") && error.contains("addtocart"), "{error}");
    }
}
