//! `offline evaluate --compare`: measures two versions, or two configs, on the same questions.

use std::path::{Path, PathBuf};

use anyhow::Context;
use shared::contract::artifact::Manifest;
use shared::engine::snapshot::Snapshot;

use super::evaluate::EvaluateArgs;
use super::held_out::read_parts;
use super::measure::Questions;
use super::options::rejects_of;
use super::recorded::{Recording, data_of};
use crate::config::Config;
use crate::log::ingest::Log;
use crate::measure::evaluate::Which;
use crate::progress::Progress;

/// Measures both and prints the figures of the first, and the differences of the second from the first.
pub fn compare(
    args: &EvaluateArgs,
    [first, second]: [&PathBuf; 2],
    recording: &mut Recording,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let preset = args.settings.preset.as_deref();
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
    let parts = read_parts(&one, &args.held_out, rejects_of, progress)?;
    for path in args.compare.iter().filter(|path| path.is_dir()) {
        ensure_unseen(path, &parts.train, &parts.held)?;
    }
    let questions = Questions::new(&args.measure, args.held_out.leave_last_out, &parts, &one)?;
    recording.learns(data_of(&parts.train), serde_json::to_value((&one, &other))?, &questions.asked());
    let mut measure = |path: &Path, config: &Config| {
        progress.group(&path.display().to_string(), |progress| match path.is_dir() {
            true => questions.ask(config, &Snapshot::load(path)?, Which::Served, &mut |_| Ok(()), progress),
            false => questions.train_and_ask(config, progress),
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
    let comparisons = [questions.compare(name, &a, &b)];
    questions.note(recording, &a, &comparisons);
    questions.print(&a, &comparisons)
}

/// Checks that a version was trained before the held-out events, or on exactly the training part: else it has seen the
/// answers.
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
