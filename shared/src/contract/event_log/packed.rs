//! Packed files of the event log: the same bytes in a fifth of the room, once nothing is appended any more.
//!
//! ```text
//! events-<replica>-<number>.packing      one that is being written by [`pack`], or that a crash left; never read
//! events-<replica>-<number>.repacking    the same of [`repack`], which may run beside it
//! events-<replica>-<number>.jsonl.zst    frames of zstd, each of FRAME_BYTES of the log (the last of fewer), then their table
//! ```
//!
//! Every offset into the log stays true, since [`LogFile::open_at`] counts the bytes of the log. It passes over whole frames by
//! the `seek_table`, so that reading a file in chunks reads and unpacks each frame once or twice. `zstd -d` reads such a
//! file as well, and one that `zstd` wrote, which has no table, is read here, if slower.
//!
//! A file is packed beside itself, synced, renamed, and removed last. After a crash both may be there, with the same events:
//! [`super::list`] names the plain one alone, and packing it once more finishes the work.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};
use zstd::{Decoder, bulk::Compressor};

use super::LogFile;
use super::names::{PACKING, REPACKING};
use super::seek_table::{self, Frame};

/// The bytes of the log in one frame.
const FRAME_BYTES: usize = 1 << 20;
/// How hard packing tries. Of lines with ids of the service 3 leaves 22% at some 100 MB/s, 6 leaves 21% at half the speed: a third of
/// what is left are the random bits of ids.
const LEVEL: i32 = 3;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 1 << 16;

/// The lines of a file, packed or not.
pub type Lines = Box<dyn BufRead + Send>;

/// A file as it is on disk.
enum Stored {
    Plain(File),
    Packed(File),
}

impl LogFile {
    /// Whether it is packed.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.path.extension().is_some_and(|ending| ending == "zst")
    }

    /// Where the file is or would be when it is packed.
    #[must_use]
    pub fn packed_path(&self) -> PathBuf {
        if self.is_packed() { self.path.clone() } else { self.path.with_extension("jsonl.zst") }
    }

    /// Opens the file; one that was packed since it was listed is found all the same.
    fn stored(&self) -> io::Result<Stored> {
        if self.is_packed() {
            return File::open(&self.path).map(Stored::Packed);
        }
        match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match File::open(self.packed_path()) {
                Err(_) => Err(error),
                packed => packed.map(Stored::Packed),
            },
            plain => plain.map(Stored::Plain),
        }
    }

    /// Opens its lines.
    ///
    /// # Errors
    /// [`io::Error`] when it can't be read.
    pub fn open(&self) -> io::Result<Lines> {
        self.open_at(0)
    }

    /// Opens its lines from an offset of the log on.
    ///
    /// # Errors
    /// [`io::Error`] when it can't be read.
    pub fn open_at(&self, offset: u64) -> io::Result<Lines> {
        match self.stored()? {
            Stored::Plain(mut file) => {
                file.seek(SeekFrom::Start(offset))?;
                Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
            }
            Stored::Packed(file) if offset == 0 => Ok(Box::new(BufReader::new(Decoder::new(file)?))),
            Stored::Packed(file) => unpacked_from(file, offset),
        }
    }

    /// How many bytes of the log it has.
    ///
    /// # Errors
    /// [`io::Error`] when it can't be read.
    pub fn length(&self) -> io::Result<u64> {
        match self.stored()? {
            Stored::Plain(file) => Ok(file.metadata()?.len()),
            Stored::Packed(file) => Ok(frames(&file)?.iter().map(|frame| frame.content).sum()),
        }
    }

    /// When the service last wrote to it.
    ///
    /// # Errors
    /// [`io::Error`] when it can't be read.
    pub fn modified(&self) -> io::Result<std::time::SystemTime> {
        let (Stored::Plain(file) | Stored::Packed(file)) = self.stored()?;
        file.metadata()?.modified()
    }
}

/// The frames of a packed file, in order.
fn frames(mut file: &File) -> io::Result<Vec<Frame>> {
    if let Some(frames) = seek_table::read(file)? {
        return Ok(frames);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    file.rewind()?;
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "is no whole file of zstd");
    let (mut rest, mut frames) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let packed = find_frame_compressed_size(rest).map_err(|_| damaged())?;
        let (frame, behind) = rest.split_at_checked(packed).ok_or_else(damaged)?;
        rest = behind;
        let content = match get_frame_content_size(frame) {
            Ok(Some(content)) => content,
            // `zstd` does not know it of what comes through a pipe.
            _ => io::copy(&mut Decoder::new(frame)?, &mut io::sink())?,
        };
        frames.push(Frame { packed: packed as u64, content });
    }
    Ok(frames)
}

fn unpacked_from(mut file: File, offset: u64) -> io::Result<Lines> {
    let (mut start, mut passed) = (0, 0);
    let frames = frames(&file)?;
    let mut rest = frames.iter();
    while let Some(frame) = rest.as_slice().first().filter(|frame| passed + frame.content <= offset) {
        (start, passed) = (start + frame.packed, passed + frame.content);
        rest.next();
    }
    let packed: u64 = rest.map(|frame| frame.packed).sum();
    if packed == 0 {
        // No frame follows, which the decoder would take for half of one.
        return Ok(Box::new(io::empty()));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut lines = BufReader::new(Decoder::new(file.take(packed))?);
    io::copy(&mut (&mut lines).take(offset - passed), &mut io::sink())?;
    Ok(Box::new(lines))
}

/// Packs a file that nothing is appended to any more, and removes the plain one; returns the bytes that are free now. A file that
/// is packed stays as it is. The time of the last write is kept.
///
/// The lock of the file keeps out who overwrites erased lines ([`crate::contract::erasure`]) from the first byte that is read
/// until the plain file is gone; after a wait for it they look for the packed one.
///
/// # Errors
/// [`io::Error`], such as on a full disk; the plain file is then as it was.
pub fn pack(log: &LogFile) -> io::Result<u64> {
    if log.is_packed() {
        return Ok(0);
    }
    // For writing, too: a network's file system gives a lock of one's own for no less.
    let plain = File::options().read(true).write(true).open(&log.path)?;
    plain.lock()?;
    let folder = log.path.parent().unwrap_or(Path::new("."));
    let working = folder.join(format!("{}.{PACKING}", log.stem()));
    let packed = write(&working, plain.metadata()?.modified()?, &plain).and_then(|packed| {
        is_same(&log.path, &working)?;
        fs::rename(&working, log.packed_path())?;
        Ok(packed)
    });
    let packed = match packed {
        Ok(packed) => packed,
        Err(error) => {
            // It may not even have been made.
            let _ = fs::remove_file(&working);
            return Err(error);
        }
    };
    let sync = || File::open(folder).and_then(|folder| folder.sync_all());
    sync()?;
    fs::remove_file(&log.path)?;
    sync()?;
    Ok(plain.metadata()?.len().saturating_sub(packed))
}

/// Replaces a packed file by other bytes of the log, in one step. The time of its last write is kept.
///
/// # Errors
/// [`io::Error`], such as on a full disk; the file is then as it was.
pub fn repack(log: &LogFile, bytes: &[u8]) -> io::Result<()> {
    let folder = log.path.parent().unwrap_or(Path::new("."));
    let working = folder.join(format!("{}.{REPACKING}", log.stem()));
    if let Err(error) = write(&working, log.modified()?, bytes).and_then(|_| fs::rename(&working, &log.path)) {
        // It may not even have been made.
        let _ = fs::remove_file(&working);
        return Err(error);
    }
    File::open(folder).and_then(|folder| folder.sync_all())
}

/// Writes bytes of the log packed, and syncs them; returns their length.
fn write(path: &Path, modified: std::time::SystemTime, mut from: impl Read) -> io::Result<u64> {
    let mut to = File::create(path)?;
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    let (mut content, mut frames) = (Vec::with_capacity(FRAME_BYTES), Vec::new());
    loop {
        content.clear();
        from.by_ref().take(FRAME_BYTES as u64).read_to_end(&mut content)?;
        if content.is_empty() {
            break;
        }
        let packed = compressor.compress(&content)?;
        to.write_all(&packed)?;
        frames.push(Frame { packed: packed.len() as u64, content: content.len() as u64 });
    }
    if let Some(table) = seek_table::encode(&frames) {
        to.write_all(&table)?;
    }
    to.set_modified(modified)?;
    to.sync_all()?;
    Ok(to.metadata()?.len())
}

/// Compares what was packed with the plain file, which is about to go.
fn is_same(plain: &Path, packed: &Path) -> io::Result<()> {
    let mut plain = BufReader::with_capacity(BUFFER_BYTES, File::open(plain)?);
    let mut packed = BufReader::new(Decoder::new(File::open(packed)?)?);
    loop {
        let (one, other) = (plain.fill_buf()?, packed.fill_buf()?);
        let length = one.len().min(other.len());
        if one[..length] != other[..length] || (length == 0 && one.len() != other.len()) {
            return Err(io::Error::other("what was packed is not what was read; is the disk damaged?"));
        }
        if length == 0 {
            return Ok(());
        }
        plain.consume(length);
        packed.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::{FileId, is_aside, list, path};
    use super::*;

    /// A file of three frames and a bit.
    fn write_plain(folder: &Path) -> (LogFile, String) {
        let text: String = (0..40_000).map(|number| format!("{{\"event\":{number:0>75}}}\n")).collect();
        assert!(text.len() > 3 * FRAME_BYTES && !text.len().is_multiple_of(FRAME_BYTES));
        let path = path(folder, "a", 1);
        fs::write(&path, &text).expect("writes");
        (LogFile::at(&path).expect("a log file"), text)
    }

    fn read(log: &LogFile, offset: u64) -> String {
        let mut text = String::new();
        log.open_at(offset).and_then(|mut lines| lines.read_to_string(&mut text)).expect("reads");
        text
    }

    #[test]
    fn a_packed_file_is_the_same_file_with_the_same_offsets() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (plain, text) = write_plain(folder.path());
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        File::options().append(true).open(&plain.path).and_then(|file| file.set_modified(long_ago)).expect("sets");
        let id = plain.id().expect("reads");
        assert_eq!(id, Some(FileId::of("a", 1, text.as_bytes())));
        let freed = pack(&plain).expect("packs");
        let listed = list(folder.path()).expect("lists");
        let [packed] = &listed[..] else { panic!("{listed:?}") };
        let on_disk = packed.path.metadata().expect("a file");
        assert!(packed.is_packed() && !plain.path.exists());
        assert_eq!(freed, text.len() as u64 - on_disk.len());
        assert_eq!(packed.modified().expect("reads"), long_ago);
        // Also by who listed the file before it was packed.
        for log in [packed, &plain] {
            assert_eq!((log.id().expect("reads"), log.length().expect("reads")), (id, text.len() as u64));
            for offset in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 7, text.len()] {
                assert_eq!(read(log, offset as u64), text[offset..], "{offset}");
            }
        }
        assert_eq!(read(packed, text.len() as u64 + 5), "");
        assert_eq!(pack(packed).expect("as it was"), 0);
    }

    #[test]
    fn what_zstd_packed_is_read_too_and_what_is_damaged_is_an_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (plain, text) = write_plain(folder.path());
        let log = LogFile::at(&plain.packed_path()).expect("a log file");
        // One frame that does not tell its length, and one that does.
        let mut piped = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        piped.write_all(&text.as_bytes()[..1000]).expect("packs");
        let frames =
            [piped.finish().expect("packs"), zstd::bulk::compress(&text.as_bytes()[1000..], 1).expect("packs")];
        fs::write(&log.path, frames.concat()).expect("writes");
        assert_eq!(log.length().expect("reads"), text.len() as u64);
        assert_eq!(read(&log, 990), text[990..]);
        fs::write(&log.path, &frames.concat()[..5000]).expect("writes");
        let mut text = String::new();
        assert!(log.length().is_err() && log.open_at(1000).is_err());
        assert!(log.open_at(990).and_then(|mut lines| lines.read_to_string(&mut text)).is_err());
    }

    #[test]
    fn a_crash_at_any_step_leaves_every_event_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (plain, text) = write_plain(folder.path());
        let half = folder.path().join("events-a-00000001.packing");
        let once = || {
            let listed = list(folder.path()).expect("lists");
            assert_eq!(listed.iter().map(|log| read(log, 0)).collect::<String>(), text);
            listed.len()
        };
        // Killed while it was written; when it was renamed; and after that, done once more.
        fs::write(&half, "half").expect("writes");
        assert!(is_aside(&half) && once() == 1);
        fs::write(plain.packed_path(), zstd::bulk::compress(text.as_bytes(), 1).expect("packs")).expect("writes");
        assert!(once() == 1 && !list(folder.path()).expect("lists")[0].is_packed());
        pack(&plain).expect("packs");
        assert!(once() == 1 && !half.exists() && !plain.path.exists());
    }

    #[test]
    fn other_bytes_take_the_place_of_a_packed_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (plain, text) = write_plain(folder.path());
        pack(&plain).expect("packs");
        let packed = LogFile::at(&plain.packed_path()).expect("a log file");
        let (before, other) = (packed.modified().expect("reads"), text.replace('7', " "));
        repack(&packed, other.as_bytes()).expect("packs");
        assert_eq!((read(&packed, 0), packed.modified().expect("reads")), (other.clone(), before));
        // What another process packs meanwhile is its own, and what fails leaves nothing.
        let [packing, repacking] =
            ["packing", "repacking"].map(|ending| packed.path.with_extension("").with_extension(ending));
        fs::write(&packing, "half").expect("writes");
        repack(&packed, text.as_bytes()).expect("packs");
        assert_eq!((read(&packed, 0), fs::read(&packing).expect("reads")), (text, b"half".to_vec()));
        assert!(is_aside(&repacking) && !repacking.exists());
        fs::remove_file(&packed.path).and_then(|()| fs::create_dir(&packed.path)).expect("makes");
        assert!(repack(&packed, other.as_bytes()).is_err() && !repacking.exists());
    }
}
