//! What the compose file runs, by the real binary: `up` after a night, or a release, must not put anything back.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::redis_server::RedisServer;
use crate::support::{DAY_MS, SMALL, champion, offline_with, write_shop};

/// The command of a service in the compose file, its paths and its Redis replaced.
fn command_of(service: &str, folder: &Path, redis: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker-compose.yaml");
    let text = fs::read_to_string(file).expect("the compose file");
    let (_, of_service) = text.split_once(&format!("\n  {service}:")).expect("the service");
    let (_, command) = of_service.split_once("\n    command:\n").expect("its command");
    let words = command.lines().map_while(|line| line.strip_prefix("      - "));
    let words = words.map(|word| match word {
        "redis://redis:6379" => redis.to_owned(),
        path if path.starts_with('/') => format!("{}{path}", folder.display()),
        word => word.to_owned(),
    });
    words.collect()
}

/// Runs a service's command.
fn runs(service: &str, folder: &Path, redis: &str) -> Output {
    let command = command_of(service, folder, redis);
    let output = offline_with(&command.iter().map(String::as_str).collect::<Vec<_>>(), &SMALL);
    assert!(output.status.success(), "{service}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn events_of(version: &Path) -> u64 {
    let manifest = fs::read_to_string(version.join("manifest.json")).expect("a manifest");
    serde_json::from_str::<Value>(&manifest).expect("JSON")["counts"]["events"].as_u64().expect("a count")
}

#[test]
fn up_trains_where_nothing_is_published_and_leaves_what_a_night_published() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("temporary folder");
    let [data, events, artifacts] = ["data", "events", "artifacts"].map(|name| folder.path().join(name));
    [&data, &events].into_iter().for_each(|folder| fs::create_dir(folder).expect("creates"));
    write_shop(&data.join("events.csv"), 0..20, 0..30);
    fs::write(data.join("items.csv"), "itemid,name\ni00,First\n").expect("writes");

    runs("offline", folder.path(), &redis.url());
    let first = champion(&artifacts);
    assert_eq!(events_of(&first), 600, "the service has not recorded anything yet");

    let live =
        format!(r#"{{"timestamp":{},"visitorid":"new","event":"view","itemid":"i01","event_id":"e1"}}"#, 40 * DAY_MS);
    fs::write(events.join("events-0-00000000.jsonl"), live + "\n").expect("writes");
    runs("nightly", folder.path(), &redis.url());
    let night = champion(&artifacts);
    assert_eq!(events_of(&night), 601, "the live log is read");

    runs("offline", folder.path(), &redis.url());
    assert_eq!(champion(&artifacts), night, "`up` once more");

    // A release of another format: it can't serve what is there.
    let manifest = night.join("manifest.json");
    let text =
        fs::read_to_string(&manifest).expect("reads").replacen("\"format_version\": 2", "\"format_version\": 1", 1);
    fs::write(&manifest, text).expect("writes");
    let told = String::from_utf8(runs("offline", folder.path(), &redis.url()).stderr).expect("UTF-8");
    assert!(told.contains("can't be served") && told.contains("format 1"), "{told}");
    assert_eq!(events_of(&champion(&artifacts)), 601, "with the live log");
    assert_ne!(champion(&artifacts), night);
}
