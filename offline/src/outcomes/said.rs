//! Which users were erased, by the lines of the event log that say so.

use std::io::{self, BufRead};

use shared::contract::event_log::LogFile;
use shared::contract::event_log::line::Line;

use super::{OutcomesError, failed};
use crate::log::ingest::Erased;

/// The users who were erased, with the time of their last erasure.
pub fn erased(logs: &[LogFile]) -> Result<Erased, OutcomesError> {
    let mut erased = Erased::default();
    for log in logs {
        match add(log, &mut erased) {
            // It was removed since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            added => added.map_err(failed(&log.path))?,
        }
    }
    Ok(erased)
}

fn add(log: &LogFile, erased: &mut Erased) -> io::Result<()> {
    let (mut lines, mut line) = (log.open()?, Vec::new());
    while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        if let Line::Erasure(erasure) = Line::read(&line) {
            erased.add(&erasure);
        }
        line.clear();
    }
    Ok(())
}
