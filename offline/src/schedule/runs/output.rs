//! What a run prints, kept to a bound: a file that is full becomes `<name>.1`, and a new one begins.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Copies a stream to a file of a folder, of which at most `limit` bytes are kept, the last half of them in any case.
///
/// # Errors
/// [`io::Error`] of the stream. What the disk does not take is left out, so that the job can go on.
pub fn copy(mut from: impl Read, folder: &Path, name: &str, limit: u64) -> io::Result<()> {
    let (path, half) = (folder.join(name), (limit / 2).max(1));
    let mut buffer = vec![0; 1 << 13];
    let mut file = File::create(&path).ok();
    let mut written = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if written >= half {
            let _ = fs::rename(&path, older(folder, name));
            file = File::create(&path).ok();
            written = 0;
        }
        if let Some(Err(_)) = file.as_mut().map(|file| file.write_all(&buffer[..read])) {
            file = None;
        }
        written += read as u64;
    }
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
    use super::*;

    #[test]
    fn the_end_of_much_is_kept_and_no_more_than_the_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let text: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
        copy(text.as_bytes(), folder.path(), "out", 64 << 10).expect("copies");
        let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        let kept = length(&folder.path().join("out")) + length(&folder.path().join("out.1"));
        // Half of the bound and what was read at once, twice.
        assert!((32 << 10..=(64 << 10) + (16 << 10)).contains(&kept), "{kept}");
        assert_eq!(tail(folder.path(), "out", 2), ["line 19998", "line 19999"]);
        assert!(tail(folder.path(), "nothing", 2).is_empty());
    }
}
