//! What `evaluate` and its `--compare` share: the questions, the measurement, and the output of the figures.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use shared::contract::api::Seen;
use shared::engine::snapshot::Snapshot;

use super::recorded::Recording;
use crate::config::Config;
use crate::log::cuts::Parts;
use crate::measure::evaluate::bootstrap::Difference;
use crate::measure::evaluate::questions;
use crate::measure::evaluate::{self, Evaluation, ServedSlate, Setting, Task, Which, report};
use crate::progress::Progress;
use crate::runs::record::{self as recorded, Figure};
use crate::train::train;

/// Options of a measurement: the task, the cut-offs, the seen policy, and the output format.
#[derive(Debug, Args)]
pub struct MeasureOptions {
    /// The task: the next item of a session, all items of the held-out period, or an item of a basket by the others.
    #[arg(long, value_enum)]
    task: Task,
    /// The cut-offs k of the metrics, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "5,10,20")]
    k: Vec<usize>,
    /// The seen policy: allow, exclude_purchased or exclude_all. The default is allow for next-item and basket, and
    /// exclude_all for top-k and --leave-last-out.
    #[arg(long, value_parser = seen)]
    seen: Option<Seen>,
    /// The output format of the figures.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How figures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// JSON.
    Json,
}

fn seen(text: &str) -> Result<Seen, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "expected allow, exclude_purchased or exclude_all".to_owned())
}

/// The two parts of the log, and how the held-out one is turned into questions.
pub struct Questions<'a> {
    parts: &'a Parts,
    task: Task,
    seen: Seen,
    ks: Vec<usize>,
    format: Format,
}

impl<'a> Questions<'a> {
    /// Checks the options and that the held-out part has questions.
    ///
    /// * `leave_last_out`: whether the held-out part is the last event of each user.
    ///
    /// # Errors
    /// When the options don't go together, or there is no question.
    pub fn new(
        options: &MeasureOptions,
        leave_last_out: bool,
        parts: &'a Parts,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let task = match (options.task, leave_last_out) {
            (task, false) => task,
            (Task::NextItem, true) => Task::LastItem,
            (_, true) => anyhow::bail!("--leave-last-out asks for one item: use it with --task next-item"),
        };
        let mut ks = options.k.clone();
        ks.sort_unstable();
        ks.dedup();
        anyhow::ensure!(ks.first().is_some_and(|&k| k > 0), "--k: cut-offs must be at least 1");
        let default_seen = match task {
            Task::NextItem | Task::Basket => Seen::Allow,
            Task::TopK | Task::LastItem => Seen::ExcludeAll,
        };
        let seen = options.seen.unwrap_or(default_seen);
        // Before anything is trained.
        questions::count(&parts.train, &parts.held_out(config), task, seen)?;
        Ok(Self { parts, task, seen, ks, format: options.format })
    }

    /// Evaluates a version on the questions.
    pub fn ask(
        &self,
        config: &Config,
        snapshot: &Snapshot,
        which: Which,
        each_slate: &mut dyn FnMut(&ServedSlate) -> anyhow::Result<()>,
        progress: &mut Progress,
    ) -> anyhow::Result<Evaluation> {
        let Parts { train, held: test, asked } = self.parts;
        let setting = Setting {
            task: self.task,
            which,
            ks: &self.ks,
            seen: self.seen,
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

    /// Trains a version with a config and evaluates it; the version is not kept.
    pub fn train_and_ask(&self, config: &Config, progress: &mut Progress) -> anyhow::Result<Evaluation> {
        let snapshot = train(&self.parts.train, config, progress)?;
        self.ask(config, &snapshot, Which::Served, &mut |_| Ok(()), progress)
    }

    /// Compares two evaluations of the same questions.
    #[must_use]
    pub fn compare(&self, name: String, first: &Evaluation, second: &Evaluation) -> Comparison {
        Comparison { name, cases: second.results[0].cases, differences: first.difference(second, &self.ks) }
    }

    /// What decides the figures beside data and settings, for the record.
    #[must_use]
    pub fn asked(&self) -> Value {
        json!({ "task": self.task, "seen": self.seen, "k": self.ks, "held_out": self.parts.held.fingerprint() })
    }

    /// Notes what came of it: the figures of the served model, those of the others at the last cut-off, and the differences.
    pub fn note(&self, recording: &mut Recording, evaluation: &Evaluation, comparisons: &[Comparison]) {
        let (last, run) = (format!("@{}", self.ks.last().copied().unwrap_or_default()), &mut recording.run);
        for (at, result) in evaluation.results.iter().enumerate() {
            for (name, &value) in result.figures.iter().filter(|(name, _)| at == 0 || name.ends_with(&last)) {
                let interval = result.intervals.get(name);
                let (low, high) = (interval.map(|own| own.low), interval.map(|own| own.high));
                run.metrics.insert(format!("{} {name}", result.model), Figure { value, low, high });
            }
        }
        for Comparison { name, differences, .. } in comparisons {
            for (figure, Difference { mean, interval, .. }) in
                differences.iter().filter(|(name, _)| name.ends_with(&last))
            {
                let figure = format!("{name}: difference {figure}");
                run.metrics.insert(figure, Figure { value: *mean, low: Some(interval.low), high: Some(interval.high) });
            }
        }
        let served = &evaluation.results[0];
        run.questions = Some(recorded::Questions { digest: evaluation.questions.clone(), cases: served.cases as u64 });
        let as_written = |(name, each): (String, Vec<f64>)| {
            (format!("{} {name}", served.model), each.into_iter().map(|value| value as f32).collect())
        };
        recording.replicates.0 = evaluation.replicates(&self.ks).into_iter().map(as_written).collect();
    }

    /// Prints the figures and the differences to them.
    pub fn print(&self, evaluation: &Evaluation, comparisons: &[Comparison]) -> anyhow::Result<()> {
        match self.format {
            Format::Text => {
                print!("{}", report::table(evaluation, &self.ks));
                for comparison in comparisons {
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
}

/// The comparison of two ways to serve the same cases.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The name of the comparison.
    name: String,
    /// How many cases the second one had.
    cases: usize,
    /// The figures of the second minus those of the first.
    differences: BTreeMap<String, Difference>,
}
