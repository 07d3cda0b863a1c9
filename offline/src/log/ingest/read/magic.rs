//! Kinds of files that are known by their first bytes, and encodings.

use super::form::Compression;
use super::options::Encoding;

/// The number of bytes to look at.
pub const BYTES: u64 = 512;

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magic {
    /// Nothing: it may be text.
    None,
    /// Parquet.
    Parquet,
    /// Packed in a way that is unpacked here.
    Packed(Compression),
    /// A kind that can't be read: what it is, and what to do.
    Other(&'static str),
}

/// The kinds by their first bytes.
const KINDS: &[(&[u8], Magic)] = &[
    (b"PAR1", Magic::Parquet),
    (b"\x1f\x8b", Magic::Packed(Compression::Gzip)),
    (b"\x28\xb5\x2f\xfd", Magic::Packed(Compression::Zstd)),
    (b"PARE", Magic::Other("encrypted Parquet; write it without encryption")),
    (b"PK\x03\x04", Magic::Other("a zip archive or a spreadsheet; unpack it, or save the sheet as CSV")),
    (b"\xd0\xcf\x11\xe0", Magic::Other("a spreadsheet or document of Office; save the sheet as CSV")),
    (b"BZh", Magic::Other("packed by bzip2; unpack it with bunzip2")),
    (b"\xfd7zXZ\x00", Magic::Other("packed by xz; unpack it with unxz")),
    (b"\x04\x22\x4d\x18", Magic::Other("packed by lz4; unpack it with unlz4")),
    (b"\xff\x06\x00\x00sNaPpY", Magic::Other("packed by snappy; write it as Parquet or with gzip")),
    (b"7z\xbc\xaf\x27\x1c", Magic::Other("a 7z archive; unpack it")),
    (b"Rar!", Magic::Other("a rar archive; unpack it")),
    (b"ORC", Magic::Other("ORC; write it as Parquet")),
    (b"Obj\x01", Magic::Other("Avro; write it as Parquet or JSON lines")),
    (b"ARROW1", Magic::Other("Arrow or Feather; write it as Parquet")),
    (b"SQLite format 3", Magic::Other("a database of SQLite; export the table as CSV")),
    (b"\x89HDF", Magic::Other("HDF5; write it as Parquet or CSV")),
    (b"\x93NUMPY", Magic::Other("an array of NumPy; write it as Parquet or CSV")),
    (b"\x80\x04\x95", Magic::Other("a pickle of Python; write it as Parquet or CSV")),
    (b"%PDF", Magic::Other("PDF")),
    (b"\x89PNG", Magic::Other("an image")),
    (b"\xff\xd8\xff", Magic::Other("an image")),
    (b"GIF8", Magic::Other("an image")),
];

/// First bytes that a text may have too; other kinds have control characters behind them.
const LIKE_TEXT: [&[u8]; 4] = [b"PAR1", b"PARE", b"ORC", b"BZh"];

/// What the first bytes of a file say.
pub fn of(head: &[u8]) -> Magic {
    if head.get(257..262) == Some(b"ustar") {
        return Magic::Other("a tar archive; unpack it");
    }
    // Frames of Zstandard that are to be skipped.
    if head.len() > 4 && head[0] & 0xf0 == 0x50 && head[1..4] == *b"\x2a\x4d\x18" {
        return Magic::Packed(Compression::Zstd);
    }
    let kind = KINDS.iter().find(|(first, _)| head.starts_with(first));
    // A header may begin with `PARENT_ID` or `ORCID`.
    let is_text = |first: &[u8]| LIKE_TEXT.contains(&first) && !head.iter().any(is_control);
    kind.filter(|(first, _)| !is_text(first)).map_or(Magic::None, |(_, kind)| *kind)
}

fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && !byte.is_ascii_whitespace()
}

/// What a text is that can't be read; `None` for any other.
pub fn no_text(text: &[u8]) -> Option<&'static str> {
    if text.trim_ascii_start().starts_with(b"<") {
        return Some("HTML or XML; export it as CSV or JSON lines");
    }
    // Hive separates fields by \x01.
    let controls = text.iter().filter(|byte| is_control(byte) && **byte != 1).count();
    (controls * 10 > text.len()).then_some("no text, nor any other kind that is known")
}

/// The encoding that a byte order mark says.
pub fn mark(head: &[u8]) -> Option<Encoding> {
    encoding_rs::Encoding::for_bom(head).map(|(encoding, _)| Encoding(encoding))
}

/// The kind of UTF-16 that a text without a mark seems to be: every other byte of its first characters is 0.
pub fn utf_16(head: &[u8]) -> Option<Encoding> {
    let pairs = &head[..head.len().min(BYTES as usize) & !1];
    let zeros = |at: usize| pairs.chunks_exact(2).filter(|pair| pair[at] == 0).count();
    let (high, low, units) = (zeros(0), zeros(1), pairs.len() / 2);
    let many = |zeros: usize| zeros > 1 && zeros * 2 > units;
    match (many(high), many(low)) {
        (false, true) if high == 0 => Some(Encoding::UTF_16LE),
        (true, false) if low == 0 => Some(Encoding::UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_by_their_first_bytes() {
        assert_eq!(of(b"PAR1\x15\x04"), Magic::Parquet);
        assert!(matches!(of(b"ORC\x01"), Magic::Other(told) if told.contains("ORC")));
        assert_eq!((of(b"PARENT_ID,item\n"), of(b"ORCID\n")), (Magic::None, Magic::None));
        assert_eq!(of(b"\x1f\x8b\x08"), Magic::Packed(Compression::Gzip));
        assert!(matches!(of(b"Obj\x01"), Magic::Other(told) if told.contains("Avro")));
        assert_eq!((of(b"timestamp"), of(b"")), (Magic::None, Magic::None));
    }

    #[test]
    fn zeros_in_every_other_byte_are_utf_16() {
        assert_eq!(utf_16(b"a\0,\0b\0"), Some(Encoding::UTF_16LE));
        assert_eq!(utf_16(b"\0a\0,\0b"), Some(Encoding::UTF_16BE));
        // A few zeros in a text are none of it.
        assert_eq!((utf_16(b"user,\0item\0,x"), utf_16(b"")), (None, None));
    }
}
