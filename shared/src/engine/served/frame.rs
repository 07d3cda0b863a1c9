//! The file in which a store of one process keeps slates that were served: frames, one behind the other.
//!
//! ```text
//! frame:   length of the content, 4 bytes │ its checksum, 4 bytes │ content
//! content: 1 │ the user's id behind its length │ the packed slate       (crate::engine::packed::pack_served)
//!          0 │ zeros                                                    what was overwritten, by as many bytes
//! ```
//!
//! Numbers are little-endian; the checksum is the lower half of the content's XXH3. The end of the last whole frame is
//! the end of the file: what follows was torn off by a crash, and nobody waits for it.

use std::ops::Range;
use std::path::Path;

use integer_encoding::VarInt;
use xxhash_rust::xxh3::xxh3_64;

use crate::contract::id::UserId;
use crate::engine::packed::{pack_served, unpack_served};
use crate::engine::served::ServedSlate;

/// How the file's name ends.
const EXTENSION: &str = "slates";
/// The bytes before the content.
const HEAD: usize = 8;
/// The first byte of a content that names a user.
const SLATE: u8 = 1;

/// A frame of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it is.
    pub place: Range<usize>,
    /// Whose slate it has; `None` where that was overwritten.
    pub user: Option<UserId>,
    /// The slate; `None` where it was overwritten, or another release wrote it.
    pub slate: Option<ServedSlate>,
}

/// The name of the file of a replica.
#[must_use]
pub fn file_name(replica: &str) -> String {
    format!("served-{replica}.{EXTENSION}")
}

/// Whether a path has the name of such a file.
#[must_use]
pub fn is_file(path: &Path) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("served-")) && path.extension().is_some_and(|end| end == EXTENSION)
}

/// How many bytes the frame of a slate has.
#[must_use]
pub fn frame_bytes(user: &UserId, slate: &ServedSlate) -> usize {
    let ids: usize = slate.items.iter().map(|item| 1 + item.as_str().len()).sum();
    HEAD + 2 + user.as_str().len() + 25 + slate.items.len().required_space() + ids
}

/// A slate of a user as a frame.
#[must_use]
pub fn frame(user: &UserId, slate: &ServedSlate) -> Vec<u8> {
    let id = user.as_str().as_bytes();
    // Ids have at most 255 bytes.
    let content = [&[SLATE, id.len() as u8], id, &pack_served(slate)].concat();
    framed(&content)
}

fn framed(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + content.len());
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(checksum(content).to_le_bytes());
    bytes.extend(content);
    bytes
}

fn checksum(content: &[u8]) -> u32 {
    xxh3_64(content) as u32
}

/// A frame of as many bytes that says nothing of anybody.
///
/// * `length`: that of a frame.
#[must_use]
pub fn blank(length: usize) -> Vec<u8> {
    framed(&vec![0; length.saturating_sub(HEAD)])
}

/// The whole frames of a file, in their order.
pub fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let (content, end) = content(bytes, start)?;
        let place = start..end;
        start = end;
        let (user, slate) = read(content);
        Some(Frame { place, user, slate })
    })
}

/// The content of the frame that begins at a place, and where it ends; `None` if it is not whole.
fn content(bytes: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let (length, sum) = (number(start)? as usize, number(start + 4)?);
    let end = (start + HEAD).checked_add(length)?;
    let content = bytes.get(start + HEAD..end)?;
    // An empty content is none: a file that grew without being written has zeros there.
    (!content.is_empty() && checksum(content) == sum).then_some((content, end))
}

fn read(content: &[u8]) -> (Option<UserId>, Option<ServedSlate>) {
    let user = || {
        let [SLATE, length, rest @ ..] = content else { return None };
        let (id, slate) = rest.split_at_checked(usize::from(*length))?;
        Some((UserId::new(std::str::from_utf8(id).ok()?).ok()?, slate))
    };
    user().map_or((None, None), |(user, slate)| (Some(user), unpack_served(slate).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::id::ItemId;
    use crate::engine::served::SlateId;

    fn user(id: &str) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn slate(id: u64) -> ServedSlate {
        let items = ["a", "b"].map(|item| ItemId::new(item).expect("an id")).into();
        ServedSlate { id: SlateId(id), feed: SlateId(1), served_ms: 9, items }
    }

    #[test]
    fn frames_are_read_up_to_the_first_that_is_not_whole() {
        let all = [frame(&user("u"), &slate(1)), frame(&user("v"), &slate(2))].concat();
        assert_eq!(frame_bytes(&user("u"), &slate(1)) + frame_bytes(&user("v"), &slate(2)), all.len());
        let ends: Vec<usize> = frames(&all).map(|frame| frame.place.end).collect();
        assert_eq!(ends[1], all.len());
        for cut in 0..all.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(frames(&all[..cut]).count(), whole, "{cut} bytes");
            // The same where zeros are in place of what was cut off.
            let zeros = [&all[..cut], &[0; 40]].concat();
            assert!(frames(&zeros).all(|frame| frame.slate.is_some()), "{cut} bytes");
        }
        let mut damaged = all.clone();
        damaged[ends[0] - 1] ^= 1;
        assert_eq!(frames(&damaged).count(), 0);
        let read: Vec<_> = frames(&all).map(|frame| (frame.user, frame.slate)).collect();
        assert_eq!(read, [(Some(user("u")), Some(slate(1))), (Some(user("v")), Some(slate(2)))]);
    }

    #[test]
    fn what_is_overwritten_says_nothing_and_what_follows_is_read() {
        let mut all = [frame(&user("u"), &slate(1)), frame(&user("v"), &slate(2))].concat();
        let first = frames(&all).next().expect("a frame").place;
        all[first.clone()].copy_from_slice(&blank(first.len()));
        let read: Vec<_> = frames(&all).map(|frame| (frame.user, frame.slate)).collect();
        assert_eq!(read, [(None, None), (Some(user("v")), Some(slate(2)))]);
        assert!(!all[first].contains(&b'u'));
    }
}
