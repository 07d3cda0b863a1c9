//! `offline recommend`: the slates that the service would answer, for all users or those of a file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use shared::contract::artifact::manifest::{MANIFEST, sha256};
use shared::contract::expression::Expression;
use shared::contract::id::ItemId;
use shared::contract::seen::SeenPolicy;
use shared::engine::retention::Retention;
use shared::engine::snapshot::Snapshot;

use super::build::now_ms;
use super::mirrors::mirrored;
use super::options::{time_ms, version_named};
use super::outputs::apart;
use crate::bulk::BulkError;
use crate::bulk::live::{self, Ends, Since};
use crate::bulk::query::{Asked, query};
use crate::bulk::rows::json;
use crate::bulk::slates::{Counts, Erased, Service, Write as WritePart, answer};
use crate::bulk::unfinished::{Begun, Unfinished, folder_of};
use crate::bulk::users::{List, Users};
use crate::log::ingest::DAY_MS;
use crate::progress::Progress;

/// Writes the slates of many users: what the service would answer.
#[derive(Debug, Args)]
pub struct RecommendArgs {
    #[command(flatten)]
    version: VersionOptions,
    /// The users: a table with a column of ids (CSV, JSON lines, Parquet), or a file with an id a line. All users that the
    /// version has a record of if absent, but for those who were erased since.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// The column of users, if its name is not a usual one.
    #[arg(long, value_name = "NAME", requires = "users")]
    user_column: Option<String>,
    /// The file to write: .jsonl, a line a user, or .parquet, a row an item; `-` for JSON lines to standard output. A run that
    /// was killed goes on when it is called again as it was.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The most items of a slate.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    k: u16,
    /// Only items for which this holds, such as `price < 50 and brand in ("Acme", "Bo")`.
    #[arg(long, value_name = "EXPRESSION", value_parser = expression)]
    filter: Option<Expression>,
    /// Only items of this category.
    #[arg(long)]
    category: Option<String>,
    /// Not these items, separated by commas.
    #[arg(long, value_name = "ITEM", value_delimiter = ',', value_parser = item)]
    exclude: Vec<ItemId>,
    /// Which items of a user's past may be recommended: allow, exclude_purchased, exclude_all, or for how many days an event
    /// keeps its item out, such as transaction:30,addtocart:7.
    #[arg(long, default_value = "exclude_purchased")]
    seen: SeenPolicy,
    #[command(flatten)]
    history: HistoryOptions,
}

/// Which version.
#[derive(Debug, Args)]
pub struct VersionOptions {
    /// The artifacts folder, or s3://BUCKET/PREFIX, gs:// or az://.
    #[arg(long, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    pub artifacts: PathBuf,
    /// The version, or an alias of one; the champion if absent.
    #[arg(long)]
    pub version: Option<String>,
}

/// What is known of users beside the version.
#[derive(Debug, Args)]
pub struct HistoryOptions {
    /// The event log of the service: the folders of all replicas, or s3://BUCKET/PREFIX, where they ship theirs. What users did
    /// since the version was built counts as in the service, and so do changes of items. Without it, the version alone counts.
    #[arg(id = "events", long = "log", num_args = 1.., value_name = "FOLDER", value_parser = mirrored)]
    pub log: Vec<PathBuf>,
    /// How many of a user's last events count: history.max_events of the service.
    #[arg(long, default_value_t = 100, requires = "events", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_events: u16,
    /// How many items of older events are remembered: history.max_older of the service.
    #[arg(long, default_value_t = 1000, requires = "events", value_parser = clap::value_parser!(u16).range(0..=10_000))]
    max_older: u16,
    /// After how many days an event expires: history.ttl_days of the service.
    #[arg(long, default_value_t = 90, requires = "events", value_parser = clap::value_parser!(u16).range(1..=3650))]
    ttl_days: u16,
    /// The time of all slates, milliseconds since the epoch or a date; when the run begins if absent.
    #[arg(long, value_parser = time_ms)]
    pub now: Option<i64>,
}

impl HistoryOptions {
    /// The bounds of live histories.
    fn retention(&self) -> Retention {
        let [max_events, max_older] = [self.max_events, self.max_older].map(usize::from);
        Retention { max_events, max_older, ttl_ms: i64::from(self.ttl_days) * DAY_MS }
    }

    /// Reads the logs.
    ///
    /// * `unfinished`: the folder of the run, for an error.
    ///
    /// # Errors
    /// [`BulkError`] when they can't be read.
    pub fn since(&self, snapshot: &Snapshot, ends: &Ends, now_ms: i64, unfinished: &Path) -> Result<Since, BulkError> {
        let since = live::since(&self.log, ends, snapshot.covered(), self.retention(), now_ms, unfinished)?;
        if since.bad_lines > 0 {
            eprintln!(
                "warning: {} lines of the logs are no events to this release; they are passed over",
                since.bad_lines
            );
        }
        Ok(since)
    }
}

impl RecommendArgs {
    fn asked(&self) -> Asked {
        Asked {
            k: usize::from(self.k),
            seen: self.seen.clone(),
            filter: self.filter.clone(),
            category: self.category.clone(),
            exclude: self.exclude.clone(),
        }
    }

    /// What decides the slates beside the version, by the names of the options.
    fn arguments(&self, version: &Path) -> anyhow::Result<BTreeMap<String, String>> {
        let manifest = version.join(MANIFEST);
        let users = match &self.users {
            Some(path) => format!("a file of {}", sha256(path).with_context(|| path.display().to_string())?),
            None => "all".to_owned(),
        };
        let logs: Vec<String> = self.history.log.iter().map(|folder| folder.display().to_string()).collect();
        let excluded: Vec<&str> = self.exclude.iter().map(ItemId::as_str).collect();
        let given = [
            ("the manifest", Some(sha256(&manifest).with_context(|| manifest.display().to_string())?)),
            ("--users", Some(users)),
            ("--user-column", self.user_column.clone()),
            ("--k", Some(self.k.to_string())),
            ("--filter", self.filter.as_ref().map(ToString::to_string)),
            ("--category", self.category.clone()),
            ("--exclude", Some(excluded.join(",")).filter(|items| !items.is_empty())),
            ("--seen", Some(self.seen.to_string())),
            ("--log", Some(logs.join(" ")).filter(|logs| !logs.is_empty())),
            ("--max-events", Some(self.history.max_events.to_string())),
            ("--max-older", Some(self.history.max_older.to_string())),
            ("--ttl-days", Some(self.history.ttl_days.to_string())),
        ];
        Ok(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}

/// Writes the slates.
pub fn recommend(args: &RecommendArgs, progress: &mut Progress) -> anyhow::Result<()> {
    apart(args.users.iter().cloned(), &[("--out", Some(&args.out))])?;
    let version = version_named(&args.version.artifacts, args.version.version.as_deref())?;
    let folder = args.version.artifacts.join(&version);
    let snapshot = Arc::new(progress.stage("version", || Snapshot::load(&folder))?);
    // Before anything is begun that could not be done.
    query(&args.asked(), &snapshot).map_err(BulkError::from)?;
    let list = args.users.as_deref().map(|path| List::open(path, args.user_column.as_deref())).transpose()?;
    if let Some(list) = &list {
        eprintln!("users: column `{}` of {}", list.column(), list.path().display());
    }
    let users = list.map_or(Users::OfVersion(snapshot.users()), Users::Listed);
    let rows = users.count()?;
    if let Some(first) = rows.first {
        eprintln!("warning: {} rows have no id of a user and get no slate, the first of them {first}", rows.left_out);
    }
    let now_ms = args.history.now.unwrap_or_else(now_ms);
    let begun = Begun { version, arguments: args.arguments(&folder)?, now_ms, ends: live::ends(&args.history.log)? };
    let run = Run { args, snapshot: &snapshot, users: &users, total: rows.users };
    if args.out == Path::new("-") {
        let mut out = std::io::stdout().lock();
        let mut counts = Counts::default();
        run.answer(&begun, 0, progress, &mut |lines, own| {
            counts = counts.plus(own);
            let mut write = || lines.iter().try_for_each(|line| out.write_all(&json(line, &begun.version)?));
            write().map_err(|source| BulkError::Io { path: "standard output".into(), source })
        })?;
        out.flush()?;
        eprintln!("{}", told(counts, &begun.version));
        return Ok(());
    }
    let mut file = Unfinished::begin(&args.out, begun, args.history.now)?;
    let (begun, done) = (file.begun().clone(), file.done());
    let skip = done.counts.users + done.counts.erased;
    if done.parts > 0 {
        eprintln!("{}: goes on behind {skip} users", args.out.display());
    }
    run.answer(&begun, skip, progress, &mut |lines, counts| file.add(lines, counts))?;
    let done = progress.stage("file", || file.finish())?;
    println!("{}: {}", args.out.display(), told(done.counts, &begun.version));
    Ok(())
}

/// What a run answers.
struct Run<'a> {
    args: &'a RecommendArgs,
    snapshot: &'a Arc<Snapshot>,
    users: &'a Users<'a>,
    total: u64,
}

impl Run<'_> {
    /// Answers the users behind the first `skip`.
    fn answer(
        &self,
        begun: &Begun,
        skip: u64,
        progress: &mut Progress,
        write: &mut WritePart<'_>,
    ) -> anyhow::Result<()> {
        let Self { args, snapshot, users, total } = *self;
        let since = match args.history.log.is_empty() {
            true => Since::default(),
            false => progress
                .stage("logs", || args.history.since(snapshot, &begun.ends, begun.now_ms, &folder_of(&args.out)))?,
        };
        let changed = snapshot.with_changes(&since.changes);
        let query = query(&args.asked(), &changed).map_err(BulkError::from)?;
        let erased = if args.users.is_some() { Erased::Answered } else { Erased::LeftOut };
        let service = Service { snapshot: &changed, query: &query, since: &since, now_ms: begun.now_ms, erased };
        let start = Instant::now();
        progress.counted("slates", total, |done| answer(service, users, skip, write, done))?;
        let (answered, seconds) = (total.saturating_sub(skip), start.elapsed().as_secs_f64());
        eprintln!("  {answered} users in {seconds:.1} s: {:.0} users/s", answered as f64 / seconds.max(1e-9));
        Ok(())
    }
}

/// What became of the users, in words.
fn told(counts: Counts, version: &str) -> String {
    let Counts { users, non_personal, unknown, erased } = counts;
    let mut text = format!("{users} slates of {version}, {non_personal} of them not personal");
    for (count, what) in [(unknown, "of users of whom nothing is known"), (erased, "left out, of erased users")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

fn expression(text: &str) -> Result<Expression, String> {
    Expression::parse(text).map_err(|error| error.to_string())
}

/// Reads the id of an item.
pub fn item(text: &str) -> Result<ItemId, String> {
    ItemId::from_outside(text).map_err(|error| error.to_string())
}
