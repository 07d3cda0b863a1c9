//! Checks that an event is of a kind that there is: one of the served version's table, or a built-in one. Events of other
//! kinds would change no slate, and a misspelt one should be told to who sent it.

use std::fmt::Write;
use std::sync::LazyLock;

use shared::contract::api::ImpressionWord;
use shared::contract::kind::{KindName, Kinds};
use shared::engine::snapshot::Snapshot;

/// The kinds of the served version; the built-in ones before there is one.
#[must_use]
pub fn kinds_of(snapshot: Option<&Snapshot>) -> &Kinds {
    static BUILT_IN: LazyLock<Kinds> = LazyLock::new(Kinds::default);
    snapshot.map_or(&BUILT_IN, |snapshot| &snapshot.params().kinds)
}

/// There is no kind of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind of event {name:?}; {others}")]
pub struct UnknownKind {
    /// The name.
    name: String,
    /// The nearest name and all others, in words.
    others: String,
}

/// Checks the kind of an event.
///
/// # Errors
/// [`UnknownKind`], with the kinds that there are.
pub fn check_kind(kind: &KindName, served: &Kinds) -> Result<(), UnknownKind> {
    let is_known = served.index(kind.as_str()).is_some() || Kinds::default().index(kind.as_str()).is_some();
    if is_known { Ok(()) } else { Err(UnknownKind { name: kind.to_string(), others: others(kind.as_str(), served) }) }
}

/// The nearest kind, or the word for an impression if that is nearer, and all kinds that there are, in words.
#[must_use]
pub fn others(name: &str, served: &Kinds) -> String {
    let built_in = Kinds::default();
    let mut names: Vec<&str> = served.iter().chain(built_in.iter()).map(|(_, kind)| kind.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let name = name.to_lowercase();
    // An impression is no kind, but stands where one does.
    let candidates = names.iter().copied().chain([ImpressionWord::TEXT]);
    let nearest = candidates.min_by_key(|other| strsim::osa_distance(&name, other));
    let mut words = String::new();
    if let Some(nearest) = nearest.filter(|nearest| 2 * strsim::osa_distance(&name, nearest) <= nearest.len()) {
        // Writing to a string can't fail.
        let _ = write!(words, "the nearest is `{nearest}`; ");
    }
    let _ = write!(words, "there are {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
    words
}

#[cfg(test)]
mod tests {
    use shared::contract::kind::{Definition, built_in};

    use super::*;

    fn name(name: &str) -> KindName {
        KindName::new(name).expect("a name")
    }

    #[test]
    fn kinds_of_the_version_and_built_in_ones_are_known_and_others_are_told_the_nearest() {
        let gift = Definition { name: name("gift"), weight: 1.0, undoes: None, buys: false };
        let served = Kinds::new(built_in().chain([gift])).expect("a table");
        for known in ["view", "refund", "gift"] {
            assert_eq!(check_kind(&name(known), &served), Ok(()));
        }
        assert!(check_kind(&name("gift"), &Kinds::default()).is_err());
        let told = |kind: &str| check_kind(&name(kind), &served).expect_err("unknown").to_string();
        assert!(
            told("add_to_cart").starts_with("there is no kind of event \"add_to_cart\"; the nearest is `addtocart`; ")
        );
        for misspelt in ["impressions", "imprssion"] {
            assert!(told(misspelt).contains("; the nearest is `impression`; there are "), "{misspelt}");
        }
        assert!(told("zzzzzz").contains("; there are `addtocart`, `dislike`, `gift`, "));
    }
}
