//! The mark of the applied log in Redis: up to where the histories have a replica's event log.
//!
//! On one server it is one key. In a cluster each part of the slots has a key of its own, all of them moved together,
//! and the lowest is the mark. A node that was restarted empty, or a replica that took over without the last writes,
//! lost the latest mark of its slots with the histories there, since it was written after them; so the log is applied
//! again from where that node is. Only one process writes the marks of a replica.

use redis::{RedisError, RedisResult, cmd};
use shared::engine::keys::{applied_key, applied_part_key};

use super::super::{Mark, Position, StoreError};
use super::nodes::Keyed;
use super::slots::slot;
use super::{Redis, Settings};

/// The script of a compare-and-set of a mark: writes the mark if it has the expected value (an absent one has the
/// empty value), and returns the value found. A key of another type counts as absent: `SET` replaces it.
const ADVANCE: &str = "local found=redis.pcall('GET',KEYS[1]) if type(found)~='string' then found='' end \
                       if found==ARGV[1] then redis.call('SET',KEYS[1],ARGV[2]) end return found";
/// The number of parts that the slots of a cluster have: more than clusters have nodes.
const PARTS: u16 = 64;

/// The keys of the mark.
pub fn keys(settings: &Settings, is_cluster: bool) -> Vec<String> {
    let Settings { prefix, replica, .. } = settings;
    if !is_cluster {
        return vec![applied_key(prefix, replica)];
    }
    let in_part = |part: u16| {
        let mut keys = (0u32..).map(|tag| applied_part_key(prefix, replica, tag));
        keys.find(|key| slot(key) / (16_384 / PARTS) == part)
    };
    (0..PARTS).filter_map(in_part).collect()
}

/// A mark as it is stored; empty for none.
fn text(mark: Option<Position>) -> String {
    mark.map(|position| position.to_string()).unwrap_or_default()
}

impl Redis {
    /// The lowest of the marks; `None` if one of them is absent or can't be read.
    pub(super) async fn lowest_mark(&self) -> Result<Option<Position>, StoreError> {
        let get = |key: &String| {
            // `MGET` treats a key of another type as absent, where `GET` would fail.
            let mut command = cmd("MGET");
            command.arg(key);
            Keyed::new(key, command)
        };
        let answers: Vec<RedisResult<[Option<Vec<u8>>; 1]>> =
            self.writes.calls(self.marks.iter().map(get).collect()).await?;
        let found: Vec<Vec<u8>> = all(answers)?.into_iter().map(|[found]| found.unwrap_or_default()).collect();
        let lowest = self.lowest(&found).await?;
        self.level(&found, lowest).await?;
        Ok(lowest)
    }

    /// Moves all marks, unless one of them is elsewhere.
    pub(super) async fn move_marks(&self, from: Option<Position>, to: Position) -> Result<Mark, StoreError> {
        let swaps: Vec<_> = self.marks.iter().map(|key| (key, text(from), text(Some(to)))).collect();
        let found = self.swap_marks(&swaps).await?;
        // Some may have been moved by a call that failed.
        let (from, moved) = (text(from).into_bytes(), text(Some(to)).into_bytes());
        if found.iter().all(|found| *found == from) {
            return Ok(Mark::Moved);
        }
        let now: Vec<Vec<u8>> =
            found.into_iter().map(|found| if found == from { moved.clone() } else { found }).collect();
        if now.iter().all(|now| *now == moved) && self.marks.len() > 1 {
            return Ok(Mark::Moved);
        }
        let lowest = self.lowest(&now).await?;
        self.level(&now, lowest).await?;
        Ok(Mark::Found(lowest))
    }

    /// Puts all marks where the lowest is.
    async fn level(&self, found: &[Vec<u8>], lowest: Option<Position>) -> Result<(), StoreError> {
        let lowest = text(lowest);
        let differ = self.marks.iter().zip(found).filter(|(_, found)| **found != lowest.as_bytes());
        let swap = |(key, found): (_, &Vec<u8>)| Some((key, String::from_utf8(found.clone()).ok()?, lowest.clone()));
        let swaps: Vec<_> = differ.filter_map(swap).collect();
        self.swap_marks(&swaps).await.map(|_| ())
    }

    /// Compares and sets marks; returns what was found.
    async fn swap_marks(&self, swaps: &[(&String, String, String)]) -> Result<Vec<Vec<u8>>, StoreError> {
        if swaps.is_empty() {
            return Ok(Vec::new());
        }
        let swap = |(key, from, to): &(&String, String, String)| {
            let mut command = cmd("EVAL");
            command.arg(ADVANCE).arg(1).arg(*key).arg(from).arg(to);
            Keyed::new(key, command)
        };
        all(self.writes.calls(swaps.iter().map(swap).collect()).await?)
    }

    /// The lowest of marks as they are stored. One that can't be read is deleted, so that the log is applied again from
    /// its start.
    async fn lowest(&self, found: &[Vec<u8>]) -> Result<Option<Position>, StoreError> {
        let mut lowest = Some(Position { file: u64::MAX, offset: u64::MAX });
        for (key, bytes) in self.marks.iter().zip(found) {
            let mark = std::str::from_utf8(bytes).ok().and_then(Position::parse);
            if mark.is_none() && !bytes.is_empty() {
                self.metrics.store_unreadable.with_label_values(&["mark"]).inc();
                let found = String::from_utf8_lossy(bytes);
                tracing::warn!(key, %found, "mark can't be read; the event log is applied again from its start");
                let mut command = cmd("DEL");
                command.arg(key);
                self.writes.call::<()>(Keyed::new(key, command)).await?;
            }
            lowest = lowest.min(mark);
        }
        Ok(lowest)
    }
}

/// The answers, unless one of them is an error.
fn all<T>(answers: Vec<RedisResult<T>>) -> Result<Vec<T>, StoreError> {
    let all: Result<Vec<T>, RedisError> = answers.into_iter().collect();
    all.map_err(|error| StoreError::Answer(error.to_string()))
}
