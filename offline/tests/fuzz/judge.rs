//! Reads a file and compares what is read with the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use offline::config::Config;
use offline::log::export;
use offline::log::ingest::{Catalogue, Keep, Reader, gather};
use serde_json::Value;

use super::damage::{Damage, Refusal};
use super::truth::{Key, Truth};

/// What was read of a file.
struct Reading {
    report: Value,
    events: Vec<Key>,
}

/// Reads a file as `offline ingest` does, whatever share of its rows is rejected.
fn read(path: &Path) -> Result<Reading, String> {
    let mut config = Config::shipped().map_err(|error| error.to_string())?;
    config.ingest.max_reject_share = 1.0;
    let rejects = path.with_extension("rejects");
    let (ingest, kinds) = (&config.ingest, &config.kinds);
    let reader = Reader { config: ingest, kinds, keep: Keep::Learnt, rejects: &rejects, progress: &|_| () };
    let (raw, report) = gather(&[path.to_owned()], reader, &Catalogue::default()).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    export::as_read(&raw, kinds, &mut out).map_err(|error| error.to_string())?;
    let text = String::from_utf8(out).map_err(|error| error.to_string())?;
    let event = |line: &str| -> Option<Key> {
        let event: Value = serde_json::from_str(line).ok()?;
        let word = |field: &str| event[field].as_str().map(str::to_owned);
        Some((event["timestamp"].as_i64()?, word("visitorid")?, word("event")?, word("itemid")?))
    };
    let events = text
        .lines()
        .map(|line| event(line).ok_or_else(|| format!("not an event: {line}")))
        .collect::<Result<_, _>>()?;
    let report = serde_json::to_value(&report).map_err(|error| error.to_string())?;
    Ok(Reading { report, events })
}

/// The rows of a report under `rejected` or `skipped`.
fn total(report: &Value, part: &str) -> u64 {
    let reasons = report[part].as_object().map(|reasons| reasons.values());
    reasons.into_iter().flatten().filter_map(|reason| reason["count"].as_u64()).sum()
}

/// Reads a file and says what is wrong with the reading.
pub fn verdict(path: &Path, truth: &[Truth], damage: &Damage) -> Result<(), String> {
    let touched: BTreeSet<usize> = damage.touched.iter().copied().collect();
    let untouched = truth.len() - touched.len();
    let outcome = catch_unwind(AssertUnwindSafe(|| read(path))).map_err(|_| "it panicked".to_owned())?;
    let reading = match outcome {
        Ok(reading) => reading,
        Err(said) => return refused(path, &said, damage, untouched),
    };
    let Reading { report, events } = reading;
    let number = |field: &str| report[field].as_u64();
    let accepted = number("events").unwrap_or_default();
    let (rows, rejected, skipped) =
        (number("rows").unwrap_or_default(), total(&report, "rejected"), total(&report, "skipped"));
    if rows != accepted + rejected + skipped || accepted != events.len() as u64 {
        return Err(format!(
            "{rows} rows, {accepted} events ({} written), {rejected} rejected, {skipped} skipped",
            events.len()
        ));
    }
    if damage.refusal == Refusal::Anything {
        return Ok(());
    }
    compared(truth, &touched, damage, &events).map_err(|wrong| format!("{wrong}\n  {report}"))?;
    if damage.refusal == Refusal::Nothing && rejected > 0 {
        return Err(format!("rows of a whole file are rejected: {report}"));
    }
    Ok(())
}

/// Whether a file may be refused, and in these words.
fn refused(path: &Path, said: &str, damage: &Damage, untouched: usize) -> Result<(), String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match damage.refusal {
        Refusal::Nothing => Err(format!("a whole file is refused: {said}")),
        Refusal::Rows if untouched > 0 => Err(format!("refused for some of its rows: {said}")),
        // What is said of all files together.
        _ if said.contains("no events") || said.contains("rows rejected") => Ok(()),
        _ if !said.contains(&name) => Err(format!("refused without the name of the file: {said}")),
        _ => Ok(()),
    }
}

/// Compares events, whatever their order: none may be more than the truth, and of untouched rows none less.
fn compared(truth: &[Truth], touched: &BTreeSet<usize>, damage: &Damage, events: &[Key]) -> Result<(), String> {
    let mut left: BTreeMap<Key, i64> = BTreeMap::new();
    for event in events {
        *left.entry(event.clone()).or_default() += 1;
    }
    for (_, event) in truth.iter().enumerate().filter(|(row, _)| !touched.contains(row)) {
        let count = left.entry(event.key()).or_default();
        *count -= 1;
        if *count < 0 {
            return Err(format!("an event is lost: {:?}", event.key()));
        }
    }
    let spare = touched.iter().map(|row| truth[*row].key()).chain(damage.also.iter().cloned());
    for key in spare {
        if let Some(count) = left.get_mut(&key).filter(|count| **count > 0) {
            *count -= 1;
        }
    }
    left.retain(|_, count| *count > 0);
    if left.values().sum::<i64>() > damage.foreign as i64 {
        return Err(format!("events that are not in the truth: {left:?}"));
    }
    Ok(())
}
