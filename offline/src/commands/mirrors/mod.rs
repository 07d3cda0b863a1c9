//! Artifacts and logs in object stores: a command that is given the URL of one works in a folder that mirrors it.
//!
//! ```text
//! lease (who builds) ─▶ pull ─▶ the command, in the folder ─▶ push ─▶ lease given back
//! ```
//!
//! What a command made is pushed even if it failed: its record, and versions that are not served. The pointers move in the
//! store last, and not if somebody moved them meanwhile. A process that is killed leaves the store as it was; the next
//! command on this machine brings there what it left complete.

mod held;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::ArgMatches;
use jiff::Timestamp;
use shared::contract::event_log::Log;
use shared::objects::lease::{self, LEASE};
use shared::objects::logs::fetch;
use shared::objects::mirror::{Found, look};
use shared::objects::pull::{Beside, Need, Seen, pull};
use shared::objects::push::{By, push};
use shared::objects::{Location, ObjectsError, Remote};
use tokio::runtime::{Builder, Runtime};

use self::held::Held;
use crate::mirrored;

/// The lock of a mirror, held while it is compared with the store.
const LOCK: &str = ".mirror.lock";
/// The lock that all commands share that may change something in a mirror, for as long as they work there.
const AT_WORK: &str = ".work.lock";

/// What a command does with artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It reads.
    Read(Need),
    /// It writes what can't be in another's way: records, reports, labels, pointers.
    Note(Need),
    /// It makes versions, or removes some: one at a time, on all machines.
    Build(Need),
}

/// The stores that a command line names.
#[derive(Debug, Default)]
pub struct Mirrors {
    artifacts: Option<Location>,
    /// Logs, as the arguments name them.
    logs: Vec<(Log, Location)>,
    /// Versions that the line names.
    versions: Vec<String>,
}

/// The folder that an argument means: a path, or the mirror of a store.
pub fn mirrored(text: &str) -> Result<PathBuf, String> {
    mirrored::mirrored(text, |name| std::env::var_os(name))
}

/// The path that an argument means where a store will not do. It may be empty, for none.
pub fn local(text: &str) -> Result<PathBuf, String> {
    if Location::is_meant(text) {
        return Err("this has to be a path, not the URL of a store".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// The path of a log that is overwritten, or copied, as its replica writes it; it may be empty, for none.
pub fn written(text: &str) -> Result<PathBuf, String> {
    local(text).map_err(|error| {
        format!("{error}: run it where the replicas write this log; what changes there is shipped to the store again")
    })
}

/// The folder that mirrors a store.
fn mirror_of(location: &Location) -> PathBuf {
    mirrored::mirror_of(location, |name| std::env::var_os(name))
}

/// How long a command line is willing to wait for another batch.
#[must_use]
pub fn patience(matches: &ArgMatches) -> Duration {
    let mut level = Some(matches);
    let mut patience = Duration::ZERO;
    while let Some(matches) = level {
        patience = matches.try_get_one::<Duration>("wait").ok().flatten().copied().unwrap_or(patience);
        level = matches.subcommand().map(|(_, matches)| matches);
    }
    patience
}

impl Mirrors {
    /// Those of a command line, and of the variables that stand for its arguments.
    #[must_use]
    pub fn of(matches: &ArgMatches) -> Self {
        let mut mirrors = Self::default();
        let mut level = Some(matches);
        while let Some(matches) = level {
            let texts = |id: &str| {
                let raw = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
                raw.filter_map(OsStr::to_str).map(str::to_owned).collect::<Vec<String>>()
            };
            let stores = |id: &str| texts(id).iter().filter_map(|text| text.parse().ok()).collect::<Vec<Location>>();
            mirrors.artifacts = stores("artifacts").pop().or(mirrors.artifacts);
            for (log, id) in [(Log::Events, "events"), (Log::Slates, "slates")] {
                mirrors.logs.extend(stores(id).into_iter().map(|location| (log, location)));
            }
            mirrors.versions.extend(["version", "to"].into_iter().flat_map(texts));
            level = matches.subcommand().map(|(_, matches)| matches);
        }
        mirrors
    }

    /// The folders that mirror them, with the URLs that were given.
    #[must_use]
    pub fn stores(&self) -> BTreeMap<PathBuf, String> {
        let all = self.logs.iter().map(|(_, location)| location).chain(&self.artifacts);
        all.map(|location| (mirror_of(location), location.to_string())).collect()
    }

    /// Runs a command in the folders that mirror its stores.
    ///
    /// * `patience`: how long to wait for another that builds.
    ///
    /// # Errors
    /// Those of the command, or what went wrong with a store.
    pub fn around(
        &self,
        access: Access,
        patience: Duration,
        command: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if self.artifacts.is_none() && self.logs.is_empty() {
            return command();
        }
        let runtime = runtime()?;
        for (log, location) in &self.logs {
            let folder = mirror_of(location);
            let what = match log {
                Log::Events => "events",
                Log::Slates => "slates",
            };
            eprintln!("{what}: {location}, mirrored in {}", folder.display());
            let remote = location.open()?;
            let _lock = lock(&folder)?;
            runtime.block_on(fetch(&remote, *log, &folder, &mut tell))?;
        }
        match &self.artifacts {
            None => command(),
            Some(location) => {
                eprintln!("artifacts: {location}, mirrored in {}", mirror_of(location).display());
                in_mirror(location, access, &self.versions, patience, &runtime, command)
            }
        }
    }

    /// Does what may take long when a command is over: beside whoever builds, with the artifacts as they are now.
    ///
    /// # Errors
    /// What went wrong with the store.
    pub fn after(&self, work: impl FnOnce()) -> anyhow::Result<()> {
        let done = || {
            work();
            Ok(())
        };
        match &self.artifacts {
            None => done(),
            Some(location) => {
                in_mirror(location, Access::Note(Need::Manifests), &[], Duration::ZERO, &runtime()?, done)
            }
        }
    }
}

fn in_mirror(
    location: &Location,
    access: Access,
    versions: &[String],
    patience: Duration,
    runtime: &Runtime,
    command: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (remote, folder) = (location.open()?, mirror_of(location));
    let (need, held) = match access {
        Access::Read(need) | Access::Note(need) => (need, None),
        Access::Build(need) => (need, Some(Held::take(location, &remote, &folder, patience, runtime)?)),
    };
    let bring = || {
        let _lock = lock(&folder)?;
        let (beside, at_work) = beside(&folder)?;
        let seen = runtime.block_on(pull(&remote, &folder, need, beside, versions, &mut tell))?;
        // Who only reads leaves nothing to others that they might take for theirs.
        let at_work = (!matches!(access, Access::Read(_))).then_some(at_work);
        Ok::<_, anyhow::Error>((seen, look(&folder)?, at_work))
    };
    let (seen, before, _at_work) = match bring() {
        Ok(brought) => brought,
        Err(error) => {
            held.into_iter().for_each(|held| give_back(&remote, held, runtime));
            return Err(error);
        }
    };
    let done = command();
    let published = match access {
        Access::Read(_) => Ok(()),
        Access::Note(_) | Access::Build(_) => publish(&remote, &folder, &before, &seen, held, runtime),
    };
    match (done, published) {
        (Ok(()), published) => published.map_err(|error| match error.downcast_ref() {
            // That was given up, and says so.
            Some(ObjectsError::Conflict { .. }) => error,
            _ => error.context(waits_in(&folder)),
        }),
        (Err(error), published) => {
            if let Err(error) = published {
                eprintln!("warning: what was made before it failed is not in the store: {error}");
            }
            Err(error)
        }
    }
}

/// What becomes of what a command made, where it could not be brought to the store.
fn waits_in(folder: &Path) -> String {
    format!("{}: what was made is here, and not in the store; the next command brings it", folder.display())
}

/// Brings to the store what the command made, and lets others build.
fn publish(
    remote: &Remote,
    folder: &Path,
    before: &Found,
    seen: &Seen,
    held: Option<Held>,
    runtime: &Runtime,
) -> anyhow::Result<()> {
    // One that slept too long finds out before it writes. The lease is renewed until all is there.
    if let Some(held) = &held {
        runtime.block_on(lease::check(remote, LEASE, &held.token)).with_context(|| waits_in(folder))?;
    }
    let pushed = {
        let _lock = lock(folder)?;
        let by = if held.is_some() { By::Builder } else { By::Noter };
        runtime.block_on(push(remote, folder, before, seen, by, &token(), &mut tell))
    };
    held.into_iter().for_each(|held| give_back(remote, held, runtime));
    if pushed? {
        eprintln!("published: {}", remote.location());
    }
    Ok(())
}

/// Lets others build.
fn give_back(remote: &Remote, held: Held, runtime: &Runtime) {
    // The file stays locked until the lease is given back.
    let (lease, _builder) = held.end();
    if let Err(error) = runtime.block_on(lease::give_back(remote, lease)) {
        eprintln!("warning: others wait until the lease ends by itself: {error}");
    }
}

/// What waits for a store.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("a runtime for the object store")
}

/// Holds a mirror for a comparison with the store; others on this machine wait.
fn lock(folder: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(LOCK);
    let open = || {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    open().with_context(|| path.display().to_string())
}

/// Who else works in a mirror, and the lock that tells others that this command does. The mirror must be held, so that no two
/// commands ask at once.
fn beside(folder: &Path) -> anyhow::Result<(Beside, File)> {
    let path = folder.join(AT_WORK);
    let ask = || {
        // For reading, too: a network's file system shares no lock of a file that is open for writing alone.
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        let beside = match file.try_lock() {
            Ok(()) => Beside::Nobody,
            Err(TryLockError::WouldBlock) => Beside::Others,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        if beside == Beside::Nobody {
            file.unlock()?;
        }
        file.lock_shared()?;
        Ok((beside, file))
    };
    ask().with_context(|| path.display().to_string())
}

/// Says what is on its way.
fn tell(name: &str, bytes: u64) {
    eprintln!("  {name}: {:.1} MB", bytes as f64 / 1e6);
}

/// A text that no other process has.
fn token() -> String {
    let now = Timestamp::now();
    format!("{now}-{:016x}", RandomState::new().hash_one((now, std::process::id())))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    #[test]
    fn a_command_knows_of_others_in_its_folder_until_they_are_over() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let asked = || beside(folder.path()).expect("asks");
        let (first, at_work) = asked();
        let (second, too) = asked();
        drop(at_work);
        assert_eq!((first, second, asked().0), (Beside::Nobody, Beside::Others, Beside::Others));
        drop(too);
        assert_eq!(asked().0, Beside::Nobody);
    }

    #[test]
    fn a_store_is_refused_where_a_path_is_asked_for() {
        assert_eq!(local("log"), Ok(PathBuf::from("log")));
        assert_eq!(local(""), Ok(PathBuf::new()));
        assert_eq!(written("log"), local("log"));
        assert!(local("s3://shop/log").expect_err("a store").contains("has to be a path"));
        assert!(written("s3://shop/log").expect_err("a store").contains("where the replicas write this log"));
    }

    #[test]
    fn the_stores_of_a_command_line_are_found_at_each_level() {
        let argument = |name: &'static str| Arg::new(name).long(name).num_args(1..);
        let command = Command::new("offline").arg(argument("other").num_args(1)).subcommand(
            ["artifacts", "events", "slates"].map(argument).into_iter().fold(Command::new("run"), Command::arg),
        );
        let line =
            "offline --other s3://x/y run --artifacts s3://shop/a --events log gs://shop/log --slates s3://shop/log"
                .split(' ');
        let mirrors = Mirrors::of(&command.try_get_matches_from(line).expect("a command line"));
        assert_eq!(mirrors.artifacts.expect("is there").to_string(), "s3://shop/a");
        let logs: Vec<_> = mirrors.logs.iter().map(|(log, location)| (*log, location.to_string())).collect();
        assert_eq!(logs, [(Log::Events, "gs://shop/log".to_owned()), (Log::Slates, "s3://shop/log".to_owned())]);
    }
}
