//! Appends, kills, starts and packing in any order: the log keeps each acknowledged event once, and every byte somewhere.

use std::collections::BTreeMap;

use online::events::pack::to_pack;
use online::store::Position;
use proptest::prelude::*;
use shared::contract::event::Event;
use shared::contract::event_log::packed::pack;
use shared::contract::event_log::{CoveredFile, Place, of_replica};

use super::{append_to_last_file, event, lines, open, read, torn};

/// What happens to a log, again and again.
#[derive(Debug, Clone)]
enum Step {
    /// Events are appended and acknowledged.
    Append(usize),
    /// Events are being appended when the process dies: so many bytes of them reach the file.
    Kill(usize, usize),
    /// The process stops and starts.
    Restart,
    /// The files that are covered are packed, all but the last so many.
    Pack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1usize..6).prop_map(Step::Append),
        (1usize..4, 0usize..600).prop_map(|(events, bytes)| Step::Kill(events, bytes)),
        Just(Step::Restart),
        (0usize..4).prop_map(Step::Pack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_kills_it_the_log_keeps_each_acknowledged_event_once_and_every_byte_somewhere(
        steps in prop::collection::vec(step(), 1..25)
    ) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut number = 0;
        let mut take = |count: usize| -> Vec<Event> {
            number += count;
            (number - count..number).map(|number| event("u", number)).collect()
        };
        let (mut acknowledged, mut bytes) = (BTreeMap::new(), 0);
        let mut writer = Some(open(folder.path()));
        for step in steps {
            match step {
                Step::Append(count) => {
                    let events = take(count);
                    let appended = writer.as_mut().expect("open").append(&lines(&events)).expect("appends");
                    let mut end = appended.start;
                    for event in events {
                        end += lines(std::slice::from_ref(&event)).len() as u64;
                        acknowledged.insert(event.event_id, Place { file: appended.file, end });
                    }
                    bytes += end - appended.start;
                }
                Step::Kill(count, reached) => {
                    let lines = lines(&take(count));
                    drop(writer.take());
                    append_to_last_file(folder.path(), &lines[..reached.min(lines.len())]);
                    bytes += reached.min(lines.len()) as u64;
                    writer = Some(open(folder.path()));
                }
                Step::Restart => {
                    drop(writer.take());
                    writer = Some(open(folder.path()));
                }
                Step::Pack(spared) => {
                    let files = of_replica(folder.path(), "a").expect("lists");
                    let ids = files.iter().rev().skip(spared).filter_map(|file| {
                        let (replica, number) = (file.replica.clone(), file.number);
                        let id = file.id().expect("reads")?;
                        Some(CoveredFile { replica, number, id, bytes: file.length().expect("reads") })
                    });
                    let covered: Vec<CoveredFile> = ids.collect();
                    for file in to_pack(folder.path(), "a", &covered.iter().collect()).expect("reads") {
                        pack(&file).expect("packs");
                    }
                }
            }
        }
        let chunk = read(folder.path(), Position::START, u64::MAX);
        prop_assert_eq!(chunk.bad_lines, 0);
        let found: BTreeMap<String, Place> =
            chunk.events.iter().map(|logged| (logged.event.event_id.clone(), logged.place)).collect();
        prop_assert_eq!(found.len(), chunk.events.len(), "an event is there twice");
        for (id, place) in &acknowledged {
            prop_assert_eq!(found.get(id), Some(place), "{}", id);
        }
        let files = of_replica(folder.path(), "a").expect("lists");
        let in_log: u64 = files.iter().map(|file| file.length().expect("reads")).sum();
        let in_torn: u64 = torn(folder.path()).iter().map(|(_, bytes)| bytes.len() as u64).sum();
        prop_assert_eq!(in_log + in_torn, bytes);
    }
}
