//! The process that watches over one run: it starts the job, bounds what it prints, ends it when it takes too long or is
//! told to, and writes down how it ended.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use shared::contract::artifact::ArtifactError;
use shared::contract::artifact::manifest::{replace, sync_folder};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep, timeout};

use super::process::{Process, program};
use super::{BEGUN, CHILD, ENDED, Ended, How, LOCK, ORDER, Order, STDERR, STDOUT, output};

/// The variable that names the record of a run.
const RUN_ID: &str = "TANDEM_RUN_ID";
/// How often the files of what a job prints are looked at.
const BOUND_EVERY: Duration = Duration::from_millis(100);

/// Why a run can't be watched over.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// A file of the run can't be read or written.
    #[error(transparent)]
    Io(#[from] ArtifactError),
    /// The order is none.
    #[error("{path}: {reason}; `offline schedule` writes it and starts this command", path = .0, reason = .1)]
    Order(String, String),
}

/// Does what the order of a folder says, unless it was begun before.
///
/// # Errors
/// [`SuperviseError`] for what has to be written and can't be.
pub async fn supervise(folder: &Path) -> Result<(), SuperviseError> {
    let path = folder.join(ORDER);
    let text = fs::read(&path).map_err(ArtifactError::io(&path))?;
    let order: Order = serde_json::from_slice(&text)
        .map_err(|error| SuperviseError::Order(path.display().to_string(), error.to_string()))?;
    let path = folder.join(LOCK);
    let lock = File::options().read(true).append(true).create(true).open(&path).map_err(ArtifactError::io(&path))?;
    // Another one has it.
    if lock.try_lock().is_err() {
        return Ok(());
    }
    if !begun(folder).map_err(ArtifactError::io(folder.join(BEGUN)))? {
        return Ok(());
    }
    let begun_ms = Timestamp::now().as_millisecond();
    let how = match run(&order, folder, &lock).await {
        Ok(how) => how,
        Err(error) => How::NotStarted(error.to_string()),
    };
    let ended = Ended { how, begun_ms, ended_ms: Timestamp::now().as_millisecond() };
    let text = serde_json::to_string(&ended).map_err(|error| ArtifactError::shape(folder, error.to_string()))?;
    replace(folder, ENDED, &text)?;
    // Whoever finds the lock free finds how the run ended.
    drop(lock);
    Ok(())
}

/// Writes down that the run begins; whether it had not before.
fn begun(folder: &Path) -> io::Result<bool> {
    let mut file = match File::create_new(folder.join(BEGUN)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    let own = Process::of(i32::try_from(std::process::id()).unwrap_or_default());
    file.write_all(serde_json::to_string(&own)?.as_bytes())?;
    file.sync_all()?;
    sync_folder(folder).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(true)
}

async fn run(order: &Order, folder: &Path, lock: &File) -> io::Result<How> {
    let id = folder.file_name().unwrap_or_default();
    let mut stops = signal(SignalKind::terminate())?;
    let (out, err) = (output::open(folder, STDOUT)?, output::open(folder, STDERR)?);
    let mut command = Command::new(program()?);
    // The lock is held as long as one of the two has it open.
    command.args(&order.command).env(RUN_ID, id).stdin(Stdio::from(lock.try_clone()?));
    let mut child = command.stdout(out).stderr(err).process_group(0).spawn()?;
    let process = Process::of(child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default());
    // Without it, only a job whose supervisor was killed can't be ended.
    let _ = process.write(folder, CHILD);
    let limit = order.output_kib << 10;
    let bounds = tokio::spawn(keep_bound(folder.to_owned(), limit));
    let how = tokio::select! {
        biased;
        _ = stops.recv() => {
            end(&mut child, &process, order).await?;
            How::Stopped
        }
        status = child.wait() => told(status?),
        () = sleep(Duration::from_millis(order.timeout_ms)) => {
            end(&mut child, &process, order).await?;
            How::TimedOut
        }
    };
    bounds.abort();
    // Its last words may have been many.
    bound(folder, limit);
    Ok(how)
}

/// Bounds what a job prints for as long as it runs.
async fn keep_bound(folder: PathBuf, limit: u64) {
    let mut ticks = interval(BOUND_EVERY);
    loop {
        ticks.tick().await;
        bound(&folder, limit);
    }
}

fn bound(folder: &Path, limit: u64) {
    for name in [STDOUT, STDERR] {
        // What the disk does not take now is tried again.
        let _ = output::bound(folder, name, limit);
    }
}

/// Ends the job: SIGTERM, and SIGKILL when it takes its time.
async fn end(child: &mut Child, process: &Process, order: &Order) -> io::Result<()> {
    process.signal_group(Signal::TERM);
    if let Ok(status) = timeout(Duration::from_millis(order.kill_grace_ms), child.wait()).await {
        return status.map(|_| ());
    }
    process.signal_group(Signal::KILL);
    child.wait().await.map(|_| ())
}

fn told(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exited(code),
        (None, signal) => How::Killed(signal.unwrap_or_default()),
    }
}
