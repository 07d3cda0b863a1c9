//! Artifacts and logs in object stores: a command that is given the URL of one works in a folder that mirrors it.
//!
//! ```text
//! lease (who builds) ─▶ pull ─▶ the command, in the folder ─▶ push ─▶ lease given back
//! ```
//!
//! What a command made is pushed even if it failed: its record, and versions that are not served. The pointers move in the
//! store last, and not if somebody moved them meanwhile. A process that is killed leaves the store as it was; the next
//! command on this machine brings there what it left complete.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ArgMatches;
use jiff::Timestamp;
use shared::contract::event_log::Log;
use shared::objects::lease::{self, LEASE, Lease, RENEW_MS};
use shared::objects::logs::fetch;
use shared::objects::mirror::{Found, look};
use shared::objects::pull::{Need, Seen, pull};
use shared::objects::push::{By, push};
use shared::objects::{Location, ObjectsError, Remote};
use tokio::runtime::{Builder, Runtime};

use crate::mirrored;
use crate::schedule::lock::holder;

/// The lock of a mirror, held while it is compared with the store.
const LOCK: &str = ".mirror.lock";
/// The lock of a process that builds, held as long as it has the lease, whose token stands in it.
const BUILDER: &str = ".builder.lock";
/// The time between two tries to take a lease that another has.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
        let runtime = Builder::new_current_thread().enable_all().build().context("a runtime for the object store")?;
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
            Some(location) => in_mirror(location, access, &self.versions, patience, &runtime, command),
        }
    }

    /// Does what may take long when a command is over: beside whoever builds, with the artifacts as they are now.
    ///
    /// # Errors
    /// What went wrong with the store.
    pub fn after(&self, work: impl FnOnce()) -> anyhow::Result<()> {
        let artifacts = Self { artifacts: self.artifacts.clone(), ..Self::default() };
        artifacts.around(Access::Note(Need::Manifests), Duration::ZERO, || {
            work();
            Ok(())
        })
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
    eprintln!("artifacts: {location}, mirrored in {}", folder.display());
    let (need, held) = match access {
        Access::Read(need) | Access::Note(need) => (need, None),
        Access::Build(need) => (need, Some(Held::take(location, &remote, &folder, patience, runtime)?)),
    };
    let (seen, before) = {
        let _lock = lock(&folder)?;
        let seen = runtime.block_on(pull(&remote, &folder, need, versions, &mut tell))?;
        (seen, look(&folder)?)
    };
    let done = command();
    let published = match access {
        Access::Read(_) => Ok(()),
        Access::Note(_) | Access::Build(_) => publish(&remote, &folder, &before, &seen, held, runtime),
    };
    match (done, published) {
        (Ok(()), published) => published.with_context(|| {
            format!("{}: what was made is here, and not in the store; the next command brings it", folder.display())
        }),
        (Err(error), published) => {
            if let Err(error) = published {
                eprintln!("warning: what was made before it failed is not in the store: {error}");
            }
            Err(error)
        }
    }
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
        runtime.block_on(lease::check(remote, LEASE, &held.token))?;
    }
    let pushed = {
        let _lock = lock(folder)?;
        let by = if held.is_some() { By::Builder } else { By::Noter };
        runtime.block_on(push(remote, folder, before, seen, by, &token(), &mut tell))
    };
    // The file stays locked until the lease is given back.
    let (lease, _builder) = held.map(Held::end).unzip();
    if let Some(lease) = lease
        && let Err(error) = runtime.block_on(lease::give_back(remote, lease))
    {
        eprintln!("warning: others wait until the lease ends by itself: {error}");
    }
    if pushed? {
        eprintln!("published: {}", remote.location());
    }
    Ok(())
}

/// A lease that a thread renews.
struct Held {
    /// As long as it is locked, nobody takes the lease for that of a process that is dead.
    builder: File,
    token: String,
    stop: Sender<()>,
    renewer: JoinHandle<Lease>,
}

impl Held {
    /// Takes the lease. That of a process of this machine that was killed is not waited for.
    fn take(
        location: &Location,
        remote: &Remote,
        folder: &Path,
        patience: Duration,
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        let path = folder.join(BUILDER);
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let open = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let mut builder = open.with_context(|| path.display().to_string())?;
        let (begin, me, token, mut told) = (Instant::now(), holder(), token(), false);
        let lease = loop {
            let taken = match builder.try_lock() {
                // The system's lock ends with its process: who has it here knows that the one before is dead.
                Ok(()) => {
                    let dead = fs::read_to_string(&path).ok();
                    runtime.block_on(lease::take(remote, LEASE, &me, &token, dead.as_deref(), now_ms()))
                }
                Err(_) => Err(ObjectsError::Held {
                    location: location.to_string(),
                    holder: "another process on this machine".to_owned(),
                }),
            };
            match taken {
                Err(ObjectsError::Held { location, holder }) if begin.elapsed() < patience => {
                    if !told {
                        eprintln!("waiting for {location}, which is held by {holder}");
                        told = true;
                    }
                    // Nobody has it who waits.
                    let _ = builder.unlock();
                    std::thread::sleep(LOOK_EVERY);
                }
                taken => break taken?,
            }
        };
        builder
            .set_len(0)
            .and_then(|()| builder.write_all(token.as_bytes()))
            .with_context(|| path.display().to_string())?;
        // A client of its own: connections belong to the runtime that opened them, and that of the command stands still.
        let (remote, (stop, stopped)) = (location.open()?, mpsc::channel());
        let renewer = std::thread::Builder::new().name("lease".to_owned()).spawn(move || {
            let mut lease = lease;
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return lease };
            let every = Duration::from_millis(RENEW_MS.unsigned_abs());
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = runtime.block_on(lease::renew(&remote, &mut lease, now_ms())) {
                    // Whether it still is ours is asked before anything is written.
                    tracing::warn!(%error, "the lease can't be renewed");
                }
            }
            lease
        })?;
        Ok(Self { builder, token, stop, renewer })
    }

    /// Stops renewing. The file is locked until it is dropped.
    fn end(self) -> (Lease, File) {
        // The thread may have ended before.
        let _ = self.stop.send(());
        (self.renewer.join().expect("the thread that renews does not panic"), self.builder)
    }
}

/// Holds a mirror for a comparison with the store; others on this machine wait.
fn lock(folder: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(LOCK);
    let open = || {
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    open().with_context(|| path.display().to_string())
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

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

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
