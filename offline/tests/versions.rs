//! What versions are called, and what is said of them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::service::Running;
use crate::support::{eventually, offline, offline_fails, offline_small, offline_with, text, versions, write_shop};

/// Learns from so many days of a shop, and publishes; returns the version.
fn run(events: &Path, artifacts: &Path, days: i64) -> String {
    write_shop(events, 0..20, 0..days);
    offline_small(&["run", "--events", text(events), "--artifacts", text(artifacts)]);
    versions(artifacts).pop().expect("a version")
}

#[test]
fn an_alias_is_served_kept_from_pruning_and_taken_away() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, artifacts) = (folder.path().join("events.csv"), folder.path().join("artifacts"));
    let run = |days: i64| run(&events, &artifacts, days);
    let of = |arguments: &[&str]| offline(&[&["versions"], arguments, &["--artifacts", text(&artifacts)]].concat());
    let first = run(10);
    assert_eq!(of(&["alias", "candidate", &first]), format!("candidate: {first}\n"));
    of(&["tag", &first, "approved-by=ana", "stage=trial"]);
    of(&["note", &first, "the old prices"]);
    let champion = run(11);

    let alias = "candidate".parse().expect("an alias");
    let service = Running::start_with(folder.path(), |config| {
        config.artifacts.alias = alias;
        config.artifacts.poll_ms = 10;
    });
    let served = || service.client.get("/model/metadata").json()["version"].clone();
    assert_eq!(served(), json!(first));
    of(&["alias", "candidate", &champion]);
    eventually("the other version is served", || served() == json!(champion));
    of(&["alias", "candidate", &first]);

    // Older than the last three champions, which alone would be kept.
    (12..16).for_each(|days| drop(run(days)));
    let kept = versions(&artifacts);
    assert!(kept.contains(&first) && !kept.contains(&champion), "{kept:?}");
    let listed: Value = serde_json::from_str(&of(&["list", "--json"])).expect("JSON");
    assert_eq!(listed[0]["tags"], json!({ "approved-by": "ana", "stage": "trial" }));
    assert_eq!(listed[0]["notes"][0]["text"], "the old prices");
    assert!(listed[0]["aliases"]["candidate"].is_i64() && listed.as_array().expect("a list").len() == kept.len());
    let shown = of(&["show", &first]);
    assert!(shown.contains("candidate since 20") && shown.contains("approved-by=ana"), "{shown}");

    assert_eq!(of(&["alias", "candidate", "--remove"]), "candidate: no version\n");
    run(16);
    assert!(!versions(&artifacts).contains(&first), "nothing keeps it now");
    for (arguments, said) in [
        (["alias", "candidate", "v000099-00"], "no version v000099-00"),
        (["alias", "champion", &champion], "`offline publish --version VERSION`"),
        (["tag", "v000099-00", "a=b"], "no version v000099-00"),
        (["alias", "a/b", &champion], "an alias is 1 to 64 letters"),
    ] {
        let error = offline_fails(&[&["versions"], &arguments[..], &["--artifacts", text(&artifacts)]].concat());
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}

#[test]
fn replicas_are_asked_what_they_serve_and_one_that_differs_or_is_away_fails_the_command() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, artifacts) = (folder.path().join("events.csv"), folder.path().join("artifacts"));
    let run = |days: i64| run(&events, &artifacts, days);
    let first = run(10);
    offline(&["versions", "alias", "candidate", &first, "--artifacts", text(&artifacts)]);
    let champion = run(11);
    let alias = "candidate".parse().expect("an alias");
    let service = Running::start_with(folder.path(), |config| config.artifacts.alias = alias);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let (url, away) = (service.url(), format!("http://me:secret-word@{closed}"));
    let served_beside = |artifacts: &Path, arguments: &[&str]| {
        let asked = ["versions", "served", "--artifacts", text(artifacts), "--url", &url];
        let output = offline_with(&[&asked[..], arguments].concat(), &[]);
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
        (output.status.success(), printed)
    };
    let served = |arguments: &[&str]| served_beside(&artifacts, arguments);
    let (done, printed) = served(&["--alias", "candidate"]);
    assert!(done && printed.contains(&format!("{url}  {first}  ok         candidate since 20")), "{printed}");
    let (done, printed) = served(&[]);
    assert!(!done && printed.contains(&format!("{first}  DIFFERS    candidate since 20")), "{printed}");
    assert!(printed.contains("1 of 1 replicas do not serve what champion names"), "{printed}");
    let (done, printed) = served(&["--alias", "candidate", "--url", &away, "--json"]);
    let replicas: Value = serde_json::from_str(printed.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&replicas[0]["state"], &replicas[1]["state"]), (&json!("ok"), &json!("away")));
    assert!(!done && !printed.contains("secret-word") && champion != first, "{printed}");
    let (done, printed) = served(&["--alias", "candidat"]);
    assert!(!done && printed.contains("no version is called candidat; there are candidate, champion"), "{printed}");
    let (done, printed) = served(&["--model", "loans"]);
    assert!(!done && printed.contains("no model loans"), "{printed}");
    // Without the folder, a model of rows that the service does not have.
    let (done, printed) = served_beside(&folder.path().join("none"), &["--model", "loans"]);
    assert!(!done && printed.contains("AWAY") && printed.contains("404"), "{printed}");
    let (done, printed) = served_beside(&folder.path().join("none"), &["--alias", "candidat"]);
    assert!(done && printed.contains("  ok"), "{printed}");
}
