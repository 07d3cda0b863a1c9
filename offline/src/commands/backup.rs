//! `offline backup` and `offline restore`: a shop on disk, saved and brought back.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::Args;
use indicatif::DecimalBytes;

use super::mirrors::written;
use super::options::ArtifactsOptions;
use crate::backup::{self, Contents, Part};
use crate::progress::Progress;
use crate::publish::Artifacts;
use crate::score::registry;

/// Where the service keeps what it writes.
#[derive(Debug, Args)]
struct LogOptions {
    /// The folder of the service's event log; several for those of several replicas, or with files that were moved away.
    /// In the same order for both commands.
    #[arg(long, value_name = "FOLDER", num_args = 1.., env = "TANDEM_EVENTS__PATH", default_value = "data/events")]
    events: Vec<PathBuf>,
    /// The folder of the rows that models remember; it may be absent.
    #[arg(long, value_name = "FOLDER", env = "TANDEM_MODELS__ROWS", default_value = "data/rows")]
    rows: PathBuf,
    /// The folder of the log of slates; it may be absent, or empty for none.
    #[arg(
        long,
        value_name = "FOLDER",
        env = "TANDEM_SLATES__PATH",
        default_value = "data/slates",
        value_parser = written
    )]
    slates: PathBuf,
}

/// Saves versions, event logs, the rows of models and the log of slates to a new folder. Services and their Redis go on meanwhile.
#[derive(Debug, Args)]
pub struct BackupArgs {
    #[command(flatten)]
    artifacts: ArtifactsOptions,
    #[command(flatten)]
    logs: LogOptions,
    /// The folder of the backup, which must be new or empty.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

/// Checks a backup, and restores it into empty folders.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    artifacts: ArtifactsOptions,
    #[command(flatten)]
    logs: LogOptions,
    /// The folder of the backup.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// Only checks that every file is what was saved.
    #[arg(long)]
    check: bool,
}

/// Saves a shop.
pub fn backup(args: &BackupArgs, progress: &mut Progress) -> anyhow::Result<()> {
    // Nothing is built, pruned or erased while this copies. A pointer that moves meanwhile moves between versions that are
    // all saved.
    let held = args.artifacts.hold_existing("offline backup")?;
    let models = registry::models(held.path())?;
    let hold = |name: &String| registry::hold(held.path(), name, "offline backup", args.artifacts.patience());
    let of_models: Vec<Artifacts> = models.iter().map(hold).collect::<Result<_, _>>()?;
    for folder in &args.logs.events {
        ensure!(folder.is_dir(), "{}: no folder; name that of the event log by --events", folder.display());
    }
    let mut parts = parts(&args.artifacts, &args.logs);
    parts.retain(|part| part.folder.is_dir());
    let contents = progress.counted("backup", 0, |done| backup::save(&parts, &args.to, done))?;
    drop((held, of_models));
    println!("{}: {}", args.to.display(), told(&contents));
    Ok(())
}

/// Restores a shop.
pub fn restore(args: &RestoreArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let contents = progress.stage("check", || backup::check(&args.from))?;
    println!("{}: {}, every one as it was saved", args.from.display(), told(&contents));
    if args.check {
        return Ok(());
    }
    let parts = parts(&args.artifacts, &args.logs);
    let held = args.artifacts.hold("offline restore")?;
    let _pointers = held.pointers()?;
    let total = contents.bytes();
    let files = progress.counted("restore", total, |done| backup::restore(&args.from, &contents, &parts, done))?;
    println!("{files} files restored; start the service, which fills its store from the log");
    println!("users who were erased since the backup are in it again: `offline erase --users` with their ids");
    Ok(())
}

/// What is saved, versions before the logs that they were learnt from.
fn parts(artifacts: &ArtifactsOptions, logs: &LogOptions) -> Vec<Part> {
    let part = |name: &str, folder: &PathBuf| Part { name: name.to_owned(), folder: folder.clone() };
    let mut parts = vec![part("artifacts", &artifacts.artifacts)];
    for (number, folder) in (1..).zip(&logs.events) {
        parts.push(part(&if number == 1 { "events".to_owned() } else { format!("events-{number}") }, folder));
    }
    parts.push(part("rows", &logs.rows));
    if logs.slates != Path::new("") {
        parts.push(part("slates", &logs.slates));
    }
    parts
}

fn told(contents: &Contents) -> String {
    format!("{} files, {}", contents.files.len(), DecimalBytes(contents.bytes()))
}
