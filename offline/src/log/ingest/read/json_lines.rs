//! JSON lines: one object per line; lines of white space are skipped.

use shared::contract::event_log::LogFile;

use super::batch::{Builder, NoRow, RowAt};
use super::bytes;
use super::form::Form;
use super::json_values::Extractor;
use super::lines::{Ending, LineEnd, Lines};
use super::{Batches, Wanted};
use crate::log::ingest::IngestError;

/// Reads a file and sends its rows in batches.
pub fn read(form: &Form, wanted: &[Wanted], batches: &Batches) -> Result<(), IngestError> {
    let failed = |error| IngestError::read(&form.path, error);
    let (text, mark) = bytes::text(&form.path, form.compression, form.encoding).map_err(failed)?;
    let of_service = LogFile::at(&form.path).is_some();
    let (extractor, mut batch) = (Extractor::new(wanted), Builder::new(wanted.len()));
    let mut lines = Lines::new(text, LineEnd::Feed, mark);
    let mut number = 0;
    while let Some(line) = lines.next().map_err(failed)? {
        number += 1;
        // The mark belongs to the first line.
        let start = if number == 1 { 0 } else { line.start };
        let at = RowAt { number, element: 0, start, end: line.end };
        let text = line.span.of(lines.text.as_slice());
        let record = text.trim_ascii();
        let reason = match line.ending {
            Ending::AtEnd if of_service => Some(NoRow::Unfinished),
            Ending::TooLong => Some(NoRow::TooLong),
            _ if record.is_empty() && of_service => Some(NoRow::Erased),
            _ if record.is_empty() => None,
            _ => extractor.push(at, &lines.text, record, &mut batch).err(),
        };
        if let Some(reason) = reason {
            batch.push_unreadable(at, text, reason);
        }
        if batch.is_full(&lines.text) && batches.send(Ok(batch.take(lines.take()))).is_err() {
            // The receiver is gone: the rest is not wanted.
            return Ok(());
        }
    }
    let _ = batches.send(Ok(batch.take(lines.take())));
    Ok(())
}
