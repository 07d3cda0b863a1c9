//! Commands that measure on held-out events.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use shared::api::Seen;
use shared::artifact::Manifest;
use shared::snapshot::Snapshot;
use shared::source::Source;

use super::{Then, build, create, read};
use crate::arguments::{Format, HeldOutInput, Output};
use crate::config::Config;
use crate::cuts::{Parts, last_part};
use crate::evaluate::bootstrap::Difference;
use crate::evaluate::questions::{self, NothingToMeasure};
use crate::evaluate::{self, Evaluation, ServedSlate, Setting, Task, Which, report};
use crate::export;
use crate::ingest::Log;
use crate::progress::Progress;
use crate::split::{self, Cut};
use crate::train::train;

/// The share of the events that is held out where no split is given.
const HELD_OUT_SHARE: f64 = 0.1;

/// What an evaluation is asked for besides its input.
pub struct Wanted<'a> {
    /// The task.
    pub task: Task,
    /// Cut-offs.
    pub ks: &'a [usize],
    /// The seen policy.
    pub seen: Option<Seen>,
    /// Table or JSON.
    pub format: Format,
    /// Where to keep the version.
    pub artifacts: Option<&'a Path>,
    /// Redis to copy its user records to.
    pub redis: Option<String>,
    /// Where to write the slates.
    pub slates: Option<&'a Path>,
    /// Where to write the held-out events.
    pub test_events: Option<&'a Path>,
    /// Whether to train and measure without each of the sources.
    pub leave_one_out: bool,
}

impl Wanted<'_> {
    /// The seen policy of the questions.
    fn seen(&self) -> Seen {
        self.seen.unwrap_or(if self.task == Task::NextItem { Seen::Allow } else { Seen::ExcludeAll })
    }

    /// Refuses held-out events without a question before anything is trained.
    fn ensure_questions(&self, parts: &Parts, config: &Config) -> Result<usize, NothingToMeasure> {
        questions::count(&parts.train, &parts.held_out(config), self.task, self.seen())
    }
}

/// Trains on one part, measures on the other, prints the figures.
pub fn evaluate(
    config: &Config,
    input: &HeldOutInput,
    wanted: &Wanted<'_>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let artifacts = wanted.artifacts.unwrap_or(temporary.path());
    fs::create_dir_all(artifacts).with_context(|| artifacts.display().to_string())?;
    let parts = read_parts(config, input, artifacts, progress)?;
    wanted.ensure_questions(&parts, config)?;
    if let Some(path) = wanted.test_events {
        let mut out = create(path)?;
        export::events(&parts.held, &mut out)?;
        out.flush()?;
    }
    let ks = ascending(wanted.ks)?;
    let logs = Logs { parts: &parts, ks: &ks, wanted };
    let output = Output { artifacts: artifacts.to_owned(), redis: wanted.redis.clone() };
    let version = build(&parts.train, config, &output, Then::Promote, progress)?;
    let snapshot = Snapshot::load(&artifacts.join(&version))?;
    let mut slates = wanted.slates.map(create).transpose()?;
    let mut write = |slate: &ServedSlate| match &mut slates {
        Some(out) => Ok(writeln!(out, "{}", serde_json::to_string(slate)?)?),
        None => Ok(()),
    };
    let evaluation = logs.measure(config, &snapshot, Which::All, &mut write, progress)?;
    slates.as_mut().map_or(Ok(()), Write::flush)?;
    let mut comparisons = Vec::new();
    let left_out = if wanted.leave_one_out { &Source::ALL[..] } else { &[] };
    for &source in left_out.iter().filter(|source| !config.blend.off.contains(source)) {
        let mut without = config.clone();
        without.blend.off.push(source);
        let name = format!("without {}", source.as_str());
        let other = progress.group(&name, |progress| logs.train_and_measure(&without, progress))?;
        comparisons.push(Comparison::of(name, &evaluation, &other, &ks));
    }
    print(&evaluation, comparisons, &ks, wanted.format)
}

/// Measures two versions, or two configs, on the same questions and prints the figures of both and their differences.
pub fn compare(
    preset: Option<&str>,
    input: &HeldOutInput,
    pair: &[PathBuf],
    wanted: &Wanted<'_>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let [first, second] = pair else { anyhow::bail!("--compare takes two versions or two configs") };
    let temporary = tempfile::tempdir()?;
    let config_of = |path: &Path| match path.is_dir() {
        true => Config::of_version(&Manifest::read(path)?.config, &Config::load(None, preset)?)
            .with_context(|| format!("{}: the config of the version", path.display())),
        false => Ok(Config::load(Some(path), preset)?),
    };
    let read_by = |config: &Config| serde_json::to_value((&config.ingest, &config.items));
    let (one, other) = (config_of(first)?, config_of(second)?);
    anyhow::ensure!(
        read_by(&one)? == read_by(&other)?,
        "{} and {} differ in [ingest] or [items]: questions are the same only where the log is read the same way",
        first.display(),
        second.display()
    );
    let parts = read_parts(&one, input, temporary.path(), progress)?;
    wanted.ensure_questions(&parts, &one)?;
    for path in pair.iter().filter(|path| path.is_dir()) {
        ensure_unseen(path, &parts.train, &parts.held)?;
    }
    let ks = ascending(wanted.ks)?;
    let logs = Logs { parts: &parts, ks: &ks, wanted };
    let mut measure = |path: &Path, config: &Config| {
        progress.group(&path.display().to_string(), |progress| match path.is_dir() {
            true => logs.measure(config, &Snapshot::load(path)?, Which::Served, &mut |_| Ok(()), progress),
            false => logs.train_and_measure(config, progress),
        })
    };
    let (a, b) = (measure(first, &one)?, measure(second, &other)?);
    let cases = [&a, &b].map(|evaluation| evaluation.results[0].cases);
    anyhow::ensure!(
        cases[0] == cases[1],
        "{} has {} cases and {} has {}: one knows users of whom the other knows nothing; train both on the same log",
        first.display(),
        cases[0],
        second.display(),
        cases[1]
    );
    let name = format!("{} to {}", first.display(), second.display());
    let comparison = Comparison::of(name, &a, &b, &ks);
    print(&a, vec![comparison], &ks, wanted.format)
}

/// A version may be asked only about what came after its log: of any other it knows the answers.
fn ensure_unseen(version: &Path, train: &Log, test: &Log) -> anyhow::Result<()> {
    let (manifest, begin_ms) = (Manifest::read(version)?, test.first_ms());
    let before = manifest.last_event_ms < begin_ms && train.last_ms() < begin_ms;
    anyhow::ensure!(
        before || manifest.data_fingerprint == train.fingerprint(),
        "{}: was trained on events up to {}, and the held-out ones begin at {begin_ms} (milliseconds since the epoch); \
         build it with `offline train --until {begin_ms}`, or compare configs",
        version.display(),
        manifest.last_event_ms
    );
    Ok(())
}

/// What is learnt from and what is asked.
struct Logs<'a> {
    parts: &'a Parts,
    ks: &'a [usize],
    wanted: &'a Wanted<'a>,
}

impl Logs<'_> {
    fn measure(
        &self,
        config: &Config,
        snapshot: &Snapshot,
        which: Which,
        each_slate: &mut dyn FnMut(&ServedSlate) -> anyhow::Result<()>,
        progress: &mut Progress,
    ) -> anyhow::Result<Evaluation> {
        let Self { parts: Parts { train, held: test, asked }, ks, wanted } = self;
        let setting = Setting {
            task: wanted.task,
            which,
            ks,
            seen: wanted.seen(),
            gap_ms: config.gap_ms(),
            asked: *asked,
            windows_days: &config.sources.popularity.windows_days,
        };
        let mut failed = None;
        let evaluation = progress.counted("evaluate", test.users.len() as u64, |done| {
            let mut write = |slate: &ServedSlate| failed = each_slate(slate).err().or(failed.take());
            evaluate::evaluate(snapshot, train, test, &setting, &mut write, &|users| done(users))
        });
        failed.map_or(Ok(evaluation), |error| Err(error.context("writing slates")))
    }

    fn train_and_measure(&self, config: &Config, progress: &mut Progress) -> anyhow::Result<Evaluation> {
        let snapshot = train(&self.parts.train, config, progress)?;
        self.measure(config, &snapshot, Which::Served, &mut |_| Ok(()), progress)
    }
}

/// Two ways to serve the same cases.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Which.
    pub name: String,
    /// How many cases the second one had.
    pub cases: usize,
    /// The second one's figures less the first one's.
    pub differences: BTreeMap<String, Difference>,
}

impl Comparison {
    fn of(name: String, first: &Evaluation, second: &Evaluation, ks: &[usize]) -> Self {
        Self { name, cases: second.results[0].cases, differences: first.difference(second, ks) }
    }
}

fn ascending(ks: &[usize]) -> anyhow::Result<Vec<usize>> {
    let mut ks = ks.to_vec();
    ks.sort_unstable();
    ks.dedup();
    anyhow::ensure!(ks.first().is_some_and(|&k| k > 0), "--k: cut-offs must be at least 1");
    Ok(ks)
}

fn print(evaluation: &Evaluation, comparisons: Vec<Comparison>, ks: &[usize], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Text => {
            print!("{}", report::table(evaluation, ks));
            for comparison in &comparisons {
                print!("{}", report::differences(&comparison.name, &comparison.differences));
            }
        }
        Format::Json => {
            let mut json = serde_json::to_value(evaluation)?;
            json["comparisons"] = serde_json::to_value(comparisons)?;
            println!("{json:#}");
        }
    }
    Ok(())
}

/// Reads what is learnt from and what is held out: two logs, or one that is cut as the arguments say.
pub(super) fn read_parts(
    config: &Config,
    input: &HeldOutInput,
    artifacts: &Path,
    progress: &mut Progress,
) -> anyhow::Result<Parts> {
    let rejects = artifacts.join("rejects.jsonl");
    let items = input.items.as_deref();
    if !input.train.is_empty() {
        let train = read(&input.train, items, config, &rejects, progress)?;
        let test = read(&input.test, None, config, &artifacts.join("rejects_test.jsonl"), progress)?;
        return Ok(Parts::in_time(train, test));
    }
    let log = read(&input.events, items, config, &rejects, progress)?;
    let cut = match input.split {
        _ if input.leave_last_out => {
            let two_events = !split::of_users(&log, 0.0, 1).is_empty();
            anyhow::ensure!(two_events, "--leave-last-out: no user of the log has two events");
            Cut::LAST_EVENTS
        }
        Some(split_ms) => {
            let at = log.events.partition_point(|event| event.timestamp_ms < split_ms);
            anyhow::ensure!(
                at > 0 && at < log.events.len(),
                "--split {split_ms}: no events on one side; the log reaches from {} to {} (milliseconds since the epoch)",
                log.first_ms(),
                log.last_ms()
            );
            Cut::Time(at..log.events.len())
        }
        None => {
            let cut = last_part(&log, HELD_OUT_SHARE);
            cut.context("nothing can be held out: all events are of one time, and no user has two")?
        }
    };
    if matches!((&cut, input.leave_last_out), (Cut::Users { .. }, false)) {
        eprintln!("held out: the last tenth of each user's events, as times say too little to cut the log in time");
    }
    Ok(Parts::of(&log, &cut))
}
