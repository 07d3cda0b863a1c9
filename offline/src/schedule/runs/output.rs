//! What a run prints, kept to a bound: of a file that is full the end becomes `<name>.1`, and it begins anew.
//!
//! The job has the file itself as its stream, and not a pipe to the supervisor: one that prints goes on when that is killed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A file of a folder that a job prints to; each write is put at its end, wherever that is by then.
///
/// # Errors
/// [`io::Error`] of the file.
pub fn open(folder: &Path, name: &str) -> io::Result<File> {
    File::options().append(true).create(true).open(folder.join(name))
}

/// Keeps a file to `limit` bytes, of which the last half stay in any case. What is printed between the last look at it and
/// its new beginning is lost.
///
/// # Errors
/// [`io::Error`] of the disk; the file is then as it was.
pub fn bound(folder: &Path, name: &str, limit: u64) -> io::Result<()> {
    let half = (limit / 2).max(1);
    let path = folder.join(name);
    let mut from = File::options().read(true).write(true).open(&path)?;
    let length = from.metadata()?.len();
    if length < half {
        return Ok(());
    }
    from.seek(SeekFrom::Start(length - half))?;
    let mut to = File::create(older(folder, name))?;
    // Until there is no more: also what came meanwhile, but not without end.
    io::copy(&mut (&from).take(limit), &mut to)?;
    from.set_len(0)
}

fn older(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.1"))
}

/// The last lines of what was kept.
///
/// * `lines`: how many at most.
#[must_use]
pub fn tail(folder: &Path, name: &str, lines: usize) -> Vec<String> {
    const MOST: u64 = 16 << 10;
    let end_of = |path: &Path| -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let mut bytes = end_of(&older(folder, name)).unwrap_or_default();
    bytes.extend(end_of(&folder.join(name)).unwrap_or_default());
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|&line| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn the_end_of_much_is_kept_and_no_more_than_the_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut printed = open(folder.path(), "out").expect("opens");
        for line in 0..20_000 {
            writeln!(printed, "line {line}").expect("prints");
            bound(folder.path(), "out", 64 << 10).expect("bounds");
        }
        let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        let kept = length(&folder.path().join("out")) + length(&folder.path().join("out.1"));
        assert!((32 << 10..=64 << 10).contains(&kept), "{kept}");
        assert_eq!(tail(folder.path(), "out", 2), ["line 19998", "line 19999"]);
        assert!(tail(folder.path(), "nothing", 2).is_empty());
    }

    #[test]
    fn of_much_that_was_printed_at_once_the_last_half_of_the_bound_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let text: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
        open(folder.path(), "out").expect("opens").write_all(text.as_bytes()).expect("prints");
        bound(folder.path(), "out", 64 << 10).expect("bounds");
        assert_eq!(fs::metadata(folder.path().join("out.1")).expect("is there").len(), 32 << 10);
        assert_eq!(tail(folder.path(), "out", 1), ["line 19999"]);
        // The file goes on from its beginning.
        writeln!(open(folder.path(), "out").expect("opens"), "more").expect("prints");
        assert_eq!(fs::read_to_string(folder.path().join("out")).expect("reads"), "more\n");
    }
}
