//! The line of the event log that says that a user was erased, and what an erased line leaves behind.
//!
//! ```text
//! {"erase":"u1","received":1764223441000}   no event of u1 received up to then counts, in any log
//! {"blank":"0123456789abcdef"}      ␊       the first line of a file, erased: it keeps the id of the file
//!                                   ␊       any other erased line: white space of the same length
//! ```
//!
//! An erasure goes by times, not by places: it holds for the logs of all replicas, and the order of reading is the same to
//! it. What is erased is overwritten by as many bytes, so that every offset in a file stays true. To releases that do not
//! know these lines they are no events: they are counted, reported and passed over.

use serde::{Deserialize, Serialize};

use crate::contract::id::UserId;

/// How the line of an erasure begins.
const ERASURE: &[u8] = br#"{"erase":"#;
/// How an erased first line begins.
const FIRST: &[u8] = br#"{"blank":""#;
/// The digits of the id in it.
const DIGITS: usize = 16;

/// The erasure of a user, as a line of the event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The user.
    #[serde(rename = "erase")]
    pub user: UserId,
    /// When the service accepted it, milliseconds since the epoch: the user's events that were accepted up to then do not
    /// count.
    #[serde(rename = "received")]
    pub received_ms: i64,
}

impl Erasure {
    /// Reads a line of the log; `None` if it is no erasure.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if !line.starts_with(ERASURE) {
            return None;
        }
        serde_json::from_slice(line).ok()
    }
}

/// Whether a line of the log was erased.
#[must_use]
pub fn is_blank(line: &[u8]) -> bool {
    let rest = if file_id(line).is_some() { &line[FIRST.len() + DIGITS + 2..] } else { line };
    rest.iter().all(u8::is_ascii_whitespace)
}

/// The id of its file that an erased first line states.
#[must_use]
pub fn file_id(line: &[u8]) -> Option<u64> {
    let stated = line.strip_prefix(FIRST)?;
    let digits = stated.get(..DIGITS).filter(|_| stated[DIGITS..].starts_with(b"\"}"))?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Whether the erasure of a line was interrupted: it has spaces where the service never writes any.
#[must_use]
pub fn is_half_blank(line: &[u8]) -> bool {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    !is_blank(line) && (text.starts_with(b" ") || text.ends_with(b" ") || file_id(line).is_some())
}

/// Erases a line, but for its line end.
///
/// * `file`: the id of the file, for its first line; left out where the line is too short for it.
pub fn blank(line: &mut [u8], file: Option<u64>) {
    let end = line.len() - usize::from(line.ends_with(b"\n"));
    line[..end].fill(b' ');
    let stated = file.map(|id| format!("{{\"blank\":\"{id:016x}\"}}"));
    if let Some(stated) = stated.filter(|stated| stated.len() <= end) {
        line[..stated.len()].copy_from_slice(stated.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"{\"erase\":\"u1\",\"received\":1764223441000}\n";

    #[test]
    fn an_erasure_reads_back_and_is_no_event() {
        let erasure = Erasure { user: UserId::new("u1").expect("an id"), received_ms: 1_764_223_441_000 };
        assert_eq!(serde_json::to_string(&erasure).expect("serialises").as_bytes(), &LINE[..LINE.len() - 1]);
        assert_eq!(Erasure::read(LINE), Some(erasure));
        assert_eq!(Erasure::read(b"{\"timestamp\":5}\n"), None);
        assert!(serde_json::from_slice::<crate::contract::event::Event>(LINE).is_err());
    }

    #[test]
    fn an_erased_line_has_its_length_and_says_nothing_but_the_id_of_its_file() {
        let mut line = LINE.to_vec();
        blank(&mut line, None);
        assert_eq!((line.len(), line.last(), file_id(&line)), (LINE.len(), Some(&b'\n'), None));
        assert!(is_blank(&line) && !is_blank(LINE));
        let mut first = LINE.to_vec();
        blank(&mut first, Some(0x1f));
        assert_eq!((first.len(), file_id(&first)), (LINE.len(), Some(0x1f)));
        assert!(is_blank(&first) && serde_json::from_slice::<serde_json::Value>(&first).is_ok());
        let again = first.clone();
        blank(&mut first, file_id(&again));
        assert_eq!(first, again);
    }

    #[test]
    fn an_erasure_that_was_interrupted_is_seen_whichever_end_was_written() {
        for (id, cut) in [(None, 1), (None, 20), (Some(7), 28), (Some(7), 33)] {
            let mut whole = LINE.to_vec();
            blank(&mut whole, id);
            let half = [&whole[..cut], &LINE[cut..]].concat();
            assert!(is_half_blank(&half), "{}", String::from_utf8_lossy(&half));
            assert!(!is_half_blank(&whole) && !is_half_blank(LINE));
        }
        assert!(is_half_blank(b"{\"erase\":\"u1\",\"rec                  \n"));
    }
}
