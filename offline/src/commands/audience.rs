//! `offline audience`: who would like some items.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::Args;
use shared::contract::id::{ItemId, ItemIdx};
use shared::contract::nearest::{existing, nearest};
use shared::contract::seen::{Seen, SeenPolicy};
use shared::engine::snapshot::Snapshot;

use super::build::now_ms;
use super::options::version_named;
use super::outputs::{apart, write};
use super::recommend::{HistoryOptions, VersionOptions, item};
use crate::bulk::BulkError;
use crate::bulk::audience::{Bounds, audience as audience_of};
use crate::bulk::live::{self, Since};
use crate::bulk::members::{lines, table};
use crate::bulk::query::{Asked, query};
use crate::bulk::rows::Format;
use crate::bulk::slates::{Erased, Service};
use crate::bulk::users::{List, Users};
use crate::progress::Progress;

/// Finds the users who would like some items: those with the highest probability of the ranker.
#[derive(Debug, Args)]
pub struct AudienceArgs {
    #[command(flatten)]
    version: VersionOptions,
    /// An item; may be given more than once, and all items cost one pass over the users.
    #[arg(long, value_name = "ID", required_unless_present = "items", value_parser = item)]
    item: Vec<ItemId>,
    /// A file with the id of an item a line.
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// The most users of an item.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    k: u32,
    /// The least probability, 0 to 1.
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.0)]
    min_score: f32,
    /// The users among whom to look, as for `offline recommend`; all that the version has a record of if absent.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// The column of users, if its name is not a usual one.
    #[arg(long, value_name = "NAME", requires = "users")]
    user_column: Option<String>,
    /// Who is left out for an item of their past: allow (nobody), exclude_purchased, exclude_all, or for how many days an event
    /// counts, such as transaction:30. Who blocked it always is.
    #[arg(long, default_value_t = SeenPolicy::Word(Seen::ExcludePurchased))]
    seen: SeenPolicy,
    /// The file to write: .jsonl or .parquet, a row an item and user; `-` for JSON lines to standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    history: HistoryOptions,
}

/// Finds and writes them.
pub fn audience(args: &AudienceArgs, progress: &mut Progress) -> anyhow::Result<()> {
    ensure!((0.0..=1.0).contains(&args.min_score), "--min-score {}: it must be from 0 to 1", args.min_score);
    let is_stream = args.out == Path::new("-");
    let format = if is_stream { Format::JsonLines } else { Format::of(&args.out)? };
    let inputs = args.users.iter().chain(&args.items).cloned();
    apart(inputs, &[("--out", Some(&args.out))])?;
    let parent = args.out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(BulkError::NoFolder(parent.to_owned()).into());
    }
    let version = version_named(&args.version.artifacts, args.version.version.as_deref())?;
    let snapshot = Arc::new(progress.stage("version", || Snapshot::load(&args.version.artifacts.join(&version)))?);
    let Some(ranker) = &snapshot.params().ranker else {
        bail!(
            "{version} has no ranker, by whose probabilities users are compared; set ranker.kind and `offline run` again"
        );
    };
    let list = args.users.as_deref().map(|path| List::open(path, args.user_column.as_deref())).transpose()?;
    if let Some(list) = &list {
        eprintln!("users: column `{}` of {}", list.column(), list.path().display());
    }
    let users = list.map_or(Users::OfVersion(snapshot.users()), Users::Listed);
    let total = users.count()?.users;
    let now_ms = args.history.now.unwrap_or_else(now_ms);
    let ends = live::ends(&args.history.log)?;
    let since = match args.history.log.is_empty() {
        true => Since::default(),
        false => progress.stage("logs", || args.history.since(&snapshot, &ends, now_ms, parent))?,
    };
    let changed = snapshot.with_changes(&since.changes);
    let (ids, items) = items(args, &changed)?;
    let asked =
        Asked { k: ranker.candidates, seen: args.seen.clone(), filter: None, category: None, exclude: Vec::new() };
    let query = query(&asked, &changed).map_err(BulkError::from)?;
    let service = Service { snapshot: &changed, query: &query, since: &since, now_ms, erased: Erased::LeftOut };
    let bounds = Bounds { most: args.k as usize, least: args.min_score };
    let found = progress.counted("users", total, |done| audience_of(service, &items, &users, bounds, done))?;
    match (is_stream, format) {
        (true, _) => lines(&ids, &found, &mut std::io::stdout().lock())?,
        (false, Format::JsonLines) => write(&args.out, |out| lines(&ids, &found, out))?,
        (false, Format::Parquet) => table(&ids, &found, &args.out)?,
    }
    let counts = ids.iter().zip(&found.of_items).map(|(id, users)| format!("{id}: {} users", users.len()));
    let told = format!(
        "{} users asked by {version}, {} of them without a past to go by; {}",
        found.asked,
        found.without_past,
        counts.take(10).collect::<Vec<_>>().join(", ")
    );
    if is_stream {
        eprintln!("{told}");
    } else {
        println!("{}: {told}", args.out.display());
    }
    Ok(())
}

/// The items, each once, in the order given.
fn items(args: &AudienceArgs, snapshot: &Snapshot) -> anyhow::Result<(Vec<ItemId>, Vec<ItemIdx>)> {
    let mut ids = args.item.clone();
    if let Some(path) = &args.items {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            ids.push(ItemId::from_outside(line).with_context(|| format!("{}: {line:?}", path.display()))?);
        }
        ensure!(!ids.is_empty(), "{}: no line has the id of an item", path.display());
    }
    let (table, mut found) = (snapshot.items(), Vec::new());
    let mut once = Vec::new();
    for id in ids {
        let Some(item) = table.index(id.as_str()) else {
            let all = (0..table.len() as u32).map(|item| table.id(ItemIdx(item)));
            bail!("the version does not know the item {:?}; {}", id.as_str(), existing(&nearest(id.as_str(), all)));
        };
        if !found.contains(&item) {
            found.push(item);
            once.push(id);
        }
    }
    Ok((once, found))
}
