//! Repairs the last log file at a start: an unfinished last line is cut off and kept in a file beside the log.
//!
//! A crash leaves such a line. It was never acknowledged: an event is acknowledged only after its line is complete and
//! synced. A complete line is kept whatever it holds, since another release may read what this one can't. On a full disk
//! the unfinished line is cut off without a copy: the service has to start there too. So is that of a log of slates,
//! which promises nothing: a copy would only stay behind, with the name of a user.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use shared::contract::event_log::{Log, LogFile};

use super::LogError;

/// The number of bytes read at a time in the search backwards from the end.
const BLOCK: usize = 1 << 16;

/// The offset where the last whole line of a file ends.
fn whole_length(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Cuts off an unfinished last line, after copying one of events to a file of its own; returns the length that remains.
///
/// * `file`: open for reading and writing.
///
/// # Errors
/// [`LogError::Io`]; then nothing is cut off.
pub fn cut_torn_end(folder: &Path, log: &LogFile, file: &mut File) -> Result<u64, LogError> {
    let failed = || LogError::io(&log.path);
    let whole = whole_length(file).map_err(failed())?;
    let torn = file.metadata().map_err(failed())?.len() - whole;
    if torn > 0 {
        let kept = match log.log {
            Log::Slates => "not kept: it is a slate".to_owned(),
            Log::Events => match keep(folder, log, file, whole) {
                Err(error) if error.lacks_room() => format!("not kept: {error}"),
                kept => kept?.display().to_string(),
            },
        };
        file.set_len(whole).and_then(|()| file.sync_all()).map_err(failed())?;
        let path = log.path.display();
        tracing::warn!(%path, bytes = torn, kept, "the log's end was torn: no whole line, never acknowledged");
    }
    Ok(whole)
}

/// Copies the bytes after the offset `whole` into a new file beside the log.
fn keep(folder: &Path, log: &LogFile, file: &mut File, whole: u64) -> Result<PathBuf, LogError> {
    for copy in 0.. {
        let path = log.log.torn_path(folder, &log.replica, log.number, whole, copy);
        let mut kept = match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            created => created.map_err(LogError::io(&path))?,
        };
        file.seek(SeekFrom::Start(whole)).map_err(LogError::io(&log.path))?;
        if let Err(error) = io::copy(file, &mut kept).and_then(|_| kept.sync_all()) {
            fs::remove_file(&path).map_err(LogError::io(&path))?;
            return Err(LogError::io(path)(error));
        }
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io(folder))?;
        return Ok(path);
    }
    Err(LogError::io(folder)(io::Error::other("every name for the torn end of the event log is taken")))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn length_of(bytes: &[u8]) -> u64 {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("writes");
        whole_length(&mut file).expect("reads")
    }

    #[test]
    fn what_is_behind_the_last_line_end_is_torn_whatever_the_lines_hold() {
        assert_eq!(length_of(b""), 0);
        assert_eq!(length_of(b"{\"timest"), 0);
        assert_eq!(length_of(b"rubbish\n{}\n"), 11);
        assert_eq!(length_of(b"rubbish\n{}\n\0\0\0"), 11);
    }

    #[test]
    fn a_torn_end_of_many_blocks_is_found_from_behind() {
        let mut bytes = b"line\n".to_vec();
        bytes.resize(5 + 3 * BLOCK, b'x');
        assert_eq!(length_of(&bytes), 5);
        bytes.push(b'\n');
        assert_eq!(length_of(&bytes), bytes.len() as u64);
    }
}
