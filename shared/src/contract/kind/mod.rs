//! Kinds of events: what users do with items, and what each kind means.
//!
//! Every version has a table of kinds, from the section `[kinds]` of its config. Three kinds are its first rows, always:
//! `view`, `addtocart` and `transaction`. Behind them are those built in and those that the shop adds, by name.
//!
//! | a kind | is an interaction | and |
//! |---|---|---|
//! | of weight > 0 | yes | |
//! | of weight < 0 | no | blocks the item until it is undone: the user gets it no more |
//! | of weight 0 that undoes another | no | |
//! | that undoes another | | takes back the user's latest event of that kind with the item |
//! | that buys | | makes the item one that the user bought |
//!
//! Outside of a version, in logs and live histories, an event has the name of its kind ([`KindName`]); within a version
//! the row in its table ([`KindIdx`]).

mod name;
mod row;
mod table;

pub use name::{KindName, MAX_NAME_BYTES};
pub use row::{Definition, Kind, KindIdx, Stage, built_in};
pub use table::Kinds;

use row::{BUILT_IN, FIRST};

/// The most kinds of a table: a row is stored in one byte.
const MAX_KINDS: usize = 256;

/// Why a table of kinds can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum KindError {
    #[error("{0:?} is no name of a kind: it has 1 to {MAX_NAME_BYTES} of the characters a-z, 0-9 and _")]
    Name(String),
    #[error("there are two kinds `{0}`")]
    Twice(KindName),
    #[error("the kind `{0}` is missing")]
    Missing(&'static str),
    #[error("the kind `{kind}` undoes `{undoes}`, which is no other kind")]
    Undoes { kind: KindName, undoes: KindName },
    #[error("the weight of the kind `{kind}` is {weight}: {expected}")]
    Weight { kind: KindName, weight: f32, expected: &'static str },
    #[error("there are {0} kinds; at most {MAX_KINDS} have room")]
    TooMany(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, weight: f32, undoes: Option<&str>) -> Definition {
        let name_of = |name: &str| KindName::new(name).expect("a name");
        Definition { name: name_of(name), weight, undoes: undoes.map(name_of), buys: false }
    }

    fn with(more: impl IntoIterator<Item = Definition>) -> Result<Kinds, KindError> {
        Kinds::new(built_in().chain(more))
    }

    #[test]
    fn the_built_in_kinds_are_a_table_whose_first_rows_are_the_three() {
        let kinds = Kinds::new(built_in()).expect("a table");
        assert_eq!(kinds, Kinds::default());
        let names = [KindName::VIEW, KindName::ADD_TO_CART, KindName::TRANSACTION];
        assert_eq!(names.map(|name| kinds.index(name.as_str())), Stage::ALL.map(|stage| Some(stage.kind())));
        let index = |name| kinds.index(name).expect("built in");
        assert!(kinds.blocks(index("dislike")) && kinds.buys(KindIdx::TRANSACTION));
        assert_eq!(kinds.get(index("like")).undoes, Some(index("dislike")));
        let of = |of: &dyn Fn(KindIdx) -> bool| -> Vec<&str> {
            kinds.iter().filter(|(row, _)| of(*row)).map(|(_, kind)| kind.name.as_str()).collect()
        };
        assert_eq!(of(&|row| kinds.is_plain(row)), ["view", "addtocart", "transaction", "wishlist"]);
        assert_eq!(of(&|row| kinds.decides(row)), ["transaction", "dislike", "hide", "like", "refund", "unhide"]);
        assert_eq!(of(&|row| kinds.stage(row) == Stage::Cart), ["addtocart"]);
        assert_eq!(Stage::ALL.map(Stage::name), ["view", "addtocart", "transaction"]);
    }

    #[test]
    fn a_table_reads_back_and_the_three_weights_of_older_releases_are_a_table() {
        let kinds = with([row("gift", 4.0, None), row("return", 0.0, Some("gift"))]).expect("a table");
        let text = serde_json::to_string(&kinds).expect("writes");
        assert_eq!(serde_json::from_str::<Kinds>(&text).expect("reads"), kinds);
        let older: Kinds = serde_json::from_str("[1.5, 2, 3.0]").expect("reads");
        assert_eq!(older, Kinds::of_weights([1.5, 2.0, 3.0]));
        assert_eq!((older.weight(KindIdx::ADD_TO_CART), older.len()), (2.0, BUILT_IN.len()));
    }

    #[test]
    fn what_can_be_no_table_is_refused_with_the_reason() {
        let refused = |more: Definition| with([more]).expect_err("refused").to_string();
        assert_eq!(refused(row("like", 1.0, None)), "there are two kinds `like`");
        assert_eq!(
            refused(row("undo", 0.0, Some("nothing"))),
            "the kind `undo` undoes `nothing`, which is no other kind"
        );
        assert!(refused(row("undo", 0.0, Some("undo"))).contains("no other kind"));
        assert!(refused(row("odd", f32::NAN, None)).contains("NaN"));
        assert!(refused(Definition { buys: true, ..row("odd", -1.0, None) }).contains("at least 0"));
        assert!(
            with((0..250).map(|n| row(&format!("k{n}"), 1.0, None))).expect_err("too many").to_string().contains("261")
        );
        assert_eq!(Kinds::new(built_in().skip(1)), Err(KindError::Missing("view")));
        for name in ["", "View", "a b", "\u{e4}", &"x".repeat(33)] {
            assert!(KindName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn weights_are_taken_over_where_both_tables_mean_the_same() {
        let other = with([row("gift", 4.0, None), row("share", -1.0, None)]).expect("a table");
        let own = with([row("gift", 2.0, None), row("share", 1.0, None), row("new", 7.0, None)]).expect("a table");
        let weighted = own.weighted_as(&other);
        let weight = |name| weighted.weight(weighted.index(name).expect("there"));
        assert_eq!([weight("gift"), weight("share"), weight("new")], [4.0, 1.0, 7.0]);
    }
}
