//! A record in MLflow's words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::names::{name, value};
use super::{RUN_TAG, VERSION_TAG};
use crate::config::changes::by_key;
use crate::runs::Run;
use crate::runs::record::{Data, Status};

/// A metric: its name, value, time in milliseconds, and step.
pub type Metric = (String, f64, i64, u64);

/// How the run ended.
pub fn status(run: &Run) -> &'static str {
    match run.status {
        Status::Running => "RUNNING",
        // It did its work; the gate decided.
        Status::Succeeded | Status::Refused => "FINISHED",
        Status::Failed => "FAILED",
        Status::Killed => "KILLED",
    }
}

/// What is said of the run beside settings and figures.
pub fn tags(run: &Run) -> BTreeMap<String, String> {
    let mut tags: BTreeMap<String, String> = [
        ("mlflow.source.name", format!("offline {}", run.command)),
        ("mlflow.user", run.host.clone()),
        (RUN_TAG, run.id.to_string()),
        ("tandem.command", run.arguments.join(" ")),
        ("tandem.release", run.program.clone()),
        ("tandem.status", run.status.as_str().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let more = [
        (VERSION_TAG, run.version.clone()),
        ("tandem.identity", run.identity.clone()),
        ("tandem.reason", run.reason.clone()),
        ("tandem.verdict", run.gate.as_ref().and_then(|gate| gate["verdict"].as_str().map(str::to_owned))),
    ];
    tags.extend(more.into_iter().filter_map(|(name, own)| Some((name.to_owned(), value(&own?)))));
    tags
}

/// The settings; none of a run that failed before it had them, since the server refuses what has no name.
pub fn parameters(run: &Run) -> Vec<(String, String)> {
    let text = |own: &Value| own.as_str().map_or_else(|| own.to_string(), str::to_owned);
    let settings = by_key(&run.config);
    let named = settings.iter().filter(|(key, _)| !key.is_empty());
    named.map(|(key, own)| (name(key), value(&text(own)))).collect()
}

/// The figures, with the ends of their intervals; of figures that were taken again and again each is a step. Seconds and
/// memory of stages are figures, too.
pub fn metrics(run: &Run) -> Vec<Metric> {
    let at = run.ended_ms.unwrap_or(run.started_ms);
    let mut metrics = Vec::new();
    for (own, figure) in &run.metrics {
        let sides = [("", Some(figure.value)), (" low", figure.low), (" high", figure.high)];
        let known = sides.into_iter().filter_map(|(side, own)| Some((side, own?)));
        metrics.extend(known.map(|(side, value)| (name(&format!("{own}{side}")), value, at, 0)));
    }
    for (own, values) in &run.series {
        metrics.extend((0u64..).zip(values).map(|(step, value)| (name(own), *value, at, step)));
    }
    for stage in &run.stages {
        metrics.push((name(&format!("seconds/{}", stage.name)), stage.seconds, at, 0));
    }
    metrics.push(("seconds".to_owned(), run.seconds(at), at, 0));
    metrics.push(("peak MiB".to_owned(), run.peak_mib() as f64, at, 0));
    // The server's database has no place for others.
    metrics.retain(|(_, value, ..)| value.is_finite());
    metrics
}

/// What the run learnt from.
pub fn dataset(data: &Data) -> Value {
    let source: Vec<String> = data.files.iter().map(|file| file.path.display().to_string()).collect();
    // Those of an object store are called by its URL, of which the server knows the scheme.
    let kind = source.first().and_then(|source| source.split_once("://")).map_or("local", |(scheme, _)| scheme);
    json!({
        "tags": [{ "key": "mlflow.data.context", "value": "training" }],
        "dataset": {
            "name": data.files.first().and_then(|file| file.path.file_name()).map_or("log".into(), |own| own.to_string_lossy()),
            // The server keeps no longer ones.
            "digest": data.fingerprint.get(..8).unwrap_or(&data.fingerprint),
            "source_type": kind,
            "source": json!({ "uri": source.join(" ") }).to_string(),
            "profile": json!(data.counts).to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::runs::record::InputFile;

    #[test]
    fn the_source_of_a_dataset_is_of_the_scheme_of_its_first_file() {
        let told = |path: &str| {
            let files = vec![InputFile { path: path.into(), bytes: 1 }];
            let (fingerprint, counts) = ("0123456789".to_owned(), BTreeMap::new());
            let data = Data { fingerprint, files, counts, first_event_ms: None, last_event_ms: None };
            dataset(&data)["dataset"].clone()
        };
        let store = told("s3://shop/log/events-a-00000001.jsonl");
        assert_eq!((&store["source_type"], &store["name"]), (&"s3".into(), &"events-a-00000001.jsonl".into()));
        assert_eq!(store["source"], r#"{"uri":"s3://shop/log/events-a-00000001.jsonl"}"#);
        assert_eq!(told("/data/shop.csv")["source_type"], "local");
    }

    #[test]
    fn a_run_that_failed_before_it_had_settings_has_no_parameters() {
        let begun = Run::begins("r1".parse().expect("a name"), "run", Timestamp::UNIX_EPOCH);
        assert_eq!(parameters(&begun), []);
        let learnt = Run { config: json!({ "als": { "factors": 8 } }), ..begun };
        assert_eq!(parameters(&learnt), [("als.factors".to_owned(), "8".to_owned())]);
    }
}
