//! What was said of items, in Redis: of every field the latest, for all replicas.
//!
//! | key | value |
//! |---|---|
//! | `{prefix}:{items}:said` | a hash: item, tab, field ─▶ when it was said and where, 76 signs that sort as the times do, and the value as JSON |
//! | `{prefix}:{items}:order` | a sorted set of the same names, each with its number |
//! | `{prefix}:{items}:last` | the last number that was given; the first is made of the time, so that numbers grow even if the store comes back empty |
//!
//! The keys lie in one slot, so that one script compares and sets. What is kept twice changes nothing.

use redis::cmd;
use shared::contract::event_log::{FileId, Place};
use shared::contract::id::ItemId;
use shared::contract::item_change::{Latest, Stamp};
use shared::engine::keys::{said_key, said_last_key, said_order_key};

use super::super::{Kept, Said, StoreError};
use super::Redis;
use super::nodes::Keyed;

/// Keeps each value that is greater than the one before it. Arguments: names and values.
const KEEP: &str = "if redis.call('EXISTS',KEYS[3])==0 then local time=redis.call('TIME') \
    redis.call('SET',KEYS[3],time[1]..string.format('%06d',time[2])) end \
    for i=1,#ARGV,2 do local known=redis.call('HGET',KEYS[1],ARGV[i]) \
    if not known or known<ARGV[i+1] then redis.call('HSET',KEYS[1],ARGV[i],ARGV[i+1]) \
    redis.call('ZADD',KEYS[2],redis.call('INCR',KEYS[3]),ARGV[i]) end end";
/// Returns the last number, then names, numbers and values after a number. Arguments: the number, the most of them.
const AFTER: &str = "local found={redis.call('GET',KEYS[3]) or '0'} \
    local names=redis.call('ZRANGEBYSCORE',KEYS[2],'('..ARGV[1],'+inf','WITHSCORES','LIMIT',0,ARGV[2]) \
    for i=1,#names,2 do found[#found+1]=names[i] found[#found+1]=names[i+1] \
    found[#found+1]=redis.call('HGET',KEYS[1],names[i]) or '' end return found";
/// Drops each value that is still the same. Arguments: names and values.
const DROP: &str = "for i=1,#ARGV,2 do if redis.call('HGET',KEYS[1],ARGV[i])==ARGV[i+1] then \
    redis.call('HDEL',KEYS[1],ARGV[i]) redis.call('ZREM',KEYS[2],ARGV[i]) end end";

/// Fields of one call, so that it ends within the deadline.
const FIELDS_PER_CALL: usize = 1000;

/// The digits of a stamp: two times, the file and the offset.
const TIME_DIGITS: usize = 20;
const FILE_DIGITS: usize = 16;
const STAMP_DIGITS: usize = 3 * TIME_DIGITS + FILE_DIGITS;

/// The name and the value of what was said.
fn pack(said: &Said) -> (String, String) {
    let Said { item, field, latest: Latest { stamp, value } } = said;
    let Stamp { timestamp_ms, received_ms, place } = stamp;
    let value = serde_json::to_string(value).unwrap_or_default();
    let packed = format!("{timestamp_ms:020}{received_ms:020}{}{:020}{value}", place.file, place.end);
    (format!("{item}\t{field}"), packed)
}

/// Reads a name and its value; `None` for what this release does not understand.
fn unpack(name: &str, packed: &str) -> Option<Said> {
    let (item, field) = name.split_once('\t')?;
    let (stamp, value) = packed.split_at_checked(STAMP_DIGITS)?;
    let (times, place) = stamp.split_at_checked(2 * TIME_DIGITS)?;
    let (timestamp, received) = times.split_at_checked(TIME_DIGITS)?;
    let (file, end) = place.split_at_checked(FILE_DIGITS)?;
    let file = FileId::new(u64::from_str_radix(file, 16).ok()?)?;
    let place = Place { file, end: end.parse().ok()? };
    let stamp = Stamp { timestamp_ms: timestamp.parse().ok()?, received_ms: received.parse().ok()?, place };
    let latest = Latest { stamp, value: serde_json::from_str(value).ok()? };
    Some(Said { item: ItemId::new(item).ok()?, field: field.into(), latest })
}

impl Redis {
    fn said_keys(&self) -> [String; 3] {
        let prefix = &self.settings.prefix;
        [said_key(prefix), said_order_key(prefix), said_last_key(prefix)]
    }

    /// Calls a script with names and values.
    async fn with_said(&self, script: &str, said: &[Said]) -> Result<(), StoreError> {
        let keys = self.said_keys();
        for said in said.chunks(FIELDS_PER_CALL) {
            let mut command = cmd("EVAL");
            command.arg(script).arg(3).arg(&keys);
            said.iter().map(pack).for_each(|(name, value)| {
                command.arg(name).arg(value);
            });
            self.writes.call::<()>(Keyed::new(&keys[0], command)).await?;
        }
        Ok(())
    }

    pub(super) async fn keep_said(&self, said: &[Said]) -> Result<(), StoreError> {
        self.with_said(KEEP, said).await
    }

    pub(super) async fn drop_said(&self, said: &[Said]) -> Result<(), StoreError> {
        self.with_said(DROP, said).await
    }

    pub(super) async fn said_after(&self, after: u64) -> Result<Kept, StoreError> {
        let keys = self.said_keys();
        let mut command = cmd("EVAL");
        command.arg(AFTER).arg(3).arg(&keys).arg(after).arg(FIELDS_PER_CALL);
        let found: Vec<String> = self.writes.call(Keyed::new(&keys[0], command)).await?;
        let number = |text: &String| text.parse::<f64>().map_or(0, |number| number as u64);
        let mut kept = Kept { last: found.first().map_or(0, number), ..Kept::default() };
        for row in found.get(1..).unwrap_or_default().chunks_exact(3) {
            kept.seen = Some(number(&row[1]));
            match unpack(&row[0], &row[2]) {
                Some(said) => kept.said.push(said),
                None => {
                    self.metrics.store_unreadable.with_label_values(&["item"]).inc();
                    tracing::warn!(name = row[0], "what was said of an item can't be read; the event log has it");
                }
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::item_change::FieldValue;

    use super::*;

    fn said(timestamp_ms: i64, end: u64) -> Said {
        let place = Place { file: FileId::new(0xabc).expect("not 0"), end };
        let stamp = Stamp { timestamp_ms, received_ms: 1_764_223_441_000, place };
        let value = Some(FieldValue::Texts(vec!["a\tb".into(), "ä".into()]));
        Said { item: ItemId::new("i 1").expect("an id"), field: "tags".into(), latest: Latest { stamp, value } }
    }

    #[test]
    fn what_was_said_reads_back_and_sorts_by_its_stamp() {
        for one in [said(5, 7), said(1_764_223_441_000, u64::MAX)] {
            let (name, value) = pack(&one);
            assert_eq!(unpack(&name, &value), Some(one));
        }
        let packed = [said(9, 100), said(10, 9), said(10, 10)].map(|said| pack(&said).1);
        assert!(packed.is_sorted(), "{packed:?}");
        assert_eq!(unpack("no tab", &packed[0]), None);
        assert_eq!(unpack("i\tf", "12"), None);
    }
}
