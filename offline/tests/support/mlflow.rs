//! A real MLflow server in a folder.
//!
//! It takes a while to install (`make test-mlflow` does it): without one, named by `TANDEM_TEST_MLFLOW`, there is none.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::text;

/// Who may ask the server that asks for passwords.
pub const USER: &str = "admin";
pub const PASSWORD: &str = "a-word-of-this-test";

/// The program; `None`, with a word, where it is not installed.
pub fn program() -> Option<String> {
    let program = std::env::var("TANDEM_TEST_MLFLOW").ok();
    if program.is_none() {
        println!("skipped: no MLflow server; `make test-mlflow` installs one");
    }
    program
}

/// A running server.
pub struct Server {
    child: Child,
    http: reqwest::blocking::Client,
    pub url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has children, which end when it is asked to.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one.
    ///
    /// * `asking`: what makes it ask for passwords, if it does.
    pub fn start(program: &str, folder: &Path, port: u16, asking: Option<&Path>) -> Self {
        let store = format!("sqlite:///{}", text(&folder.join("mlflow.db")));
        let files = folder.join("files");
        let port_text = port.to_string();
        let mut server = Command::new(program);
        server.args(["server", "--host", "127.0.0.1", "--port", &port_text, "--workers", "1"]);
        server.args(["--backend-store-uri", &store, "--artifacts-destination", text(&files)]);
        if let Some(config) = asking {
            server.args(["--app-name", "basic-auth"]).env("MLFLOW_AUTH_CONFIG_PATH", config);
            server.env("MLFLOW_FLASK_SERVER_SECRET_KEY", "of this test");
        }
        let child = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mlflow starts");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (http, begin) = (reqwest::blocking::Client::new(), Instant::now());
        let server = Self { child, http, url: format!("http://127.0.0.1:{port}") };
        while server.http.get(format!("{}/health", server.url)).send().is_err() {
            assert!(begin.elapsed() < Duration::from_secs(120), "mlflow does not answer");
            thread::sleep(Duration::from_millis(100));
        }
        server
    }

    fn asked(&self, call: &str) -> reqwest::blocking::Response {
        let url = format!("{}/api/2.0/{call}", self.url);
        self.http.get(url).basic_auth(USER, Some(PASSWORD)).send().expect("an answer")
    }

    /// What a call answers.
    pub fn get(&self, call: &str) -> Value {
        self.asked(call).json().expect("JSON")
    }

    /// A file of a run.
    pub fn file(&self, run: &Value, name: &str) -> String {
        let place = run["info"]["artifact_uri"].as_str().expect("a place").trim_start_matches("mlflow-artifacts:");
        let answer = self.asked(&format!("mlflow-artifacts/artifacts{place}/{name}"));
        assert_eq!(answer.status(), 200, "{name}");
        answer.text().expect("text")
    }

    /// The runs of our experiment, those first that began first.
    pub fn runs(&self) -> Vec<Value> {
        let asked = json!({ "experiment_ids": ["1"], "order_by": ["start_time ASC"] });
        let url = format!("{}/api/2.0/mlflow/runs/search", self.url);
        let answer = self.http.post(url).basic_auth(USER, Some(PASSWORD)).json(&asked).send().expect("an answer");
        let found: Value = answer.json().expect("JSON");
        found["runs"].as_array().cloned().unwrap_or_default()
    }

    /// The registered version that is the champion.
    pub fn champion(&self) -> Value {
        self.get("mlflow/registered-models/alias?name=tandem&alias=champion")["model_version"].clone()
    }
}

/// What a run has under a key, in a list such as `params`, `metrics` or `tags`.
pub fn of<'a>(run: &'a Value, list: &str, key: &str) -> &'a Value {
    let own = run["data"][list].as_array().expect("a list").iter().find(|own| own["key"] == key);
    &own.unwrap_or_else(|| panic!("{list} has no {key}"))["value"]
}
