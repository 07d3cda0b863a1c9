//! `offline score train`: trains a model, measures it on held-out rows, and stores it as a version.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::contract::artifact::manifest::hex;
use shared::engine::tabular::live::Kept;
use shared::engine::tabular::manifest::{Importance, ModelManifest, Output};
use shared::engine::tabular::schema::{Field, FieldKind};

use crate::commands::options::{ArtifactsOptions, MlflowOptions};
use crate::commands::recorded::{Recorder, Recording, files};
use crate::progress::Progress;
use crate::runs::record::{Data, Figure, Questions, Status};
use crate::score::build::{Built, build};
use crate::score::columns::Mixed;
use crate::score::config::ModelConfig;
use crate::score::contest::Outcome;
use crate::score::measure;
use crate::score::registry::{Schema, Stored, store};
use crate::score::table::Table;
use crate::score::threshold::Missed;

/// Trains a model, measures it on rows that are held out, and makes it the champion unless it is worse.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    artifacts: ArtifactsOptions,
    /// Promotes the version even if it expects other fields than the champion.
    #[arg(long)]
    allow_schema_change: bool,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What a model is made of.
#[derive(Debug, Args)]
pub struct ModelOptions {
    /// The model's config; `offline score defaults` prints every setting. Of several files each lies over those before it.
    #[arg(long)]
    config: Vec<PathBuf>,
    /// The preset of a known system: loan-default, credit-score, bank-products, click-through; the config lies over it.
    #[arg(long)]
    preset: Option<String>,
    /// The rows: files, folders or patterns; CSV, Parquet or JSON.
    #[arg(long, num_args = 1.., required = true)]
    data: Vec<PathBuf>,
}

impl ModelOptions {
    /// Reads the config.
    pub fn config(&self) -> anyhow::Result<ModelConfig> {
        Ok(ModelConfig::load(&self.config, self.preset.as_deref())?)
    }

    /// Reads the rows, and warns of what can't be read.
    pub fn read(&self, config: &ModelConfig, progress: &mut Progress) -> anyhow::Result<Table> {
        let table = progress.stage("read", || Table::read(&self.data, config))?;
        if let Some((rows, first)) = &table.unreadable {
            eprintln!("warning: {rows} rows can't be read and are left out; the first: {first}");
        }
        for name in &table.absent {
            let there = table.names.join(", ");
            eprintln!("warning: [columns] ignores `{name}`, which the rows don't have; they have: {there}");
        }
        Ok(table)
    }

    /// What the rows are, for the record.
    pub fn data_of(&self, table: &Table) -> Data {
        let unreadable = table.unreadable.as_ref().map_or(0, |(rows, _)| *rows);
        let counts = [("rows", table.rows), ("columns", table.names.len()), ("unreadable", unreadable)];
        Data {
            fingerprint: table.fingerprint(),
            files: files(self.data.iter().map(PathBuf::as_path)),
            counts: counts.map(|(name, count)| (name.to_owned(), count as u64)).into(),
            first_event_ms: None,
            last_event_ms: None,
        }
    }
}

/// Trains, measures and stores.
pub fn train(args: &TrainArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    let config = args.model.config()?;
    let mlflow = MlflowOptions::of_environment()?;
    recorder.record("score train", Some(&args.artifacts.artifacts), &mlflow, progress, |recording, progress| {
        recorded(args, &config, recording, progress)
    })
}

fn recorded(
    args: &TrainArgs,
    config: &ModelConfig,
    recording: &mut Recording,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let table = args.model.read(config, progress)?;
    recording.run.model = Some(config.name.clone());
    recording.learns(args.model.data_of(&table), json!(config), &Value::Null);
    let mut built = build(&table, config, progress)?;
    eprint!("{}", warnings(&built));
    let schema = if args.allow_schema_change { Schema::Any } else { Schema::Same };
    let now = Timestamp::now().as_millisecond();
    let (folder, patience) = (&args.artifacts.artifacts, args.artifacts.patience());
    let stored = progress.stage("store", || store(folder, &mut built, &table, schema, now, patience))?;
    note(recording, &built, &stored);
    if args.json {
        let manifest = built.model.manifest();
        let result = json!({
            "model": manifest.name, "version": stored.version, "champion": stored.promoted, "rows": manifest.rows,
            "metrics": built.metrics, "labels": labels(built.model.manifest(), &built), "contest": stored.outcome,
            "challenge": stored.challenge.as_ref().map(ToString::to_string),
        });
        println!("{result:#}");
    } else {
        print!("{}", report(&built, &stored));
    }
    Ok(())
}

/// Notes what came of it.
fn note(recording: &mut Recording, built: &Built, stored: &Stored) {
    let Recording { run, replicates, .. } = recording;
    let figure = |(name, figure): (&&'static str, &measure::Figure)| {
        let (low, high) = (Some(figure.interval.low), Some(figure.interval.high));
        ((*name).to_owned(), Figure { value: figure.value, low, high })
    };
    run.metrics = built.metrics.iter().map(figure).collect();
    let as_written = |(name, each): (&&'static str, &Vec<f64>)| {
        ((*name).to_owned(), each.iter().map(|value| *value as f32).collect())
    };
    replicates.0 = built.replicates.iter().map(as_written).collect();
    run.questions = run.data.as_ref().map(|data| {
        let mut digest = Sha256::new_with_prefix(&data.fingerprint);
        built.parts.test.iter().for_each(|row| digest.update((*row as u64).to_le_bytes()));
        Questions { digest: hex(&digest.finalize()), cases: built.parts.test.len() as u64 }
    });
    run.gate = Some(json!(stored.outcome));
    run.version = Some(stored.version.clone());
    run.champion = Some(stored.promoted);
    if !stored.promoted {
        (run.status, run.reason) = (Status::Refused, Some(told(&stored.outcome).trim().to_owned()));
    }
}

/// From so many levels on a category that has another one in most rows is suspicious.
const MANY_LEVELS: usize = 100;

fn warnings(built: &Built) -> String {
    let manifest = built.model.manifest();
    let mut text = String::new();
    for Mixed { column, rows, text: found } in &built.mixed {
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "warning: `{column}` is taken for a category: {rows} of its values are no numbers, such as {found:?}; if that \
             stands for a missing value, add it to `missing`"
        );
    }
    for output in manifest.outputs.iter().filter(|output| positives(output, "train") == 0) {
        let _ = writeln!(text, "warning: no training row is a positive of `{}`: it is never predicted", output.label);
    }
    let rows: u64 = manifest.rows.values().sum();
    for field in &manifest.schema {
        if let FieldKind::Category { count, .. } = &field.kind
            && *count >= MANY_LEVELS
            && 2 * *count as u64 > rows
        {
            let _ = writeln!(
                text,
                "warning: `{}` has {count} levels in {rows} rows: most are seen once. Prices and times are written as numbers \
                 and in ISO 8601 (or with a format in [columns]); what names a row is an \"id\"",
                field.name
            );
        }
    }
    let counts = built.model.followed().iter().filter(|followed| followed.kept == Kept::Count);
    for at in counts.filter_map(|followed| Timestamp::from_millisecond(followed.end_ms).ok()) {
        if at > Timestamp::now() {
            let _ = writeln!(
                text,
                "warning: a row is of {at}, which is to come: the service counts no row before that; if it is a slip, leave \
                 the row out"
            );
        }
    }
    for (label, Missed { what, at_least, threshold, reached }) in &built.missed {
        let _ = writeln!(
            text,
            "warning: no threshold gives `{label}` a {what} of {at_least} on the validation rows: the nearest one, {threshold:.4}, \
             gives {reached:.4}; if that is too little, [threshold] may go by another goal"
        );
    }
    for leak in &built.leaks {
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "warning: `{}` alone tells the label (ROC AUC {:.4}): is it known when a row is scored? If not, set it to \
             \"ignored\" in [columns]",
            manifest.name_of(&leak.columns),
            leak.roc_auc
        );
    }
    text
}

/// The schema, the metrics and the outcome, for people.
fn report(built: &Built, stored: &Stored) -> String {
    let manifest = built.model.manifest();
    let mut text = String::new();
    let width = manifest.schema.iter().map(|field| field.name.len()).max().unwrap_or(0).max(5);
    let _ = writeln!(text, "{:width$}  type      nulls  values", "field");
    for field in &manifest.schema {
        let (kind, values) = described(field);
        let _ = writeln!(text, "{:width$}  {kind:8}  {:>5}  {values}", field.name, field.nulls);
    }
    for derived in &manifest.parameters.derived {
        let _ = writeln!(text, "{:width$}  derived", derived.name);
    }
    for (name, reason) in &built.ignored {
        let _ = writeln!(text, "{name:width$}  ignored          {reason}");
    }
    for name in &built.ids {
        let _ = writeln!(text, "{name:width$}  id");
    }
    let part = |name: &str| {
        let rows = manifest.rows.get(name).copied().unwrap_or_default();
        let positives = match &manifest.outputs[..] {
            [output] => format!(" ({} positive)", positives(output, name)),
            _ => String::new(),
        };
        format!("{rows} {name}{positives}")
    };
    let _ = writeln!(text, "\nrows: {}, {}, {}", part("train"), part("valid"), part("test"));
    let _ = writeln!(text, "on the test rows, with 95% intervals:");
    for (name, figure) in &built.metrics {
        let digits = if figure.value.abs() >= 100.0 { 0 } else { 4 };
        let (value, low, high) = (figure.value, figure.interval.low, figure.interval.high);
        let _ = writeln!(text, "  {name:18} {value:.digits$}  [{low:.digits$}, {high:.digits$}]");
    }
    match &manifest.outputs[..] {
        [output] => {
            let _ = writeln!(text, "  threshold          {:.4}", output.threshold);
            let _ = writeln!(text, "looked at most: {}", looked_at(output, 8));
        }
        outputs => text.push_str(&of_labels(outputs, built)),
    }
    text.push_str(&told(&stored.outcome));
    let place = if stored.promoted { "champion" } else { "challenger" };
    let _ = writeln!(text, "{place}: {} {}", manifest.name, stored.version);
    if let Some(became) = &stored.challenge {
        let _ = writeln!(text, "{became}");
    }
    text
}

/// A line for each of several labels.
fn of_labels(outputs: &[Output], built: &Built) -> String {
    let width = outputs.iter().map(|output| output.label.len()).max().unwrap_or(0);
    let mut text = format!("\n{:width$}    train     test  ROC AUC  threshold  looked at most\n", "label");
    for output in outputs {
        let area = built.of_labels.get(&output.label).map_or(0.0, |figures| figures["roc_auc"].value);
        let [train, test] = ["train", "test"].map(|part| positives(output, part));
        let (label, threshold, most) = (&output.label, output.threshold, looked_at(output, 3));
        let _ = writeln!(text, "{label:width$} {train:>8} {test:>8}   {area:.4}     {threshold:.4}  {most}");
    }
    text
}

/// How many rows of a part are positives.
fn positives(output: &Output, part: &str) -> u64 {
    output.positives.get(part).copied().unwrap_or_default()
}

/// The fields with the largest gains.
fn looked_at(output: &Output, most: usize) -> String {
    let named = |own: &Importance| format!("{} {:.0}%", own.field, 100.0 * own.share);
    output.importance.iter().take(most).map(named).collect::<Vec<_>>().join(", ")
}

/// Label by label what was decided, and of several how good each is.
fn labels(manifest: &ModelManifest, built: &Built) -> Value {
    let of = |output: &Output| {
        let mut own = json!({ "threshold": output.threshold, "positives": output.positives });
        if let Some(metrics) = built.of_labels.get(&output.label) {
            own["metrics"] = json!(metrics);
        }
        (output.label.clone(), own)
    };
    Value::Object(manifest.outputs.iter().map(of).collect())
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::First => String::new(),
        Outcome::Unreadable { against, reason } => format!("the champion {against} could not be compared: {reason}\n"),
        Outcome::OtherSchema { against, difference } => format!(
            "it expects other rows than the champion {against}: {difference}; if its clients know, \
             --allow-schema-change promotes it\n"
        ),
        Outcome::Contested { against, cases, champion, new, difference, .. } => format!(
            "log-loss on {cases} test rows: {new:.4}, the champion {against} {champion:.4}, difference {:+.4} [{:+.4}, {:+.4}]\n",
            difference.mean, difference.interval.low, difference.interval.high
        ),
    }
}

/// The type of a field, and its values.
fn described(field: &Field) -> (&'static str, String) {
    const SHOWN: usize = 6;
    let few = |levels: &[String], count: usize| {
        let shown: Vec<&str> = levels.iter().take(SHOWN).map(String::as_str).collect();
        let more = if count > SHOWN { ", ..." } else { "" };
        format!("{count} levels: {}{more}", shown.join(", "))
    };
    match &field.kind {
        FieldKind::Number { min, max, .. } => ("number", format!("{min} to {max}")),
        FieldKind::Ordinal { levels } => ("ordinal", few(levels, levels.len())),
        FieldKind::Category { count, levels, .. } => ("category", few(levels, *count)),
        FieldKind::Key { .. } => ("key", String::new()),
        FieldKind::Time { .. } => ("time", field.example.to_string()),
    }
}
