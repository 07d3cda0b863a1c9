//! What both logs of all replicas say, in the order of time.
//!
//! In: files. Out: one line after the other. A replica's files follow each other and are read line by line, so that memory is
//! one line a replica and log. Times within a file ascend but for some seconds: slates are taken a minute early, so that each
//! is there when an event asks for it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io::{self, BufRead};
use std::path::PathBuf;

use shared::contract::event::Event;
use shared::contract::event_log::line::Line;
use shared::contract::event_log::packed::Lines;
use shared::contract::event_log::{Log, LogFile};
use shared::contract::impression::Impression;
use shared::contract::slate_log::LoggedSlate;

use super::{OutcomesError, failed};

/// How much earlier than they are slates are taken: a minute.
const EARLY_MS: i64 = 60_000;

/// A line of one of the logs.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// A slate was answered.
    Slate(LoggedSlate),
    /// Items of a slate were seen.
    Seen(Impression),
    /// Something happened.
    Event(Event),
}

/// The lines of some logs.
pub struct Merged {
    replicas: Vec<Replica>,
    /// The replicas that have a line left, by the time of their next.
    next: BinaryHeap<Reverse<(i64, usize)>>,
}

impl Merged {
    /// Opens the files.
    ///
    /// # Errors
    /// [`OutcomesError::Read`] when one can't be read.
    pub fn open(slates: &[LogFile], events: &[LogFile]) -> Result<Self, OutcomesError> {
        let mut by_replica: BTreeMap<(Log, Option<PathBuf>, &str), Vec<LogFile>> = BTreeMap::new();
        for file in slates.iter().chain(events) {
            let folder = file.path.parent().map(PathBuf::from);
            by_replica.entry((file.log, folder, &file.replica)).or_default().push(file.clone());
        }
        let replica = |mut files: Vec<LogFile>| {
            // Of a file that is there both packed and not, as after a crash, the plain one.
            files.sort_by_key(|file| (file.number, file.is_packed()));
            files.dedup_by_key(|file| file.number);
            Replica { files: files.into(), lines: None, head: None, unreadable_lines: 0 }
        };
        let mut merged = Self { replicas: by_replica.into_values().map(replica).collect(), next: BinaryHeap::new() };
        for at in 0..merged.replicas.len() {
            merged.step(at)?;
        }
        Ok(merged)
    }

    /// The next line, and the time when it was written, milliseconds since the epoch; `None` at the end of all files.
    ///
    /// # Errors
    /// [`OutcomesError::Read`] when a file can't be read.
    pub fn next(&mut self) -> Result<Option<(Step, i64)>, OutcomesError> {
        let Some(Reverse((_, at))) = self.next.pop() else { return Ok(None) };
        let step = self.replicas[at].head.take();
        self.step(at)?;
        Ok(step.map(|step| {
            let time_ms = time_ms(&step);
            (step, time_ms)
        }))
    }

    /// How many lines were none of these.
    pub fn unreadable_lines(&self) -> u64 {
        self.replicas.iter().map(|replica| replica.unreadable_lines).sum()
    }

    /// Reads the next line of a replica.
    fn step(&mut self, at: usize) -> Result<(), OutcomesError> {
        let replica = &mut self.replicas[at];
        replica.head = replica.read()?;
        if let Some(step) = &replica.head {
            let early_ms = if matches!(step, Step::Slate(_)) { EARLY_MS } else { 0 };
            self.next.push(Reverse((time_ms(step).saturating_sub(early_ms), at)));
        }
        Ok(())
    }
}

/// When a line was written.
fn time_ms(step: &Step) -> i64 {
    match step {
        Step::Slate(slate) => slate.timestamp_ms,
        Step::Seen(seen) => seen.received_ms,
        Step::Event(event) => event.received_ms,
    }
}

/// The files of a replica.
struct Replica {
    /// Those that are left, the one that is being read first.
    files: VecDeque<LogFile>,
    lines: Option<Lines>,
    head: Option<Step>,
    unreadable_lines: u64,
}

impl Replica {
    fn read(&mut self) -> Result<Option<Step>, OutcomesError> {
        let mut line = Vec::new();
        while let Some(file) = self.files.front() {
            let lines = match &mut self.lines {
                Some(lines) => lines,
                None => match file.open() {
                    Ok(lines) => self.lines.insert(lines),
                    // It was removed since it was listed: logs are bounded.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.files.pop_front();
                        continue;
                    }
                    Err(error) => return Err(failed(&file.path)(error)),
                },
            };
            line.clear();
            lines.read_until(b'\n', &mut line).map_err(failed(&file.path))?;
            if !line.ends_with(b"\n") {
                // The end, or a line that is being written.
                (self.lines, _) = (None, self.files.pop_front());
                continue;
            }
            match told(file.log, &line) {
                Told::Step(step) => return Ok(Some(step)),
                Told::Nothing => {}
                Told::Unreadable => self.unreadable_lines += 1,
            }
        }
        Ok(None)
    }
}

/// What a line says.
enum Told {
    Step(Step),
    /// Nothing that matters here.
    Nothing,
    Unreadable,
}

fn told(log: Log, line: &[u8]) -> Told {
    let read = |step: Option<Step>| step.map_or(Told::Unreadable, Told::Step);
    match (log, Line::read(line)) {
        (_, Line::Blank) | (Log::Events, Line::Erasure(_) | Line::Merging(_) | Line::Change(_) | Line::User(_)) => {
            Told::Nothing
        }
        (Log::Events, Line::Impression(seen)) => Told::Step(Step::Seen(seen)),
        (Log::Events, Line::Other) => read(serde_json::from_slice(line).ok().map(Step::Event)),
        (Log::Slates, _) => read(LoggedSlate::read(line).map(Step::Slate)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use shared::contract::event_log::packed::pack;

    use super::*;

    fn event(received: i64) -> String {
        format!(r#"{{"timestamp":1,"visitorid":"u","event":"view","itemid":"i","event_id":"e","received":{received}}}"#)
            + "\n"
    }

    fn slate(id: &str, at: i64) -> String {
        format!(r#"{{"slate":"{id}","timestamp":{at},"visitorid":"u","version":"v","items":[]}}"#) + "\n"
    }

    fn file(log: Log, folder: &Path, replica: &str, number: u64, lines: &[String]) -> LogFile {
        let path = log.path(folder, replica, number);
        fs::write(&path, lines.concat()).expect("writes");
        log.file_at(&path).expect("a log file")
    }

    #[test]
    fn lines_of_all_replicas_come_by_time_packed_or_not_and_slates_a_minute_early() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |log, replica, number, lines: &[String]| file(log, folder.path(), replica, number, lines);
        let seen = r#"{"impression":["i"],"visitorid":"u","recommendation_id":"r","timestamp":1,"received":500}"#;
        let events = [
            of(Log::Events, "a", 1, &[event(100), "{\"erase\":\"x\",\"received\":1}\n".to_owned(), event(300)]),
            of(Log::Events, "a", 2, &[event(600), "no event\n".to_owned(), "     \n".to_owned(), event(900)]),
            of(Log::Events, "b", 1, &[event(200), seen.to_owned() + "\n", "{\"half\":".to_owned()]),
        ];
        let slates = [of(Log::Slates, "a", 1, &[slate("r", 60_250), slate("s", 60_700)])];
        pack(&events[0]).expect("packs");
        let removed = of(Log::Events, "b", 2, &[]);
        fs::remove_file(&removed.path).expect("removes");
        let events = [&events[..], &[removed]].concat();
        let mut merged = Merged::open(&slates, &events).expect("opens");
        let mut times = Vec::new();
        while let Some((step, time_ms)) = merged.next().expect("reads") {
            let kind = match step {
                Step::Slate(slate) => slate.recommendation_id.to_string(),
                Step::Seen(_) => "seen".to_owned(),
                Step::Event(_) => "event".to_owned(),
            };
            times.push(format!("{kind} {time_ms}"));
        }
        let expected =
            ["event 100", "event 200", "r 60250", "event 300", "seen 500", "event 600", "s 60700", "event 900"];
        assert_eq!((times, merged.unreadable_lines()), (expected.map(str::to_owned).to_vec(), 1));
    }
}
