//! The rows of keys in Redis.
//!
//! | key | value |
//! |---|---|
//! | `{prefix}:{rows:<history>}:<level>` | a hash: time in milliseconds ─▶ the number of rows, or `v` and the values as 32-bit floats |
//! | `{prefix}:{rows:<history>}:applied:<replica>:<log>` | up to where a replica's log is in it |
//!
//! All keys of a history lie in one slot, so that one script adds rows and moves the mark: both happen, or neither.

use std::collections::BTreeMap;

use redis::{RedisResult, cmd};
use shared::engine::keys::{row_key, rows_applied_key};
use shared::engine::tabular::column::Level;
use shared::engine::tabular::live::{HistoryId, Live, LiveRow};

use super::super::rows::{LogName, Merge, RowStore, Step, TIMES_PER_KEY, Target, merged};
use super::super::{Answer, Mark, Position, StoreError};
use super::nodes::Keyed;
use super::{Redis, Settings};

/// The script of a step. Keys: the mark, then the keys of rows. Arguments: where the mark must be, where it goes, how long
/// rows live, how many times of a key are kept, whether rows add up, then for each key the number of its rows, and times
/// and values. A key of another type, a count that is
/// none and a mark that is none count as absent. It returns where the mark was; elsewhere, nothing is added.
const ADD: &str = "local found=redis.pcall('GET',KEYS[1]) \
    if type(found)~='string' or not string.match(found,'^%d+:%d+$') then found='' end \
    if found~=ARGV[1] then return found end \
    for i=2,#KEYS do local kind=redis.call('TYPE',KEYS[i]).ok \
    if kind~='hash' and kind~='none' then redis.call('DEL',KEYS[i]) end end \
    local sum,at=ARGV[5]=='sum',6 \
    local function put(key,time,value) \
    local added=sum and redis.pcall('HINCRBY',key,time,value) \
    if type(added)~='number' then redis.call('HSET',key,time,value) end end \
    for i=2,#KEYS do local key=KEYS[i] \
    local rows=tonumber(ARGV[at]) at=at+1 \
    for _=1,rows do put(key,ARGV[at],ARGV[at+1]) at=at+2 end \
    local over=redis.call('HLEN',key)-tonumber(ARGV[4]) \
    if over>0 then local times=redis.call('HKEYS',key) \
    table.sort(times,function(a,b) return tonumber(a)<tonumber(b) end) \
    for _=1,over do local at,least,last=1,2,tonumber(times[#times]) \
    if sum then for j=2,#times-1 do local one=tonumber(times[j-1]) \
    local span=(tonumber(times[j+1])-one)/(last-one+1) if span<least then at,least=j,span end end \
    put(key,times[at+1],redis.call('HGET',key,times[at])) \
    else local before=redis.call('HGET',key,times[1]) \
    for j=2,#times do local own=redis.call('HGET',key,times[j]) \
    if own==before then at=j break end before=own end end \
    redis.call('HDEL',key,times[at]) table.remove(times,at) end end \
    redis.call('PEXPIRE',key,ARGV[3]) end \
    redis.call('SET',KEYS[1],ARGV[2]) return found";

/// The number of keys read in one pipeline, so that each is answered within the deadline of a read.
const KEYS_PER_PIPELINE: usize = 512;

/// The fields of a hash: times with what is packed of their rows.
type Fields = Vec<(i64, Vec<u8>)>;

impl Redis {
    async fn get_rows(&self, keys: &BTreeMap<HistoryId, Vec<Level>>) -> Result<Live, StoreError> {
        let wanted: Vec<(HistoryId, Level)> =
            keys.iter().flat_map(|(history, keys)| keys.iter().map(|key| (*history, *key))).collect();
        let mut live = Live::new();
        for wanted in wanted.chunks(KEYS_PER_PIPELINE) {
            self.get_some(wanted, &mut live).await?;
        }
        Ok(live)
    }

    async fn get_some(&self, wanted: &[(HistoryId, Level)], live: &mut Live) -> Result<(), StoreError> {
        let get = |(history, key): &(HistoryId, Level)| {
            let key = row_key(&self.settings.prefix, *history, *key);
            let mut command = cmd("HGETALL");
            command.arg(&key);
            Keyed::new(&key, command)
        };
        let answers: Vec<RedisResult<Fields>> = self.reads.calls(wanted.iter().map(get).collect()).await?;
        for ((history, key), answer) in wanted.iter().copied().zip(answers) {
            let rows = match answer {
                Ok(rows) => rows,
                // A key of another type, which the next row replaces.
                Err(error) if error.code() == Some("WRONGTYPE") => {
                    self.note_unreadable_rows(history, key);
                    continue;
                }
                Err(error) => return Err(StoreError::Answer(error.to_string())),
            };
            let fields = rows.len();
            let rows = rows.into_iter().filter_map(|(time_ms, value)| Some((time_ms, unpack(&value)?)));
            let mut rows: Vec<LiveRow> = rows.map(|(time_ms, values)| LiveRow { time_ms, values }).collect();
            rows.sort_unstable_by_key(|row| row.time_ms);
            if rows.len() < fields {
                self.note_unreadable_rows(history, key);
            }
            if !rows.is_empty() {
                live.entry(history).or_default().insert(key, rows);
            }
        }
        Ok(())
    }

    fn note_unreadable_rows(&self, history: HistoryId, key: Level) {
        self.metrics.store_unreadable.with_label_values(&["rows"]).inc();
        let key = row_key(&self.settings.prefix, history, key);
        tracing::warn!(
            key,
            "what is remembered of a key can't be read; delete all keys of its history to have it made anew"
        );
    }

    async fn add_rows(&self, to: &Target, rows: &[(Level, LiveRow)], step: Step) -> Result<Mark, StoreError> {
        let Settings { prefix, retention, .. } = &self.settings;
        let by_key = merged(rows, to.merge);
        let mark = rows_applied_key(prefix, to.history, to.log.as_str());
        let mut command = cmd("EVAL");
        command.arg(ADD).arg(1 + by_key.len()).arg(&mark);
        for key in by_key.keys() {
            command.arg(row_key(prefix, to.history, *key));
        }
        let from = step.from.map(|position| position.to_string()).unwrap_or_default();
        command.arg(&from).arg(step.to.to_string()).arg(retention.ttl_ms).arg(TIMES_PER_KEY);
        command.arg(if to.merge == Merge::Sum { "sum" } else { "last" });
        for times in by_key.values() {
            command.arg(times.len());
            for (time_ms, values) in times {
                command.arg(*time_ms).arg(pack(values, to.merge));
            }
        }
        let found: Vec<u8> = self.writes.call(Keyed::new(&mark, command)).await?;
        Ok(if found == from.as_bytes() { Mark::Moved } else { Mark::Found(position(&found)) })
    }
}

/// A mark as it is stored.
fn position(bytes: &[u8]) -> Option<Position> {
    std::str::from_utf8(bytes).ok().and_then(Position::parse)
}

/// What begins the values of a row.
const VALUES: u8 = b'v';

fn pack(values: &[f32], merge: Merge) -> Vec<u8> {
    match merge {
        Merge::Sum => (values[0] as i64).to_string().into_bytes(),
        Merge::Last => std::iter::once(VALUES).chain(values.iter().flat_map(|value| value.to_le_bytes())).collect(),
    }
}

fn unpack(bytes: &[u8]) -> Option<Vec<f32>> {
    match bytes.split_first() {
        Some((&VALUES, values)) => {
            let values = values.chunks_exact(4).map(|four| Some(f32::from_le_bytes(four.try_into().ok()?)));
            values.collect()
        }
        _ => Some(vec![std::str::from_utf8(bytes).ok()?.parse().ok()?]),
    }
}

impl RowStore for Redis {
    fn rows<'a>(&'a self, keys: &'a BTreeMap<HistoryId, Vec<Level>>) -> Answer<'a, Live> {
        Box::pin(self.observed("rows", self.get_rows(keys)))
    }

    fn mark<'a>(&'a self, history: HistoryId, log: &'a LogName) -> Answer<'a, Option<Position>> {
        Box::pin(self.observed("applied", async move {
            // `MGET` treats a key of another type as absent, where `GET` would fail.
            let key = rows_applied_key(&self.settings.prefix, history, log.as_str());
            let mut command = cmd("MGET");
            command.arg(&key);
            let [found]: [Option<Vec<u8>>; 1] = self.writes.call(Keyed::new(&key, command)).await?;
            Ok(found.as_deref().and_then(position))
        }))
    }

    fn add<'a>(&'a self, to: &'a Target, rows: &'a [(Level, LiveRow)], step: Step) -> Answer<'a, Mark> {
        Box::pin(self.observed("add_rows", self.add_rows(to, rows, step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_values_are_read_as_they_were_written() {
        assert_eq!(unpack(&pack(&[7.0], Merge::Sum)), Some(vec![7.0]));
        let values = unpack(&pack(&[1.5, f32::NAN], Merge::Last)).expect("values");
        assert!(values[0] == 1.5 && values[1].is_nan());
        assert_eq!(unpack(b"x"), None);
    }
}
