//! Tests of the replay against a stub that recommends the user's last items.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use clap::Parser;
use shared::contract::api::{NewEvent, RecommendedItem};

use super::*;
use crate::stub::{self, Asked, Stub};
use crate::verdict::{Verdict, verdict};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    replay: ReplayArgs,
}

fn args(line: &str) -> Result<ReplayArgs, clap::Error> {
    Cli::try_parse_from(format!("replay {line}").split_whitespace()).map(|cli| cli.replay)
}

/// The questions and posted events, in order: `user?now` and `user!item`.
type Log = Arc<Mutex<Vec<String>>>;

/// Recommends the user's posted items, the last one first.
async fn service(log: Log) -> Stub {
    let histories = Mutex::new(HashMap::<String, Vec<ItemId>>::new());
    stub::serve(move |asked: Asked| {
        let mut histories = histories.lock().expect("no panic");
        let mut log = log.lock().expect("no panic");
        if asked.path == "/events" {
            let event: NewEvent = serde_json::from_slice(&asked.body).expect("one event");
            let user = event.user.expect("a user");
            log.push(format!("{user}!{}", event.item));
            histories.entry(user.to_string()).or_default().insert(0, event.item);
            return stub::ok(r#"{"accepted":1,"applied":true,"event_ids":["e"]}"#);
        }
        let user = asked.parameter("user_id").expect("a user").to_owned();
        log.push(format!(
            "{user}?{}&{}",
            asked.parameter("now").expect("a time"),
            asked.parameter("seen").expect("seen")
        ));
        let items = histories.get(&user).cloned().unwrap_or_default();
        let recommended = |item_id| RecommendedItem {
            item_id,
            name: None,
            score: 1.0,
            sources: vec![],
            because: None,
            propensity: None,
        };
        stub::json(&Recommendations {
            user_id: UserId::new(user).expect("an id"),
            recommendation_id: "r".to_owned(),
            model_version: "v".to_owned(),
            items: items.into_iter().map(recommended).collect(),
            cursor: None,
            history: None,
        })
    })
    .await
}

/// `user item` pairs at times 0, 1, 2 ...
fn events(pairs: &[(&str, &str)]) -> tempfile::NamedTempFile {
    let line = |(time, (user, item)): (usize, &(&str, &str))| {
        format!("{{\"timestamp\":{time},\"visitorid\":\"{user}\",\"itemid\":\"{item}\"}}\n")
    };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), pairs.iter().enumerate().map(line).collect::<String>()).expect("written");
    file
}

const PAIRS: [(&str, &str); 6] = [("a", "x"), ("b", "x"), ("a", "x"), ("a", "y"), ("b", "q"), ("a", "x")];

#[tokio::test]
async fn next_item_asks_before_each_event_but_the_first_and_then_posts_it() {
    let log = Log::default();
    let stub = service(log.clone()).await;
    let file = events(&PAIRS);
    let line =
        format!("--task next-item --events {} --url {} --k 2,1 --connections 1", file.path().display(), stub.url());
    let report = replay(&args(&line).expect("good options")).await.expect("replayed");
    let steps = ["a!x", "b!x", "a?2&allow", "a!x", "a?3&allow", "a!y", "b?4&allow", "b!q", "a?5&allow", "a!x"];
    assert_eq!(*log.lock().expect("no panic"), steps);
    // Slates: a1 [x] for x, a2 [x x] for y, b1 [x] for q, a3 [y x x] for x.
    let json = report.json();
    let result = &json["results"][0];
    assert_eq!((json["task"].as_str(), result["cases"].as_u64()), (Some("next-item"), Some(4)));
    assert_eq!((result["hr@1"].as_f64(), result["hr@2"].as_f64()), (Some(0.25), Some(0.5)));
    assert_eq!(result["mrr@2"].as_f64(), Some((1.0 + 0.5) / 4.0));
}

#[tokio::test]
async fn slates_do_not_depend_on_the_number_of_connections() {
    let written = tempfile::tempdir().expect("a temporary folder");
    let mut files = Vec::new();
    for connections in [1, 3] {
        let stub = service(Log::default()).await;
        let (file, slates) = (events(&PAIRS), written.path().join(connections.to_string()));
        let line = format!(
            "--task next-item --events {} --url {} --connections {connections} --slates {}",
            file.path().display(),
            stub.url(),
            slates.display()
        );
        replay(&args(&line).expect("good options")).await.expect("replayed");
        files.push(std::fs::read_to_string(slates).expect("written"));
    }
    assert_eq!(files[0].lines().next(), Some(r#"{"user":"a","case":1,"items":["x"]}"#));
    assert_eq!(files[0], files[1]);
}

#[tokio::test]
async fn slates_that_are_not_the_expected_ones_break_the_objective() {
    let stub = service(Log::default()).await;
    let (file, expect) =
        (events(&[("a", "x"), ("a", "y"), ("a", "z")]), tempfile::NamedTempFile::new().expect("a file"));
    let lines = "{\"user\":\"a\",\"case\":1,\"items\":[\"x\"]}\n{\"user\":\"a\",\"case\":2,\"items\":[\"x\",\"y\"]}\n";
    std::fs::write(expect.path(), lines).expect("written");
    let line = format!(
        "--task next-item --events {} --url {} --expect {} --min-identical 0.6",
        file.path().display(),
        stub.url(),
        expect.path().display()
    );
    let report = replay(&args(&line).expect("good options")).await.expect("replayed");
    assert_eq!(verdict(&report.objectives), Verdict::Broken);
    let text = report.text();
    assert!(
        text.contains("identical slates: 1 of 2 (0.5000)\n  user a, case 2: position 1 is y, expected x\n"),
        "{text}"
    );
}

#[tokio::test]
async fn top_k_asks_once_per_user_and_posts_nothing() {
    let log = Log::default();
    let stub = service(log.clone()).await;
    let file = events(&PAIRS);
    let line = format!("--task top-k --events {} --at 77 --url {} --connections 1", file.path().display(), stub.url());
    let report = replay(&args(&line).expect("good options")).await.expect("replayed");
    assert_eq!(*log.lock().expect("no panic"), ["a?77&exclude_all", "b?77&exclude_all"]);
    assert_eq!(report.json()["results"][0]["recall@20"].as_f64(), Some(0.0));
}

#[tokio::test]
async fn an_event_that_is_not_applied_ends_the_replay() {
    let stub = stub::serve(|_| {
        let mut answer = stub::ok(r#"{"accepted":1,"applied":false,"event_ids":["e"]}"#);
        *answer.status_mut() = hyper::StatusCode::ACCEPTED;
        answer
    })
    .await;
    let file = events(&PAIRS);
    let line = format!("--task next-item --events {} --url {}", file.path().display(), stub.url());
    let error = replay(&args(&line).expect("good options")).await.expect_err("202 is not enough");
    assert!(matches!(error, ReplayError::Events(EventsError::NotApplied(_))), "{error}");
}

#[test]
fn top_k_needs_a_time_and_an_objective_needs_slates() {
    assert!(args("--task top-k --events f").is_err());
    assert!(args("--task top-k --events f --at 5").is_ok());
    assert!(args("--task next-item --events f --min-identical 0.9").is_err());
    assert!(args("--task next-item --events f --k 5,501").is_err());
    assert_eq!(args("--task next-item --events f --seen exclude_all").expect("good").seen, Some(Seen::ExcludeAll));
}
