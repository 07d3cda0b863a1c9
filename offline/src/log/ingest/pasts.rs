//! Whose an event is, by the lines of the service's event log that say so: merges of users' pasts, and erasures.
//!
//! In: the lines that say so, see `service_log`. An event is the user's into whose past it was merged last
//! ([`shared::contract::merge`]), unless a user was erased while it was theirs.

use std::io::{self, BufRead, Read};

use shared::contract::event_log::LogFile;
use shared::contract::event_log::line::Line;
use shared::contract::merge::Merges;

use super::erased::Erased;

/// The reason for lines that say that a past was merged, or not after all.
pub const MERGING: &str = "the merge of a user's past into another's, or its undo";

/// Erasures and merges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pasts {
    /// The users who were erased.
    pub erased: Erased,
    /// The merges.
    pub merges: Merges,
}

impl Pasts {
    /// Reads what the files of a log say.
    ///
    /// # Errors
    /// [`io::Error`] when one can't be read.
    pub fn of_files(logs: &[LogFile]) -> io::Result<Self> {
        let mut pasts = Self::default();
        for log in logs {
            pasts.read(log.open()?)?;
        }
        Ok(pasts)
    }

    fn read(&mut self, lines: impl Read) -> io::Result<()> {
        let (mut lines, mut line) = (io::BufReader::new(lines), Vec::new());
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.add(&Line::read(&line));
            line.clear();
        }
        Ok(())
    }

    /// Adds what a line says, if it is of these.
    pub fn add(&mut self, line: &Line) {
        match line {
            Line::Erasure(erasure) => self.erased.add(erasure),
            Line::Merging(merging) => self.merges.add(merging),
            Line::Change(_) | Line::User(_) | Line::Impression(_) | Line::Blank | Line::Other => {}
        }
    }

    /// Whether nobody was erased or merged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.erased.is_empty() && self.merges.is_empty()
    }

    /// Whose an event of a user is; `None` if it was erased.
    ///
    /// * `time_ms`: when it was accepted, or else when it happened, milliseconds since the epoch.
    #[must_use]
    pub fn whose<'a>(&'a self, user: &'a str, time_ms: i64) -> Option<&'a str> {
        if self.merges.is_empty() {
            return (!self.erased.holds(user, time_ms)).then_some(user);
        }
        let stays = self.merges.stays(user, time_ms);
        let is_erased = stays.iter().any(|stay| self.erased.during(stay.user, stay.since_ms, stay.until_ms));
        stays.last().map(|stay| stay.user).filter(|_| !is_erased)
    }

    /// Whether what was said of a user beside events counts. It stays theirs when their past is merged into another's, but is
    /// erased with either of the two.
    ///
    /// * `received_ms`: when it was accepted, milliseconds since the epoch.
    #[must_use]
    pub fn says(&self, user: &str, received_ms: i64) -> bool {
        !self.erased.holds(user, received_ms) && self.whose(user, received_ms).is_some()
    }

    /// The users through whose hands an event of a user went to be erased or kept: who was erased while it was theirs, and
    /// whose it is.
    pub fn erased_or_last<'a>(&'a self, user: &'a str, time_ms: i64) -> impl Iterator<Item = &'a str> {
        let stays = self.merges.stays(user, time_ms).into_iter();
        let counts = |stay: &shared::contract::merge::Stay<'_>| {
            stay.until_ms.is_none() || self.erased.during(stay.user, stay.since_ms, stay.until_ms)
        };
        stays.filter(counts).map(|stay| stay.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_merged_is_erased_with_its_new_user_and_not_with_its_old_one() {
        let mut pasts = Pasts::default();
        for line in [
            r#"{"merge":"a","into":"b","received":5}"#,
            r#"{"erase":"a","received":7}"#,
            r#"{"merge":"c","into":"d","received":5}"#,
            r#"{"erase":"d","received":7}"#,
            r#"{"erase":"e","received":3}"#,
            r#"{"merge":"e","into":"b","received":5}"#,
        ] {
            pasts.add(&Line::read(line.as_bytes()));
        }
        let whose = |user, times: [i64; 3]| times.map(|at| pasts.whose(user, at).unwrap_or("-").to_owned());
        assert_eq!(whose("a", [5, 6, 8]), ["b", "-", "a"]);
        assert_eq!(whose("c", [5, 6, 8]), ["-", "c", "c"]);
        assert_eq!(whose("e", [3, 4, 6]), ["-", "b", "e"]);
        assert_eq!(whose("d", [7, 8, 9]), ["-", "d", "d"]);
    }

    #[test]
    fn what_was_said_of_a_user_stays_theirs_and_is_erased_with_either_user_of_a_merge() {
        let mut pasts = Pasts::default();
        for line in [
            r#"{"merge":"a","into":"b","received":5}"#,
            r#"{"erase":"a","received":3}"#,
            r#"{"merge":"c","into":"d","received":5}"#,
            r#"{"erase":"d","received":7}"#,
        ] {
            pasts.add(&Line::read(line.as_bytes()));
        }
        assert_eq!([3, 4, 6].map(|at| pasts.says("a", at)), [false, true, true]);
        assert_eq!([5, 6].map(|at| pasts.says("c", at)), [false, true]);
        assert_eq!([7, 8].map(|at| pasts.says("d", at)), [false, true]);
        assert!(pasts.says("b", 4));
    }
}
