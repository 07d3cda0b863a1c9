//! Where the frames of a packed file begin: the table at its end, which readers of plain zstd pass over.
//!
//! ```text
//! MAGIC, length                     a skippable frame of zstd: 2 × u32
//! packed, content                   for each frame its length in the file and the bytes in it: 2 × u32
//! frames, flags, FOOTER             u32, u8, u32
//! ```
//!
//! All numbers are little-endian. Source: "Zstandard Seekable Format", version 0.1.0, of the zstd project.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MAGIC: u32 = 0x184D_2A5E;
const FOOTER: u32 = 0x8F92_EAB1;
const HEADER_BYTES: u64 = 8;
const FOOTER_BYTES: u64 = 9;
/// The flag of tables that have a checksum of 4 bytes for each frame.
const WITH_CHECKSUMS: u8 = 1 << 7;

/// A frame of a packed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Its length in the file.
    pub packed: u64,
    /// The bytes of the log in it.
    pub content: u64,
}

/// The table of frames, to be written behind them; `None` when one is longer than a table can tell.
pub fn encode(frames: &[Frame]) -> Option<Vec<u8>> {
    let mut table = Vec::with_capacity(8 * frames.len() + 17);
    let words = |words: [u64; 2]| words.map(|word| u32::try_from(word).ok().map(u32::to_le_bytes));
    let mut push = |[first, second]: [Option<[u8; 4]>; 2]| -> Option<()> {
        table.extend(first?);
        table.extend(second?);
        Some(())
    };
    push(words([u64::from(MAGIC), 8 * frames.len() as u64 + FOOTER_BYTES]))?;
    frames.iter().try_for_each(|frame| push(words([frame.packed, frame.content])))?;
    table.extend(u32::try_from(frames.len()).ok()?.to_le_bytes());
    table.push(0);
    table.extend(FOOTER.to_le_bytes());
    Some(table)
}

/// The frames of a file that ends with a table; `None` of one that has no table of all that is before it.
///
/// # Errors
/// [`io::Error`] when the file can't be read.
pub fn read(file: &File) -> io::Result<Option<Vec<Frame>>> {
    let length = file.metadata()?.len();
    let Some(footer_at) = length.checked_sub(FOOTER_BYTES) else { return Ok(None) };
    let mut footer = [0; FOOTER_BYTES as usize];
    file.read_exact_at(&mut footer, footer_at)?;
    let (frames, flags) = (u64::from(word(&footer, 0)), footer[4]);
    let entry_bytes = if flags & WITH_CHECKSUMS == 0 { 8 } else { 12 };
    let start = footer_at.checked_sub(frames * entry_bytes + HEADER_BYTES);
    let Some(start) = start.filter(|_| word(&footer, 5) == FOOTER) else { return Ok(None) };
    let mut table = vec![0; (footer_at - start) as usize];
    file.read_exact_at(&mut table, start)?;
    let (header, entries) = table.split_at(HEADER_BYTES as usize);
    let entries = entries.chunks_exact(entry_bytes as usize);
    let frames: Vec<Frame> =
        entries.map(|entry| Frame { packed: word(entry, 0).into(), content: word(entry, 4).into() }).collect();
    let is_whole = word(header, 0) == MAGIC && frames.iter().map(|frame| frame.packed).sum::<u64>() == start;
    Ok(is_whole.then_some(frames))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_of(bytes: &[u8]) -> Option<Vec<Frame>> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("writes");
        read(&file).expect("reads")
    }

    #[test]
    fn what_is_written_is_read_and_a_table_of_other_frames_is_none() {
        let frames = [Frame { packed: 3, content: 1 << 20 }, Frame { packed: 2, content: 7 }];
        let table = encode(&frames).expect("short frames");
        assert_eq!(read_of(&[b"12345", &table[..]].concat()).as_deref(), Some(&frames[..]));
        for other in [&b"1234"[..], b"123456", b""] {
            assert_eq!(read_of(&[other, &table].concat()), None);
        }
        assert_eq!(read_of(b"12345"), None);
        assert_eq!(read_of(&table[8..]), None);
        assert_eq!(encode(&[Frame { packed: 1 << 32, content: 0 }]), None);
        assert_eq!(read_of(&encode(&[]).expect("short")).as_deref(), Some(&[][..]));
    }
}
