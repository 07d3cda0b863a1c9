//! An MLflow server is told of runs, versions and champions, and costs a run nothing when it is away.
//!
//! The real server takes a while to install (`make test-mlflow` does it): without one, named by `TANDEM_TEST_MLFLOW`, its
//! test says so and is passed over.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use offline::publish::Artifacts;
use serde_json::Value;

use crate::support::mlflow::{PASSWORD, Server, USER, of, program};
use crate::support::{CLOCK, SMALL, command, text, write_shop};

/// A call may take a second: enough to hear that nobody is there.
const BRIEF: (&str, &str) = ("TANDEM_MLFLOW__TIMEOUT_SECS", "1");
/// The first call of a real server may take long on a busy machine.
const PATIENT: (&str, &str) = ("TANDEM_MLFLOW__TIMEOUT_SECS", "120");

/// Runs `offline` on a small shop in a folder, with records there, MLflow at a URL, and variables; returns what it
/// printed.
fn run(folder: &Path, url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let (events, artifacts) = (folder.join("events.csv"), folder.join("artifacts"));
    write_shop(&events, 0..20, 0..10);
    let mut offline = command();
    offline.args(arguments).args(["--artifacts", text(&artifacts)]);
    if arguments[0] == "run" {
        offline.args(["--events", text(&events)]);
    }
    offline.envs(CLOCK).envs(SMALL).env("MLFLOW_TRACKING_URI", url).env_remove("TANDEM_RUNS");
    offline.envs(variables.iter().copied());
    let output = offline.output().expect("the binary runs");
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
    assert!(output.status.success(), "{printed}");
    printed
}

/// What waits to be told, and what was.
fn states(folder: &Path) -> Vec<String> {
    let mut states: Vec<(String, String)> = Vec::new();
    for entry in fs::read_dir(folder.join("artifacts/runs")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().ends_with(".mlflow.json") {
            let state: Value = serde_json::from_slice(&fs::read(&path).expect("reads")).expect("JSON");
            states.push((path.display().to_string(), state["state"].as_str().expect("a state").to_owned()));
        }
    }
    states.sort();
    states.into_iter().map(|(_, state)| state).collect()
}

/// A server that says this to whatever it is asked, or says nothing for ever; returns its port.
fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            if answer.is_empty() {
                silent.push(stream);
                continue;
            }
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn a_server_that_is_away_silent_or_broken_costs_a_run_nothing_and_is_told_later() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address").port();
    let broken = answering("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops");
    let another = answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
    for (port, said) in
        [(closed, "refused"), (answering(""), "timed out"), (broken, "500: oops"), (another, "not one of MLflow")]
    {
        let printed = run(folder, &format!("http://me:secret-word@127.0.0.1:{port}"), &["run"], &[BRIEF]);
        assert!(printed.contains("warning: mlflow at") && printed.contains(said), "{printed}");
        assert!(printed.contains("champion: v") && !printed.contains("secret-word"), "{printed}");
    }
    assert_eq!(states(folder), ["waiting"; 4]);
    let printed = run(folder, "databricks", &["run"], &[BRIEF]);
    assert!(printed.contains("the URL of MLflow is http://host:port"), "{printed}");
}

#[test]
fn the_folder_is_free_while_a_slow_server_is_told_and_the_config_names_the_server() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, artifacts) = (folder.path().join("events.csv"), folder.path().join("artifacts"));
    write_shop(&events, 0..20, 0..10);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let config = folder.path().join("config.toml");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    fs::write(&config, format!("[mlflow]\nurl = '{url}'\nexperiment = 'nights'\ntimeout_secs = 600\n"))
        .expect("writes");
    let mut offline = command();
    offline.args(["run", "--events", text(&events), "--artifacts", text(&artifacts), "--config", text(&config)]);
    offline.envs(CLOCK).envs(SMALL).env_remove("TANDEM_RUNS").env_remove("MLFLOW_TRACKING_URI");
    offline.env("MLFLOW_TRACKING_TOKEN", "t0ken-of-a-test");
    let mut run = offline.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    // It has asked, and waits for an answer.
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut asked = [0; 4096];
    let read = stream.read(&mut asked).expect("a question");
    let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
    assert!(asked.contains("experiment_name=nights") && asked.contains("Bearer t0ken-of-a-test"), "{asked}");
    assert!(run.try_wait().expect("own child").is_none(), "it is not over");
    Artifacts::hold(&artifacts, "a test", Duration::ZERO).expect("the folder is free");
    run.kill().expect("own child");
    run.wait().expect("own child");
    for entry in fs::read_dir(artifacts.join("runs")).expect("a folder") {
        let record = fs::read_to_string(entry.expect("an entry").path()).expect("reads");
        assert!(!record.contains("t0ken"), "{record}");
    }
}

#[test]
fn a_real_server_knows_runs_versions_and_the_champion() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address").port();
    // Nobody is there yet.
    run(folder, &format!("http://127.0.0.1:{port}"), &["run"], &[BRIEF]);
    let server = Server::start(&program, folder, port, None);
    let printed = run(folder, &server.url, &["run"], &[PATIENT]);
    assert!(printed.contains("mlflow: told of 2 runs"), "{printed}");
    assert_eq!(states(folder), ["sent"; 2]);

    let runs = server.runs();
    assert_eq!(runs.len(), 2);
    let first = &runs[0];
    assert_eq!(first["info"]["status"], "FINISHED");
    assert_eq!(of(first, "params", "als.factors"), "4");
    assert!(of(first, "metrics", "seconds").as_f64() > Some(0.0));
    assert!(of(first, "tags", "tandem.version").as_str().is_some_and(|version| version.starts_with("v000001-")));
    assert_eq!(first["inputs"]["dataset_inputs"][0]["dataset"]["name"], "events.csv");
    let record: Value = serde_json::from_str(&server.file(first, "run.json")).expect("JSON");
    assert_eq!(record["command"], "run");

    let champion = || server.champion()["version"].clone();
    assert_eq!(champion(), "2");
    run(folder, &server.url, &["rollback"], &[PATIENT]);
    assert_eq!(champion(), "1");
    // Told once more, nothing is doubled.
    let id = runs[0]["info"]["run_name"].as_str().expect("a name");
    fs::write(folder.join(format!("artifacts/runs/{id}.mlflow.json")), "torn").expect("writes");
    run(folder, &server.url, &["publish"], &[PATIENT]);
    assert_eq!(champion(), "2");
    assert_eq!(server.runs().len(), 2);
    let versions = server.get("mlflow/model-versions/search?filter=name%3D%27tandem%27");
    assert_eq!(versions["model_versions"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_server_that_asks_for_passwords_is_told_with_the_right_one_and_a_wrong_one_costs_a_run_nothing() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    let config = folder.join("basic_auth.ini");
    let users = format!("database_uri = sqlite:///{}", text(&folder.join("users.db")));
    let admin = format!("admin_username = {USER}\nadmin_password = {PASSWORD}\ndefault_permission = READ");
    let function = "authorization_function = mlflow.server.auth:authenticate_request_basic_auth";
    fs::write(&config, format!("[mlflow]\n{users}\n{admin}\n{function}\n")).expect("writes");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address").port();
    let server = Server::start(&program, folder, port, Some(&config));

    let user = ("MLFLOW_TRACKING_USERNAME", USER);
    let as_nobody = run(folder, &server.url, &["run"], &[PATIENT]);
    let with_a_wrong_one =
        run(folder, &server.url, &["run"], &[PATIENT, user, ("MLFLOW_TRACKING_PASSWORD", "not-the-word")]);
    for printed in [as_nobody, with_a_wrong_one] {
        assert!(printed.contains("warning: mlflow at") && printed.contains(": 401: "), "{printed}");
        assert!(printed.contains("champion: v") && !printed.contains("not-the-word"), "{printed}");
    }
    assert_eq!(states(folder), ["waiting"; 2]);
    let printed = run(folder, &server.url, &["run"], &[PATIENT, user, ("MLFLOW_TRACKING_PASSWORD", PASSWORD)]);
    assert!(printed.contains("mlflow: told of 3 runs") && !printed.contains(PASSWORD), "{printed}");
    assert_eq!(states(folder), ["sent"; 3]);
    assert_eq!(server.runs().len(), 3);
}
