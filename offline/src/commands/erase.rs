//! `offline erase`: erases users from what lies on disk and in Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use shared::contract::event_log::{Log, LogFile};
use shared::contract::id::UserId;

use super::mirrors::written;
use super::options::{ArtifactsOptions, RedisOptions, SettingsOptions};
use crate::erase::{EraseError, Users, lines, redis, rest, served, versions};
use crate::log::ingest::{Pasts, read};
use crate::outcomes;

/// Erases users from kept versions, the service's logs and Redis. `DELETE /users/{id}` of the service comes first.
#[derive(Debug, Args)]
pub struct EraseArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    output: ArtifactsOptions,
    #[command(flatten)]
    redis: RedisOptions,
    /// The ids of users.
    #[arg(long = "user", value_name = "ID", num_args = 1.., required_unless_present = "users")]
    user: Vec<String>,
    /// A file with an id in each line.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// The event logs, as for `offline run`: files of the service's log are rewritten, others looked through.
    #[arg(long, num_args = 1.., required = true, value_parser = written)]
    events: Vec<PathBuf>,
    /// The log of slates: its folders or files, which may be absent, or empty for none. What is in the folders of
    /// --events is found without.
    #[arg(
        long,
        num_args = 1..,
        value_name = "FOLDER",
        env = "TANDEM_SLATES__PATH",
        default_value = "data/slates",
        value_parser = written
    )]
    slates: Vec<PathBuf>,
    /// The folders in which services without Redis remember slates for feeds, which may be absent.
    #[arg(long, num_args = 1.., value_name = "FOLDER", env = "TANDEM_SERVED__PATH", default_value = "data/served")]
    served: Vec<PathBuf>,
    /// Between the versions and Redis, how many seconds the replicas are given to load the rewritten version.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    settle: u64,
    /// Prints what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// What was done, and what is left.
#[derive(Debug, Default, Serialize)]
struct Done {
    users: usize,
    /// Rows that are gone, by version.
    versions: BTreeMap<String, usize>,
    /// Overwritten lines by file.
    lines: BTreeMap<PathBuf, u64>,
    /// Slates that feeds remembered, overwritten, by file.
    served: BTreeMap<PathBuf, u64>,
    /// How many files of the log of slates were looked through.
    slate_files: usize,
    /// Torn ends and half-packed files that were removed.
    torn_ends: Vec<PathBuf>,
    /// Rejected rows that were dropped.
    rejects: usize,
    redis: Option<redis::Done>,
    /// Users whom logs of the shop's own still name, or may name: the erasures in the event log stay, which hide them.
    still_hidden: usize,
    /// Files that still name one of the users.
    still_named: Vec<PathBuf>,
    /// Ids that are too short to look for in them.
    not_looked_for: usize,
}

/// Erases users.
pub fn erase(args: &EraseArgs) -> anyhow::Result<()> {
    let users = users(args)?;
    let settings = args.settings.load()?;
    let publish = args.redis.over(&settings.run.publish);
    let artifacts = args.output.hold_existing("offline erase")?;
    let mut done = Done { users: users.len(), ..Done::default() };
    // A copy of a file names the same users.
    let files = read::every(&args.events)?.files;
    read::with_packed(&files)?;
    let (of_service, of_shop): (Vec<_>, Vec<_>) = files.iter().partition(|path| LogFile::at(path).is_some());
    let logs: Vec<LogFile> = of_service.into_iter().filter_map(|path| LogFile::at(path)).collect();
    let pasts = Pasts::of_files(&logs).map_err(|source| EraseError::Io { path: args.events[0].clone(), source })?;
    // Until a version has read a merge, what was merged is in the record of its first user, and in Redis it stays there.
    let with_merged: Users = users.iter().cloned().chain(pasts.merges.into_any_of(&users)).collect();
    done.versions = versions::erase(&artifacts, &with_merged)?.into_iter().collect();
    let mut folders: BTreeSet<PathBuf> = args.events.iter().filter(|path| path.is_dir()).cloned().collect();
    // A service that has logged no slate yet has no folder of them; one that can't be looked into is told below.
    let is_there = |path: &&PathBuf| **path != Path::new("") && path.try_exists().unwrap_or(true);
    let of_slates: Vec<PathBuf> = folders.iter().chain(args.slates.iter().filter(is_there)).cloned().collect();
    let slates = outcomes::files(Log::Slates, &of_slates)?;
    done.slate_files = slates.len();
    let hidden = rest::named(&of_shop, &users)?;
    done.served = served::erase(&args.served, &users)?.into_iter().collect();
    // Slates first: they go by no erasure of their own.
    done.lines = lines::erase(&slates, &users, &pasts, &hidden)?;
    done.lines.extend(lines::erase(&logs, &users, &pasts, &hidden)?);
    done.still_hidden = hidden.len();
    folders.extend(logs.iter().chain(&slates).filter_map(|log| log.path.parent().map(Path::to_path_buf)));
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        done.torn_ends.extend(rest::beside(folder, &users)?);
    }
    done.rejects = rest::rejects(artifacts.path(), &users)?;
    if !publish.redis_url.is_empty() {
        if !done.versions.is_empty() {
            std::thread::sleep(Duration::from_secs(args.settle));
        }
        let failed = |source| EraseError::Redis { url: publish.redis_url.clone(), source };
        done.redis = Some(redis::erase(&with_merged, &publish).map_err(failed)?);
    }
    folders.extend(args.served.iter().filter(|folder| folder.is_dir()).cloned());
    let searched: Vec<PathBuf> = files.into_iter().chain(folders).chain([artifacts.path().to_owned()]).collect();
    done.still_named = rest::still_named(&searched, &users)?;
    done.not_looked_for = rest::too_short(&users);
    print(&done, args)?;
    anyhow::ensure!(
        done.still_hidden == 0,
        "{} of the users are, or may be, in logs that are not the service's; the event log keeps their erasures, so that they \
         stay hidden: take them out of those logs, and run the same command again",
        done.still_hidden
    );
    Ok(())
}

fn print(done: &Done, args: &EraseArgs) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string_pretty(done)?);
        return Ok(());
    }
    println!("{} users", done.users);
    done.versions.iter().for_each(|(version, rows)| println!("{version}: {rows} rows gone"));
    done.served.iter().for_each(|(path, slates)| println!("{}: {slates} slates overwritten", path.display()));
    done.lines.iter().for_each(|(path, lines)| println!("{}: {lines} lines overwritten", path.display()));
    done.torn_ends.iter().for_each(|path| println!("{}: removed", path.display()));
    if done.rejects > 0 {
        println!("rejects.jsonl: {} rows gone", done.rejects);
    }
    if let Some(redis) = &done.redis {
        println!("redis: {} keys removed", redis.keys);
        redis.files.iter().for_each(|file| println!("redis: {file}"));
    }
    done.still_named.iter().for_each(|path| println!("STILL NAMED in {}", path.display()));
    if done.not_looked_for > 0 {
        println!(
            "not looked for in files: {} ids, for they are short and stand anywhere by chance",
            done.not_looked_for
        );
    }
    if done.slate_files == 0 {
        println!(
            "the log of slates was not looked at, for none was found; name its folder by --slates if there is one"
        );
    }
    println!("not looked at: backups, user tables, logs of rows, and copies elsewhere");
    Ok(())
}

/// The ids that are asked for, in the form that ids have everywhere.
fn users(args: &EraseArgs) -> anyhow::Result<Users> {
    let listed =
        args.users.as_ref().map(|path| std::fs::read_to_string(path).with_context(|| path.display().to_string()));
    let listed = listed.transpose()?.unwrap_or_default();
    let given = args.user.iter().map(String::as_str).chain(listed.lines().filter(|line| !line.trim().is_empty()));
    let user = |text: &str| UserId::from_outside(text).with_context(|| format!("`{text}` is no id of a user"));
    given.map(user).collect()
}
