//! A Prometheus of the test's own, with the files of `online/prometheus`, that looks every fifth of a second.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::common::process::free_address;
use super::common::{eventually, http};
use super::path;

/// How often it looks.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// A running Prometheus.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// An alert.
pub struct Rule {
    pub name: String,
    pub expression: String,
    severity: String,
    annotations: Value,
}

impl Rule {
    /// Checks that it says what happened, and where it is told what to do.
    pub fn check(&self, runbook: &str) {
        let Self { name, severity, annotations, .. } = self;
        let text = |key: &str| annotations[key].as_str().unwrap_or_else(|| panic!("{name} has no {key}"));
        assert!(["critical", "warning"].contains(&severity.as_str()), "{name} is {severity}");
        assert!(text("summary").contains("{{"), "{name} does not say which one");
        assert!(text("description").contains("{{"), "{name} has no figure");
        assert_eq!(text("runbook_url"), format!("online/RUNBOOK.md#{}", name.to_lowercase()));
        let entry =
            runbook.split(&format!("### {name}\n")).nth(1).unwrap_or_else(|| panic!("{name} is not in the runbook"));
        let entry = entry.split("\n### ").next().unwrap_or_default();
        assert!(entry.contains("- Look:") && entry.contains("- Do:"), "{name}: look where, and do what?");
    }
}

impl Prometheus {
    /// Whether there is one to start.
    pub fn is_installed() -> bool {
        Command::new("prometheus").arg("--version").output().is_ok_and(|output| output.status.success())
    }

    /// Starts one that collects a service, with a key, and the metrics of a batch.
    pub fn start(service: SocketAddr, key: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let read = |name: &str| fs::read_to_string(path("prometheus").join(name)).expect("a file");
        let mut config = read("prometheus.yml");
        for (there, here) in [
            ("scrape_interval: 15s", "scrape_interval: 200ms".to_owned()),
            ("evaluation_interval: 15s", "evaluation_interval: 200ms".to_owned()),
            ("online:8080", service.to_string()),
            ("schedule:9091", batch().to_string()),
            (
                "# authorization: {credentials_file: /run/secrets/tandem-key}",
                "authorization: {credentials_file: key}".to_owned(),
            ),
        ] {
            assert!(config.contains(there), "prometheus.yml has no {there}");
            config = config.replace(there, &here);
        }
        // Nobody waits for an alert here.
        let at_once =
            |line: &str| if line.trim_start().starts_with("for: ") { String::new() } else { format!("{line}\n") };
        let alerts: String = read("alerts.yml").lines().map(at_once).collect();
        for (name, text) in [("prometheus.yml", config.as_str()), ("alerts.yml", &alerts), ("key", key)] {
            fs::write(folder.path().join(name), text).expect("writes");
        }
        let address = free_address();
        let child = Command::new("prometheus")
            .arg(format!("--web.listen-address={address}"))
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it is installed");
        let prometheus = Self { child, address, _folder: folder };
        eventually("prometheus is ready", || prometheus.get("/-/ready").ok().filter(|answer| answer.status == 200));
        prometheus
    }

    /// HTTP/1.0, so that nothing comes in chunks.
    fn get(&self, target: &str) -> std::io::Result<http::Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET {target} HTTP/1.0\r\n\r\n")?;
        http::read(&mut BufReader::new(stream))
    }

    fn data(&self, target: &str) -> Result<Value, String> {
        let answer = self.get(target).map_err(|error| error.to_string())?.json();
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer["error"].to_string()) }
    }

    /// The values that an expression has now, one for each series.
    pub fn query(&self, expression: &str) -> Result<Vec<f64>, String> {
        let expression = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let data = self.data(&format!("/api/v1/query?query={expression}"))?;
        let value = |series: &Value| series["value"][1].as_str().and_then(|value| value.parse().ok());
        let series = data["result"].as_array().ok_or("no list of series")?;
        series.iter().map(|series| value(series).ok_or_else(|| format!("no value: {series}"))).collect()
    }

    /// All alerts that it has read.
    pub fn rules(&self) -> Vec<Rule> {
        let data = self.data("/api/v1/rules").expect("rules");
        let groups = data["groups"].as_array().expect("groups").iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules").clone());
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let rule = |rule: Value| Rule {
            name: text(&rule["name"]),
            expression: text(&rule["query"]),
            severity: text(&rule["labels"]["severity"]),
            annotations: rule["annotations"].clone(),
        };
        rules.map(rule).collect()
    }

    /// The names of the alerts that fire.
    pub fn firing(&self) -> BTreeSet<String> {
        let data = self.data("/api/v1/alerts").expect("alerts");
        let alerts = data["alerts"].as_array().expect("alerts").iter().filter(|alert| alert["state"] == "firing");
        alerts.map(|alert| alert["labels"]["alertname"].as_str().expect("a name").to_owned()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows the metrics of a batch at a free port, until the test's process ends.
fn batch() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let text = fs::read_to_string(path("tests/dashboards/batch.prom")).expect("metrics");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The head of the request is one packet.
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        }
    });
    address
}
