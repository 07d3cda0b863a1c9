//! The bytes of a file as UTF-8 text: unpacked, decoded, without a byte order mark.
//!
//! What can't be decoded becomes the byte 0xFF, which no UTF-8 has: its row is unreadable then, and no other is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult};
use flate2::bufread::MultiGzDecoder;

use super::form::Compression;
use super::options::Encoding;

/// Bytes read from a file at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// The byte order mark, which some programs write before the first line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Bytes decoded at a time.
const CHUNK_BYTES: usize = 1 << 16;
/// Stands for what can't be decoded.
const UNDECODABLE: u8 = 0xff;

/// The text of a file, to be read line by line.
pub type Text = BufReader<Box<dyn Read>>;

/// Opens a file for reading its bytes unpacked, but not decoded.
pub fn unpacked(path: &Path, compression: Compression) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    Ok(match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, file))),
        Compression::Zstd => Box::new(zstd::Decoder::new(file)?),
    })
}

/// Opens a file for reading its text; returns the text, and the number of bytes of the byte order mark before it.
pub fn text(path: &Path, compression: Compression, encoding: Encoding) -> io::Result<(Text, u64)> {
    let bytes = unpacked(path, compression)?;
    let bytes = if encoding == Encoding::UTF_8 { bytes } else { Box::new(Decoded::new(bytes, encoding)) };
    let mut text = BufReader::with_capacity(BUFFER_BYTES, bytes);
    let mut mark = 0;
    // The first bytes may come one by one, but not so from a file or a decoder with a buffer.
    if text.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        mark = BYTE_ORDER_MARK.len();
        text.consume(mark);
    }
    Ok((text, mark as u64))
}

/// Passes over the first bytes of a text.
pub fn pass(text: &mut Text, bytes: usize) -> io::Result<()> {
    io::copy(&mut text.take(bytes as u64), &mut io::sink()).map(|_| ())
}

/// The bytes of a text in another encoding, as UTF-8.
pub fn decoded(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
    let mut text = Vec::new();
    // Reading from a slice does not fail.
    let _ = Decoded::new(bytes, encoding).read_to_end(&mut text);
    text
}

/// Reads bytes in an encoding as UTF-8.
struct Decoded<R> {
    bytes: R,
    /// `None` behind the end.
    decoder: Option<Decoder>,
    encoded: Vec<u8>,
    text: Vec<u8>,
    /// How much of the text was read.
    done: usize,
}

impl<R: Read> Decoded<R> {
    fn new(bytes: R, encoding: Encoding) -> Self {
        let decoder = Some(encoding.0.new_decoder_without_bom_handling());
        Self { bytes, decoder, encoded: Vec::new(), text: Vec::new(), done: 0 }
    }

    /// Decodes the next bytes, or ends.
    fn refill(&mut self) -> io::Result<()> {
        let Some(mut decoder) = self.decoder.take() else { return Ok(()) };
        self.encoded.clear();
        self.text.clear();
        self.done = 0;
        let last = (&mut self.bytes).take(CHUNK_BYTES as u64).read_to_end(&mut self.encoded)? == 0;
        let mut encoded = self.encoded.as_slice();
        loop {
            let (before, room) = (self.text.len(), 4 * encoded.len() + 16);
            self.text.resize(before + room, 0);
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(encoded, &mut self.text[before..], last);
            self.text.truncate(before + written);
            encoded = &encoded[read..];
            match result {
                DecoderResult::Malformed(..) => self.text.push(UNDECODABLE),
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
            }
        }
        if !last {
            self.decoder = Some(decoder);
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.done == self.text.len() && self.decoder.is_some() {
            self.refill()?;
        }
        let length = out.len().min(self.text.len() - self.done);
        out[..length].copy_from_slice(&self.text[self.done..self.done + length]);
        self.done += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], encoding: Encoding) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("text");
        std::fs::write(&path, bytes).expect("writes");
        let (mut text, _) = text(&path, Compression::None, encoding).expect("opens");
        let mut all = Vec::new();
        text.read_to_end(&mut all).expect("reads");
        all
    }

    #[test]
    fn utf_16_becomes_utf_8_without_its_mark() {
        let units: Vec<u16> = "\u{feff}käfer,🪲\n".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(read(&little, Encoding::UTF_16LE), "käfer,🪲\n".as_bytes());
        assert_eq!(read(&big[2..], Encoding::UTF_16BE), "käfer,🪲\n".as_bytes());
    }

    #[test]
    fn what_can_not_be_decoded_is_no_character() {
        // Half of a pair, and half a unit at the end.
        assert_eq!(read(b"a\0\x00\xd8b\0c", Encoding::UTF_16LE), b"a\xffb\xff");
        let latin1 = Encoding(encoding_rs::WINDOWS_1252);
        assert_eq!(read(b"caf\xe9 \x80", latin1), "café €".as_bytes());
        assert_eq!(decoded(b"caf\xe9", latin1), "café".as_bytes());
    }

    #[test]
    fn packed_files_are_unpacked_to_their_last_member() {
        use std::io::Write;
        let folder = tempfile::tempdir().expect("temporary folder");
        let (gzip, zstd) = (folder.path().join("gzip"), folder.path().join("zstd"));
        let mut members = Vec::new();
        for member in ["one\n", "two\n"] {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(member.as_bytes()).expect("packs");
            members.extend(out.finish().expect("packs"));
        }
        std::fs::write(&gzip, &members).expect("writes");
        let frames = [zstd::encode_all(&b"one\n"[..], 1), zstd::encode_all(&b"two\n"[..], 1)];
        std::fs::write(&zstd, frames.map(|frame| frame.expect("packs")).concat()).expect("writes");
        for (path, compression) in [(&gzip, Compression::Gzip), (&zstd, Compression::Zstd)] {
            let mut all = String::new();
            text(path, compression, Encoding::UTF_8).expect("opens").0.read_to_string(&mut all).expect("reads");
            assert_eq!(all, "one\ntwo\n");
        }
        std::fs::write(&gzip, &members[..members.len() - 4]).expect("writes");
        let (mut cut, _) = text(&gzip, Compression::Gzip, Encoding::UTF_8).expect("opens");
        assert!(cut.read_to_end(&mut Vec::new()).is_err());
    }
}
