//! Processes that may not be children of this one: named so that no other is taken for them.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::replace;

/// A process: its number, and when it started, since numbers come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The number.
    pub pid: i32,
    /// Ticks of the kernel from its boot to the start; absent where the system does not tell.
    pub start: Option<u64>,
    /// The boot.
    pub boot: String,
}

impl Process {
    /// Names a process that runs now.
    #[must_use]
    pub fn of(pid: i32) -> Self {
        Self { pid, start: start_of(pid), boot: boot() }
    }

    /// Reads what a file names.
    #[must_use]
    pub fn read(folder: &Path, name: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok()
    }

    /// Writes it to a file, durably.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(), ArtifactError> {
        let text = serde_json::to_string(self).map_err(|error| ArtifactError::shape(folder, error.to_string()))?;
        replace(folder, name, &text)
    }

    fn is_there(&self) -> bool {
        self.boot == boot() && self.start == start_of(self.pid)
    }

    /// Sends a signal, if the process is still there; whether it is.
    pub fn signal(&self, signal: Signal) -> bool {
        let there = Pid::from_raw(self.pid).filter(|_| self.is_there());
        there.is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    /// Sends a signal to all processes of its group, if it is still there.
    pub fn signal_group(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_there()) {
            // They may end meanwhile.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// When a process started: the 22nd field of its line, the 20th behind its name, which may hold anything.
fn start_of(pid: i32) -> Option<u64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    line.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// This program. One that was replaced while it runs is the new one.
///
/// # Errors
/// That of the system, which does not tell.
pub fn program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    // So Linux tells of a file that is no longer there.
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(replaced.filter(|new| new.is_file()).unwrap_or(path))
}

/// The boot of this machine, the same in all its containers; empty where the system does not tell.
#[must_use]
pub fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_started_at_another_time_is_another_one() {
        let own = Process::of(i32::try_from(std::process::id()).expect("a number"));
        assert!(own.is_there() && own.start.is_some());
        let other = Process { start: own.start.map(|start| start + 1), ..own.clone() };
        assert!(!other.is_there());
        assert!(!Process { boot: "another".to_owned(), ..own }.is_there());
        // Must not end the tests.
        assert!(!other.signal(Signal::KILL));
    }
}
