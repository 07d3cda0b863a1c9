//! What a line of the event log is, told in one place. Each kind of line but events says what it is by its first field.

use crate::contract::erasure::{Erasure, is_blank};
use crate::contract::impression::Impression;
use crate::contract::item_change::ItemChange;
use crate::contract::merge::Merging;
use crate::contract::user_change::UserChange;

/// A line of the event log.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// A user was erased.
    Erasure(Erasure),
    /// A user's past became another's, or did not after all.
    Merging(Merging),
    /// An item was changed.
    Change(ItemChange),
    /// Something was said of a user.
    User(UserChange),
    /// Items of a slate were seen.
    Impression(Impression),
    /// It was erased, or has nothing but white space.
    Blank,
    /// An event, a row of a log of rows, or what this release does not know: whoever expects one of these reads it.
    Other,
}

impl Line {
    /// Tells what a line is. Of events only the first bytes are looked at.
    #[must_use]
    pub fn read(line: &[u8]) -> Self {
        let erasure = || Erasure::read(line).map(Self::Erasure);
        let merging = || Merging::read(line).map(Self::Merging);
        let change = || ItemChange::read(line).map(Self::Change);
        let user = || UserChange::read(line).map(Self::User);
        let impression = || Impression::read(line).map(Self::Impression);
        let blank = || is_blank(line).then_some(Self::Blank);
        erasure()
            .or_else(merging)
            .or_else(change)
            .or_else(user)
            .or_else(impression)
            .or_else(blank)
            .unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_told_by_its_first_field() {
        let told = |line: &str| match Line::read(line.as_bytes()) {
            Line::Erasure(_) => "erasure",
            Line::Merging(_) => "merging",
            Line::Change(_) => "change",
            Line::User(_) => "user",
            Line::Impression(_) => "impression",
            Line::Blank => "blank",
            Line::Other => "other",
        };
        for (line, expected) in [
            (r#"{"erase":"u1","received":9}"#, "erasure"),
            (r#"{"change":"i1","set":{"price":2.5},"timestamp":1,"received":2}"#, "change"),
            (r#"{"profile":{"age":34},"visitorid":"u1","timestamp":1,"received":2}"#, "user"),
            (
                r#"{"impression":["i1"],"visitorid":"u","recommendation_id":"r","timestamp":1,"received":2}"#,
                "impression",
            ),
            (r#"{"merge":"a","into":"b","received":9}"#, "merging"),
            (r#"{"unmerge":"a","into":"b","merged":9,"received":10}"#, "merging"),
            ("{\"blank\":\"0123456789abcdef\"}   \n", "blank"),
            ("   \n", "blank"),
            ("", "blank"),
            (r#"{"timestamp":5,"visitorid":"u1","event":"view","itemid":"7","event_id":"e1","received":6}"#, "other"),
            (r#"{"tomorrow":1}"#, "other"),
            (r#"{"erase":"u1"}"#, "other"),
            ("no event", "other"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }
}
