//! The files of the event log, read in one go and line by line.

use online::events::reader::{Chunk, read};
use online::store::Position;
use shared::contract::erasure::{file_id, is_blank, is_half_blank};
use shared::contract::event::Event;
use shared::contract::event_log::line::Line;
use shared::contract::slate_log::LoggedSlate;

use super::scratch::Scratch;
use super::texts;

const REPLICA: &str = "a";
const LOG: &str = "events-a-00000001.jsonl";

thread_local! {
    static FOLDER: Scratch = Scratch::empty();
}

pub fn run(bytes: &[u8]) {
    FOLDER.with(|folder| {
        folder.put(LOG, bytes);
        let chunk = |from, most| -> Chunk<Event> {
            read(folder.path(), REPLICA, from, None, i64::MIN, most).expect("a folder that can be read")
        };
        let whole = chunk(Position::START, u64::MAX);
        let (mut events, mut erasures, mut mergings, mut changes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut bad_lines = 0;
        let mut from = Position::START;
        loop {
            let line = chunk(from, 1);
            events.extend(line.events);
            erasures.extend(line.erasures);
            mergings.extend(line.mergings);
            changes.extend(line.changes);
            bad_lines += line.bad_lines;
            if line.next == from {
                break;
            }
            from = line.next;
        }
        assert_eq!((events, erasures, bad_lines), (whole.events, whole.erasures, whole.bad_lines));
        assert_eq!((mergings, changes), (whole.mergings, whole.changes));
        assert_eq!(from, whole.next);
    });
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let _ = (is_blank(line), is_half_blank(line), file_id(line), LoggedSlate::read(line));
        assert_eq!(is_blank(line), Line::read(line) == Line::Blank);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let event = r#"{"timestamp":5,"visitorid":"u1","event":"view","itemid":"7","transactionid":null,"event_id":"e1","received":6}"#;
    let erased = r#"{"erase":"u1","received":9}"#;
    let changed = r#"{"change":"7","set":{"colour":null,"price":1.5},"timestamp":7,"received":8}"#;
    let seen = r#"{"impression":["7"],"visitorid":"u1","recommendation_id":"r1","timestamp":7,"received":8}"#;
    let merged = r#"{"merge":"session:S","into":"u1","received":9}"#;
    let undone = r#"{"unmerge":"session:S","into":"u1","merged":9,"received":11}"#;
    let slate = r#"{"slate":"r1","timestamp":7,"visitorid":"u1","version":"v1","items":[{"itemid":"7","score":1.5,"sources":["als"]}]}"#;
    texts([
        &format!("{event}\n{erased}\n{changed}\n{event}\n"),
        &format!("{event}\n{seen}\n{slate}\n"),
        &format!("{event}\n{merged}\n{undone}\n{event}\n"),
        &format!("{{\"blank\":\"0123456789abcdef\"}}    \n{event}\nno event\n   \n{event}"),
        "\n\n{}\n",
    ])
}
