//! `offline report`: a page about a shop's data, the version that was learnt from it, and what has changed.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use jiff::tz::TimeZone;
use shared::contract::artifact::manifest::read_champion;
use shared::contract::artifact::{ArtifactError, Manifest};

use super::mirrors::mirrored;
use super::options::{Input, SettingsOptions, rejects_of, time_ms, time_zone};
use super::outcomes::OutcomesOptions;
use super::outputs::{apart, page_of, write_made};
use super::read::read;
use crate::config::Config;
use crate::log::ingest::Log;
use crate::log::ingest::read::every;
use crate::outcomes::Logs;
use crate::progress::Progress;
use crate::report::html::page;
use crate::report::{Against, Figures, Report, Wanted, report as report_on, text};
use crate::runs::Run;

/// Writes a page about a shop's data and a version: what the log is like, how good the version is, and what has changed.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    input: Input,
    /// The artifacts folder, which holds the versions.
    #[arg(long, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    artifacts: PathBuf,
    /// The version; the champion if absent. Where there is none, the report is on the log alone.
    #[arg(long)]
    version: Option<String>,
    /// What changes are counted from: a version, or a date or time in milliseconds; the champion before if absent.
    #[arg(long, value_name = "VERSION|DATE")]
    since: Option<String>,
    /// The figures on unseen events, as `offline evaluate --format json` prints them. Left out, they are measured: on the events
    /// after the version's own, or by training once more without the end of the log.
    #[arg(long, value_name = "FILE")]
    evaluation: Option<PathBuf>,
    /// Leaves the figures on unseen events out.
    #[arg(long, conflicts_with = "evaluation")]
    no_measure: bool,
    /// The time zone of hours and days, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    time_zone: TimeZone,
    /// The log of slates, for what came of them: its folders or files, or s3://BUCKET/PREFIX, where replicas ship
    /// theirs. The service's files among --events say what happened.
    #[arg(long, num_args = 1.., value_name = "FOLDER", value_parser = mirrored)]
    slates: Vec<PathBuf>,
    #[command(flatten)]
    outcomes: OutcomesOptions,
    /// The file that is written; `reports/VERSION.html` in the artifacts folder if absent, where the service finds it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Prints the figures as JSON, and writes no page unless --out says where.
    #[arg(long)]
    json: bool,
}

/// Looks at log and version, and writes the page.
pub fn report(args: &ReportArgs, progress: &mut Progress) -> anyhow::Result<()> {
    let version = version(args)?;
    let out = match (&args.out, &version) {
        (Some(out), _) => Some(out.clone()),
        (None, Some(version)) if !args.json => Some(page_of(&args.artifacts, version)),
        (None, _) => None,
    };
    if let Some(out) = &out {
        // Noticed before the work, not at its end.
        anyhow::ensure!(!out.is_dir(), "{}: is a folder; --out is a file, such as report.html", out.display());
    }
    let (events, beside) = (args.input.events.iter().cloned(), args.input.beside());
    apart(events.chain(beside.paths()).chain(args.evaluation.clone()), &[("--out", out.as_deref())])?;
    let config = config(args, version.as_deref())?;
    let log = read(&args.input.events, args.input.beside(), &config, &rejects_of("rejects"), progress)?;
    let wanted = Wanted {
        artifacts: &args.artifacts,
        version: version.as_deref(),
        since: args.since.as_deref().map_or(Against::ChampionBefore, since),
        figures: match &args.evaluation {
            Some(path) => Figures::Of(path),
            None if args.no_measure => Figures::None,
            None => Figures::Measure,
        },
        zone: args.time_zone.clone(),
        fingerprint: log.fingerprint(),
        outcomes: None,
    };
    let logs = match args.slates.is_empty() {
        true => None,
        false => Some(Logs::find(&args.slates, &every(&args.input.events)?.files)?),
    };
    let wanted = Wanted { outcomes: logs.as_ref().map(|logs| (logs, args.outcomes.settings())), ..wanted };
    let found = report_on(&log, &config, &wanted, progress)?;
    for note in &found.notes {
        eprintln!("note: {note}");
    }
    if let Some(out) = &out {
        write_page(out, &found)?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print!("{}", text::text(&found));
        out.iter().for_each(|out| println!("report: {}", out.display()));
    }
    Ok(())
}

/// Writes the page of a version that a batch has just published. A batch has done what it was to do without it.
///
/// * `run`: the batch, as far as it has come.
pub fn of_batch(
    artifacts: &Path,
    version: &str,
    log: &Log,
    config: &Config,
    run: &Run,
    zone: &TimeZone,
    progress: &mut Progress,
) {
    let wanted = Wanted {
        artifacts,
        version: Some(version),
        since: Against::ChampionBefore,
        figures: Figures::None,
        zone: zone.clone(),
        fingerprint: run.data.as_ref().map_or_else(|| log.fingerprint(), |data| data.fingerprint.clone()),
        outcomes: None,
    };
    let out = page_of(artifacts, version);
    let written = report_on(log, config, &wanted, progress).map_err(anyhow::Error::from).and_then(|found| {
        let run = Run { stages: progress.stages().to_vec(), ..run.clone() };
        write_page(&out, &Report { run: Some(run), ..found })
    });
    match written {
        Ok(()) => println!("report: {}", out.display()),
        Err(error) => eprintln!("warning: there is no report: {error:#}; `offline report` writes it"),
    }
}

/// Writes the page of a report, whole.
fn write_page(out: &Path, found: &Report) -> anyhow::Result<()> {
    write_made(out, |file| file.write_all(page(found).as_bytes()))
}

/// The version: the one that is asked for, else the champion; none where there is none.
fn version(args: &ReportArgs) -> anyhow::Result<Option<String>> {
    if args.version.is_some() {
        return Ok(args.version.clone());
    }
    match read_champion(&args.artifacts) {
        Ok(champion) => Ok(Some(champion)),
        Err(ArtifactError::NoChampion { .. }) => {
            eprintln!("note: {} has no champion: the report is on the log alone", args.artifacts.display());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The version's settings, so that the log is read as it was for the version, unless a preset or config says how.
fn config(args: &ReportArgs, version: Option<&str>) -> anyhow::Result<Config> {
    let given = args.settings.load_config()?;
    let Some(version) = version else { return Ok(given) };
    crate::publish::versions::named(&args.artifacts, version)?;
    let built_with = Manifest::read(&args.artifacts.join(version))?.config;
    let own = Config::of_version(&built_with, &given).with_context(|| format!("the config of {version}"))?;
    if args.settings.config.is_none() && args.settings.preset.is_none() {
        return Ok(own);
    }
    Ok(Config { ingest: given.ingest, items: given.items, kinds: given.kinds, ..own })
}

/// A time, or else the name of a version.
fn since(text: &str) -> Against {
    time_ms(text).map_or_else(|_| Against::Version(text.to_owned()), Against::Time)
}
