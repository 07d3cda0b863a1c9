//! Slate files as JSON lines, and the comparison of two sets of slates.
//!
//! One line per slate: `{"user":"u1","case":3,"items":["i9","i4"]}`. For next-item `case` is the number of the event
//! among those of its user in the file, from 0 (which has no question); for top-k it is 0.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::contract::id::{ItemId, UserId};

use crate::json_lines::{self, LinesError};

/// The maximum number of differences that are shown.
const SHOWN: usize = 5;

/// Why slates cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SlatesError {
    /// The file cannot be written.
    #[error("slates {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file cannot be read, or a line of it is not a slate.
    #[error("{0}; give JSON lines with user, case and items")]
    Lines(#[from] LinesError),
    /// Two lines have the same user and case.
    #[error("{path}, line {line}: a second slate of this user and case")]
    Twice {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

/// The items recommended in one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slate {
    /// The user.
    pub user: UserId,
    /// The number of the question among the user's.
    pub case: usize,
    /// Best first.
    pub items: Vec<ItemId>,
}

/// Slates by user and case.
pub type Expected = HashMap<(UserId, usize), Vec<ItemId>>;

/// Reads the slates to compare with.
///
/// # Errors
/// [`SlatesError`].
pub fn read(path: &Path) -> Result<Expected, SlatesError> {
    let mut expected = Expected::new();
    for value in json_lines::read(path)? {
        let (line, Slate { user, case, items }) = value?;
        if expected.insert((user, case), items).is_some() {
            return Err(SlatesError::Twice { path: path.to_owned(), line });
        }
    }
    Ok(expected)
}

/// Writes slates, one per line, in their order.
///
/// # Errors
/// [`SlatesError::File`].
pub fn write(path: &Path, slates: &[Slate]) -> Result<(), SlatesError> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        for slate in slates {
            serde_json::to_writer(&mut file, slate)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().map_err(|source| SlatesError::File { path: path.to_owned(), source })
}

/// How two sets of slates differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Cases that were expected.
    pub cases: usize,
    /// Cases whose slates have the same items in the same order.
    pub identical: usize,
    /// Cases that the events do not have.
    pub not_asked: usize,
    /// The first differences, in the order of the questions.
    pub differences: Vec<Difference>,
}

/// The first difference of two slates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The user.
    pub user: UserId,
    /// The number of the question among the user's.
    pub case: usize,
    /// The first position that differs, from 1.
    pub position: usize,
    /// The expected item there; `None` if the expected slate is shorter.
    pub expected: Option<ItemId>,
    /// The service's item there; `None` if its slate is shorter.
    pub found: Option<ItemId>,
}

/// Compares the service's slates with those expected; slates that are not expected are left out.
#[must_use]
pub fn compare(expected: &Expected, found: &[Slate]) -> Comparison {
    let (mut identical, mut asked, mut differences) = (0, 0, Vec::new());
    for Slate { user, case, items } in found {
        let Some(wanted) = expected.get(&(user.clone(), *case)) else { continue };
        asked += 1;
        if wanted == items {
            identical += 1;
        } else if differences.len() < SHOWN {
            let at = wanted.iter().zip(items).take_while(|(wanted, item)| wanted == item).count();
            let (user, case, position) = (user.clone(), *case, at + 1);
            let (expected, found) = (wanted.get(at).cloned(), items.get(at).cloned());
            differences.push(Difference { user, case, position, expected, found });
        }
    }
    Comparison { cases: expected.len(), identical, not_asked: expected.len() - asked, differences }
}

impl Comparison {
    /// The share of the cases whose slates are identical; NaN without cases.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.identical as f64 / self.cases as f64
    }

    /// The comparison for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("identical slates: {} of {} ({:.4})", self.identical, self.cases, self.share())];
        if self.not_asked > 0 {
            lines.push(format!("  {} expected, but not among the events", self.not_asked));
        }
        let shown = |item: &Option<ItemId>| item.as_ref().map_or("the end", ItemId::as_str).to_owned();
        lines.extend(self.differences.iter().map(|Difference { user, case, position, expected, found }| {
            let (expected, found) = (shown(expected), shown(found));
            format!("  user {user}, case {case}: position {position} is {found}, expected {expected}")
        }));
        lines
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An item.
    pub fn item(id: &str) -> ItemId {
        ItemId::new(id).expect("an id")
    }

    /// A slate with items separated by blanks.
    pub fn slate(user: &str, case: usize, items: &str) -> Slate {
        let user = UserId::new(user).expect("an id");
        Slate { user, case, items: items.split_whitespace().map(item).collect() }
    }

    fn expected(slates: &[Slate]) -> Expected {
        slates.iter().cloned().map(|slate| ((slate.user, slate.case), slate.items)).collect()
    }

    #[test]
    fn slates_are_identical_item_by_item_and_differences_name_the_first_position() {
        let wanted = expected(&[slate("a", 1, "x y"), slate("a", 2, "x y"), slate("b", 1, "x y"), slate("c", 1, "x")]);
        let found = [slate("a", 1, "x y"), slate("a", 2, "y x"), slate("b", 1, "x"), slate("d", 1, "x")];
        let comparison = compare(&wanted, &found);
        assert_eq!((comparison.cases, comparison.identical, comparison.not_asked), (4, 1, 1));
        assert!((comparison.share() - 0.25).abs() < 1e-12);
        let lines = [
            "identical slates: 1 of 4 (0.2500)",
            "  1 expected, but not among the events",
            "  user a, case 2: position 1 is y, expected x",
            "  user b, case 1: position 2 is the end, expected y",
        ];
        assert_eq!(comparison.lines(), lines);
    }

    #[test]
    fn only_the_first_five_differences_are_kept() {
        let wanted: Vec<Slate> = (0..9).map(|case| slate("a", case, "x")).collect();
        let found: Vec<Slate> = (0..9).map(|case| slate("a", case, "y")).collect();
        let cases: Vec<usize> = compare(&expected(&wanted), &found).differences.iter().map(|d| d.case).collect();
        assert_eq!(cases, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn slates_read_back_as_they_were_written() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let slates = [slate("a", 1, "x y"), slate("b", 0, "")];
        write(file.path(), &slates).expect("written");
        let lines = std::fs::read_to_string(file.path()).expect("readable");
        assert_eq!(
            lines,
            "{\"user\":\"a\",\"case\":1,\"items\":[\"x\",\"y\"]}\n{\"user\":\"b\",\"case\":0,\"items\":[]}\n"
        );
        assert_eq!(read(file.path()).expect("slates"), expected(&slates));
        std::fs::write(file.path(), lines.clone() + &lines).expect("written");
        assert!(matches!(read(file.path()), Err(SlatesError::Twice { line: 3, .. })));
    }
}
