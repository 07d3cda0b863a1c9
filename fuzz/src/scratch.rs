//! Folders in memory, for what the product reads from files alone.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A copy of a folder, one of whose files is exchanged at a time.
pub struct Scratch {
    folder: TempDir,
    files: Vec<(String, Vec<u8>)>,
}

impl Scratch {
    /// An empty folder.
    pub fn empty() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { folder: folder.expect("a temporary folder"), files: Vec::new() }
    }

    /// A copy of a golden folder.
    pub fn of_golden(name: &str) -> Self {
        let mut scratch = Self::empty();
        scratch.files = files(&golden(name));
        scratch.files.iter().for_each(|(name, bytes)| scratch.put(name, bytes));
        scratch
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Counts a file that was written into the folder among those that are exchanged.
    pub fn take_up(&mut self, name: &str) {
        self.files.push((name.to_owned(), fs::read(self.path().join(name)).expect("reads")));
    }

    /// Writes a file anew; what maps the old one keeps it.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        // It may not be there yet.
        let _ = fs::remove_file(&path);
        fs::write(path, bytes).expect("writes");
    }

    /// Calls `work` while the bytes stand in the place of one of the files, which the first of them chooses.
    pub fn with(&self, bytes: &[u8], work: impl FnOnce(&Path)) {
        let Some((first, rest)) = bytes.split_first() else { return };
        let (name, own) = &self.files[usize::from(*first) % self.files.len()];
        self.put(name, rest);
        work(self.path());
        self.put(name, own);
    }

    /// For each of the files, the bytes that choose and hold it.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let seed = |(at, (_, bytes)): (usize, &(String, Vec<u8>))| [&[at as u8], &bytes[..]].concat();
        self.files.iter().enumerate().map(seed).collect()
    }
}

/// A golden folder.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/golden").join(name)
}

/// The files of a folder by their names.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut files: Vec<_> = paths.map(|path| (name(&path), fs::read(&path).expect("reads"))).collect();
    files.sort();
    files
}
