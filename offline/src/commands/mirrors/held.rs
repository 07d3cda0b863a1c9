//! The lease of a store while a command builds: taken, renewed by a thread, and ended.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use shared::objects::lease::{self, LEASE, Lease, RENEW_MS};
use shared::objects::{Location, ObjectsError, Remote};
use tokio::runtime::{Builder, Runtime};

use super::token;
use crate::schedule::lock::holder;

/// The lock of a process that builds, held as long as it has the lease, whose token stands in it.
const BUILDER: &str = ".builder.lock";
/// The time between two tries to take a lease that another has.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A lease that a thread renews.
pub(super) struct Held {
    /// As long as it is locked, nobody takes the lease for that of a process that is dead.
    builder: File,
    /// The text that stands in the lease.
    pub token: String,
    stop: Sender<()>,
    renewer: JoinHandle<Lease>,
}

impl Held {
    /// Takes the lease. That of a process of this machine that was killed is not waited for.
    pub fn take(
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
    pub fn end(self) -> (Lease, File) {
        // The thread may have ended before.
        let _ = self.stop.send(());
        (self.renewer.join().expect("the thread that renews does not panic"), self.builder)
    }
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
