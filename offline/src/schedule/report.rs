//! What is told of a run: its notice.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use shared::contract::url::without_user_info;

use crate::notices::secret::Redaction;
use crate::notices::text::cut;
use crate::notices::{Figure, Kind, Notice};
use crate::runs::Run;
use crate::schedule::config::Job;
use crate::schedule::runs::{self, STDERR};
use crate::schedule::state::Last;

/// How many of the last lines are told.
const LINES: usize = 12;
/// The most bytes of a line, and of a reason.
const LONGEST: usize = 1000;
/// The most settings that are named.
const SETTINGS: usize = 10;
/// The most figures.
const FIGURES: usize = 12;

/// What a notice is made of, beside the run.
pub struct Beside<'a> {
    /// The state folder.
    pub state: &'a Path,
    /// How notices call the scheduler.
    pub shop: &'a str,
    /// The link, with names to fill in.
    pub report_url: &'a str,
    /// What is taken out of texts.
    pub redaction: &'a Redaction,
}

/// Tells of a run.
///
/// * `job`: `None` if the config no longer has it.
#[must_use]
pub fn notice(
    kind: Kind,
    name: &str,
    job: Option<&Job>,
    last: &Last,
    record: Option<&Run>,
    beside: &Beside<'_>,
) -> Notice {
    let redacted = |text: &str| cut(&beside.redaction.of(text), LONGEST);
    let zone = job.and_then(|job| TimeZone::get(&job.config.time_zone).ok()).unwrap_or(TimeZone::UTC);
    let zoned = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(zone.clone());
    let newest = record.and_then(|record| record.data.as_ref()?.last_event_ms);
    let reason = match (kind, newest) {
        (Kind::Stale, Some(newest)) => {
            Some(format!("the newest event is of {}", zoned(newest).strftime("%Y-%m-%d %H:%M:%S %:Q")))
        }
        _ => Some(redacted(&last.reason)).filter(|reason| !reason.is_empty()),
    };
    let version = record.and_then(|record| record.version.clone());
    let went_wrong = matches!(kind, Kind::Failure | Kind::Timeout);
    let folder = runs::folder(beside.state, &last.id);
    let lines = if went_wrong { runs::tail(&folder, STDERR, LINES) } else { Vec::new() };
    // A link to a version that there is none of would lead nowhere.
    let leads = version.is_some() || !beside.report_url.contains("{version}");
    let report = (!beside.report_url.is_empty() && record.is_some() && leads).then(|| {
        let filled = beside.report_url.replace("{job}", name).replace("{run}", &last.id);
        filled.replace("{version}", version.as_deref().unwrap_or_default())
    });
    Notice {
        id: format!("{}-{}", last.id, format!("{kind:?}").to_lowercase()),
        kind,
        shop: beside.shop.to_owned(),
        job: name.to_owned(),
        run: Some(last.id.clone()),
        at: zoned(last.ended_ms).to_string(),
        seconds: Some(last.seconds),
        attempts: Some(last.attempts),
        reason,
        version,
        figures: record.map_or_else(Vec::new, figures),
        settings: record.map_or_else(Vec::new, settings),
        last_lines: lines.iter().map(|line| redacted(line)).collect(),
        report,
        next_step: next_step(kind, name, job, record, &folder, beside),
    }
}

/// The contest of a record: the object that has both figures.
fn contest(record: &Run) -> Option<&Value> {
    let gate = record.gate.as_ref()?;
    [Some(gate), gate.get("contest")].into_iter().flatten().find(|value| value.get("champion").is_some())
}

fn figures(record: &Run) -> Vec<Figure> {
    let contest = contest(record);
    let number = |key: &str| contest.and_then(|contest| contest.get(key)).and_then(Value::as_f64);
    let mut figures = Vec::new();
    if let (Some(value), Some(champion)) = (number("new"), number("champion")) {
        let metric = contest.and_then(|contest| contest.get("metric")?.as_str()).unwrap_or("figure");
        let name = format!("contest {metric}");
        figures.push(Figure { name, value, interval: None, champion: Some(champion) });
    }
    figures.extend(record.metrics.iter().map(|(name, figure)| {
        let interval = figure.low.zip(figure.high).map(|(low, high)| [low, high]);
        Figure { name: name.clone(), value: figure.value, interval, champion: None }
    }));
    figures.truncate(FIGURES);
    figures
}

/// The settings that differ from the champion's.
fn settings(record: &Run) -> Vec<String> {
    let changes = contest(record).and_then(|contest| contest.get("settings")?.as_object());
    let one = |(key, pair): (&String, &Value)| {
        let of = |at: usize| pair.get(at).map_or_else(|| "nothing".to_owned(), ToString::to_string);
        format!("{key} {} → {}", of(0), of(1))
    };
    let mut settings: Vec<String> = changes.into_iter().flatten().map(one).collect();
    let more = settings.len().saturating_sub(SETTINGS);
    settings.truncate(SETTINGS);
    if more > 0 {
        settings.push(format!("and {more} more"));
    }
    settings
}

fn next_step(
    kind: Kind,
    name: &str,
    job: Option<&Job>,
    record: Option<&Run>,
    folder: &Path,
    beside: &Beside<'_>,
) -> String {
    let command = job.map_or_else(String::new, |job| {
        let words: Vec<String> = job.config.command.iter().map(|word| quoted(word)).collect();
        beside.redaction.of(&without_user_info(&words.join(" ")))
    });
    match kind {
        Kind::Success | Kind::Recovery => "nothing".to_owned(),
        Kind::Failure => format!(
            "look into {}, and run it again by `offline schedule --config ... --no-wait --now {name}`, or by hand: offline \
             {command}",
            folder.display()
        ),
        Kind::Refused if record.is_some_and(|record| contest(record).is_some()) => {
            format!("put the settings back, or accept the new ones: offline {command} --no-gate")
        }
        Kind::Refused => format!("see what the log lost, or accept it: offline {command} --allow-shrink"),
        Kind::Timeout => {
            format!("look into {} for what took so long, or give job {name} a longer `timeout`", folder.display())
        }
        Kind::Stale => {
            "look whether events still reach the log that the job reads: offline ingest --events ...".to_owned()
        }
        Kind::Dropped => "offline schedule --config ... --status".to_owned(),
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::secret::Secret;
    use crate::runs::record;
    use crate::schedule::state::Outcome;
    use crate::schedule::tests::plan;
    use serde_json::json;

    fn last(outcome: Outcome, reason: &str) -> Last {
        Last {
            outcome,
            id: "r1".to_owned(),
            due_ms: 0,
            begun_ms: 0,
            ended_ms: 1_764_207_067_000,
            seconds: 67.5,
            attempts: 2,
            reason: reason.to_owned(),
            stages: Vec::new(),
        }
    }

    const NIGHTLY: &str = "[[job]]\nname='nightly'\ncron='@daily'\ntime_zone='Europe/Berlin'\n\
                           command=['run', '--events', 'my log.csv', '--redis', 'redis://:hidden-one@h']";

    #[test]
    fn a_failure_quotes_the_last_lines_without_secrets_and_its_command() {
        let state = tempfile::tempdir().expect("a folder");
        let folder = runs::folder(state.path(), "r1");
        std::fs::create_dir_all(&folder).expect("makes");
        std::fs::write(folder.join(STDERR), "ingest\nPOST https://hooks.example/T0/B0 failed\n").expect("writes");
        let plan = plan(NIGHTLY);
        let redaction = Redaction::new([Secret::from("https://hooks.example/T0/B0")]);
        let beside =
            Beside { state: state.path(), shop: "tandem", report_url: "https://r/{job}/{run}", redaction: &redaction };
        let notice = notice(
            Kind::Failure,
            "nightly",
            plan.job("nightly"),
            &last(Outcome::Failure, "exit code 1"),
            None,
            &beside,
        );
        assert_eq!(notice.last_lines, ["ingest", "POST (secret) failed"]);
        assert_eq!((notice.at.as_str(), notice.report), ("2025-11-27T02:31:07+01:00[Europe/Berlin]", None));
        assert!(
            notice.next_step.ends_with("offline run --events 'my log.csv' --redis redis://h"),
            "{}",
            notice.next_step
        );
    }

    #[test]
    fn a_refusal_has_the_champion_s_figure_and_the_settings() {
        let gate = json!({"metric": "ndcg", "new": 0.1, "champion": 0.4, "settings": {"blend.fit": [true, false]}});
        let figure = record::Figure { value: 0.5, low: Some(0.4), high: Some(0.6) };
        let metrics = [("tandem hr@20".to_owned(), figure)].into();
        let begun = Run::begins("r1".parse().expect("a name"), "run", Timestamp::UNIX_EPOCH);
        let record = Run { status: record::Status::Refused, gate: Some(gate), metrics, ..begun };
        let redaction = Redaction::default();
        let beside = Beside {
            state: Path::new("s"),
            shop: "tandem",
            report_url: "https://r/{job}/{run}",
            redaction: &redaction,
        };
        let refused = last(Outcome::Refused, "stays a challenger");
        let plan = plan(NIGHTLY);
        let notice = notice(Kind::Refused, "nightly", plan.job("nightly"), &refused, Some(&record), &beside);
        let [contest, other] = notice.figures.as_slice() else { panic!("two figures: {:?}", notice.figures) };
        assert_eq!((contest.value, contest.champion), (0.1, Some(0.4)));
        assert_eq!(other.interval, Some([0.4, 0.6]));
        assert_eq!(notice.settings, ["blend.fit true → false"]);
        assert_eq!(notice.report.as_deref(), Some("https://r/nightly/r1"));
        assert!(notice.next_step.ends_with("--no-gate"));
    }
}
