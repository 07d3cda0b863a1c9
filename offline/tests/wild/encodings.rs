//! Encodings and compressions, told by the content of a file.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::reading::{
    BASE_MS, HEADER, Reading, input, read, read_with, reading, refused, refused_paths, refused_with, try_read, views,
};

/// A log of 40 events, the first with an item of letters beyond ASCII.
fn log() -> String {
    format!("{HEADER}{BASE_MS},müller,view,café\n{}", views(1..40))
}

fn gz(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_ref()).expect("writes");
    encoder.finish().expect("finishes")
}

fn zst(content: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(content.as_ref(), 3).expect("compresses")
}

/// Which byte of a pair comes first.
type Order = fn(u16) -> [u8; 2];

/// UTF-16 with or without a byte order mark.
fn utf16(text: &str, order: Order, mark: &str) -> Vec<u8> {
    format!("{mark}{text}").encode_utf16().flat_map(order).collect()
}

fn assert_whole(read: &Reading, what: &str) {
    assert_eq!(read.counts(), (40, 40, 0, 0), "{what}: {}", read.report);
    assert_eq!((read.users()[0], read.items()[0]), ("müller", "café"), "{what}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    assert_whole(&read("log.csv", format!("\u{feff}{}", log())), "CSV");
    let lines = "{\"timestamp\":1750000000000,\"visitorid\":\"u\",\"event\":\"view\",\"itemid\":\"i\"}\n";
    assert_eq!(read("log.jsonl", format!("\u{feff}{lines}")).counts(), (1, 1, 0, 0));
}

#[test]
fn utf16_is_read_as_it_is() {
    for (order, name) in [(u16::to_le_bytes as Order, "utf-16le"), (u16::to_be_bytes as Order, "utf-16be")] {
        let marked = read("log.csv", utf16(&log(), order, "\u{feff}"));
        assert_whole(&marked, name);
        let told = marked.of_file("form").to_lowercase();
        assert!(told.contains(name), "{told}");
        assert_whole(&read("log.csv", utf16(&log(), order, "")), "without a mark");
        let cut = utf16(&log(), order, "\u{feff}");
        let cut = read("log.csv", &cut[..cut.len() - 3]);
        assert!(cut.counts().1 == 39, "{}", cut.report);
    }
    let lines: String = (0..30)
        .map(|n| format!("{{\"timestamp\":{},\"visitorid\":\"ü\",\"event\":\"view\",\"itemid\":\"i\"}}\n", BASE_MS + n))
        .collect();
    let read = read("log.jsonl", utf16(&lines, u16::to_le_bytes, "\u{feff}"));
    assert_eq!((read.counts(), read.users()[29]), ((30, 30, 0, 0), "ü"));
}

#[test]
fn latin_1_is_refused_and_read_by_a_setting() {
    let said = refused_paths(&[input("latin1.csv")], None);
    assert!(said.contains("UTF-8") && said.contains("encoding"), "{said}");
    let bytes = fs::read(input("latin1.csv")).expect("reads");
    for encoding in ["latin1", "windows-1252", "ISO-8859-1"] {
        let config = format!("[ingest]\nencoding = \"{encoding}\"\n");
        let read = read_with(&config, &[("log.csv", &bytes)]);
        assert_eq!(read.counts(), (3, 3, 0, 0));
        assert_eq!(read.items(), ["café", "cafè", "cafê"]);
    }
    let said = refused_with("[ingest]\nencoding = \"klingon\"\n", &[("log.csv", &bytes)]);
    assert!(said.contains("encoding") && said.contains("klingon"), "{said}");
}

#[test]
fn an_item_table_has_an_encoding_of_its_own() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("writes");
        path
    };
    let items = write("items.csv", b"itemid,name\ncaf\xe9,Caf\xe9\n");
    let config = "[[ingest.files]]\npattern = \"items.csv\"\nencoding = \"latin1\"\n";
    let config = write("tandem.toml", config.as_bytes());
    let read = reading(&[write("log.csv", log().as_bytes())], Some(&config), Some(&items));
    assert_eq!((read.counts(), &read.report["item_table"]["items"]), ((40, 40, 0, 0), &1.into()), "{}", read.report);
    assert!(read.items().contains(&"café"));
}

#[test]
fn one_row_that_is_not_utf8_is_named_by_its_number() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log.csv");
    let (before, after) = (format!("{HEADER}{}", views(0..50)), views(51..60));
    fs::write(&path, [before.as_bytes(), b"1750000000000,u1,view,caf\xe9\n", after.as_bytes()].concat())
        .expect("writes");
    match try_read(&[path], None, None, &[]) {
        Ok(read) => {
            assert_eq!(read.counts(), (60, 59, 1, 0));
            assert!(read.rejected_for(&["utf-8"]) && read.rejects[0]["row"] == 51, "{}", read.report);
        }
        Err(said) => assert!(said.contains("UTF-8") && said.contains("51"), "{said}"),
    }
}

#[test]
fn bytes_that_are_no_text_in_a_column_that_nobody_asked_for_lose_no_row_without_a_word() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("log.csv");
    let row = |n: i64| [format!("{},u,view,i{n},", BASE_MS + n).as_bytes(), b"caf\xe9\n"].concat();
    let rows: Vec<Vec<u8>> = (0..40).map(row).collect();
    fs::write(&path, [b"timestamp,visitorid,event,itemid,note\n".as_slice(), &rows.concat()].concat()).expect("writes");
    match try_read(&[path], None, None, &[]) {
        Ok(read) => assert_eq!(read.counts(), (40, 40, 0, 0)),
        Err(said) => assert!(said.contains("UTF-8"), "{said}"),
    }
}

#[test]
fn compression_is_told_by_the_content_whatever_the_name() {
    for (name, content, compression) in [
        ("log.csv.gz", gz(log()), "gzip"),
        ("log.csv", gz(log()), "gzip"),
        ("log.gz", gz(log()), "gzip"),
        ("log.csv.zst", zst(log()), "zstd"),
        ("log.csv", zst(log()), "zstd"),
        ("log.csv.gz", log().into_bytes(), ""),
    ] {
        let read = read(name, &content);
        assert_whole(&read, name);
        let told = read.of_file("form").to_lowercase();
        assert!(told.contains(compression), "{name}: {told}");
    }
    // Two streams one behind the other, as `cat` makes them.
    let halves = [gz(format!("{HEADER}{BASE_MS},müller,view,café\n")), gz(views(1..40))].concat();
    assert_whole(&read("log.csv.gz", halves), "two streams");
}

#[test]
fn a_damaged_stream_is_an_error_about_that_file() {
    for whole in [gz(log().repeat(200)), zst(log().repeat(200))] {
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        flipped[middle + 1] ^= 0xff;
        for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 3], &whole[..12], &flipped] {
            let said = refused("log.csv.gz", damaged);
            assert!(said.contains("log.csv.gz"), "{said}");
        }
    }
}

#[test]
fn other_archives_and_pictures_are_refused_with_what_they_are() {
    for content in [
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00xxxxxxxxxxxxxxxx".as_slice(),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"BZh91AY&SY\0\0",
    ] {
        let said = refused("log.csv", content);
        assert!(said.contains("log.csv"), "{said}");
    }
}
