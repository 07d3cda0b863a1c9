//! A real S3 server, machines that have nothing but it, and replicas of the service on them, each a process.
//!
//! The server takes a while to install (`make test-s3` does it): without the Python that has it, named by
//! `TANDEM_TEST_S3`, there is none.

use std::fs;
use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use shared::contract::event_log::Log;

use super::service::http::{Answer, Client};
use super::{CLOCK, SMALL, command, eventually, text, write_shop};

/// Where versions are published.
pub const ARTIFACTS: &str = "s3://tandem/shop/artifacts";
/// Where replicas ship their logs.
pub const LOG: &str = "s3://tandem/shop/log";

/// The server, with an empty bucket.
pub struct S3 {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on yet.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address")
}

impl S3 {
    /// Starts it; `None`, with a word, where it is not installed.
    pub fn start() -> Option<Self> {
        let Ok(python) = std::env::var("TANDEM_TEST_S3") else {
            println!("skipped: no S3 server; `make test-s3` installs one");
            return None;
        };
        let address = free_address();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/s3.py");
        let mut server = Command::new(python);
        server.arg(script).arg(address.port().to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: server.spawn().expect("python starts"), address };
        eventually("the S3 server answers", || TcpStream::connect(address).is_ok());
        let answer = Client::new(address).send("PUT", "/tandem", "", b"").expect("answers");
        assert_eq!(answer.status, 200, "the bucket is made");
        Some(server)
    }
}

/// A machine of the shop: its folder, and the way to the store.
pub struct Machine {
    pub folder: PathBuf,
    store: SocketAddr,
}

impl Machine {
    pub fn new(folder: &Path, name: &str, store: SocketAddr) -> Self {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("makes");
        Self { folder, store }
    }

    /// What a command on this machine finds in its environment.
    pub fn environment(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.store))
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "not-to-be-told")
            .env("AWS_REGION", "us-east-1")
            .env("TANDEM_CACHE", self.folder.join("cache"))
            .env_remove("TANDEM_RUNS")
            .stdin(Stdio::null());
    }

    /// `offline` with arguments, on the artifacts in the store.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut offline = command();
        self.environment(&mut offline);
        // Not every command has artifacts.
        if !["ingest", "outcomes"].contains(&arguments[0]) {
            offline.env("TANDEM_ARTIFACTS__PATH", ARTIFACTS);
        }
        offline.args(arguments);
        offline
    }

    /// Runs it on a small shop of 1970, however it ends.
    fn offline(&self, arguments: &[&str]) -> Output {
        self.command(arguments).envs(CLOCK).envs(SMALL).output().expect("the binary runs")
    }

    /// Runs it on a small shop of 1970, which must succeed; returns what it printed.
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.offline(arguments);
        let printed = printed(&output);
        assert!(output.status.success(), "{printed}");
        printed
    }

    /// Runs it on a small shop of 1970; returns what it printed, however it ended.
    pub fn says(&self, arguments: &[&str]) -> String {
        printed(&self.offline(arguments))
    }

    /// Runs it on a small shop of 1970, which must fail; returns what it printed.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.offline(arguments);
        let printed = printed(&output);
        assert!(!output.status.success() && !printed.contains("not-to-be-told"), "{printed}");
        printed
    }

    /// Trains on so many days of the shop, and publishes.
    pub fn run(&self, days: i64) -> String {
        self.succeeds(&["run", "--no-gate", "--allow-shrink", "--events", &self.shop(days)])
    }

    /// A log of so many days.
    pub fn shop(&self, days: i64) -> String {
        let events = self.folder.join(format!("events-{days}.csv"));
        write_shop(&events, 0..20, 0..days);
        text(&events).to_owned()
    }
}

impl Machine {
    /// How many slates the replica on this machine has logged, by its own disk.
    pub fn slates_logged(&self) -> usize {
        let files = Log::Slates.list(&self.folder.join("slates")).expect("lists");
        files.iter().map(|file| file.open().expect("opens").lines().count()).sum()
    }

    /// What came of slates, by the logs that replicas shipped.
    pub fn outcomes(&self) -> Value {
        let output = self.command(&["outcomes", "--json", "--slates", LOG, "--events", LOG]).output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{}", printed(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

/// Both streams of a command that ended.
pub fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// A replica: a process of the service that has nothing but the store.
pub struct Replica {
    pub child: Child,
    pub client: Client,
    /// What it is asked with.
    headers: String,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Replica {
    /// Starts one, and waits until it answers.
    pub fn start(machine: &Machine, name: &str) -> Self {
        Self::spawn(machine, name).ready()
    }

    /// Starts one that asks for keys, and waits until it answers to one of them.
    pub fn start_with_keys(machine: &Machine, name: &str, keys: &Path, key: &str) -> Self {
        let headers = format!("authorization: Bearer {key}\r\n");
        Self::spawn_with(machine, name, &[("TANDEM_AUTH__KEYS", text(keys))], headers).ready()
    }

    /// Starts one that logs no slates: whoever asks which version it serves would fill a slow network with them.
    pub fn start_without_slates(machine: &Machine, name: &str) -> Self {
        Self::spawn_with(machine, name, &[("TANDEM_SLATES__EVERY", "0")], String::new()).ready()
    }

    /// Starts one.
    pub fn spawn(machine: &Machine, name: &str) -> Self {
        Self::spawn_with(machine, name, &[], String::new())
    }

    fn spawn_with(machine: &Machine, name: &str, variables: &[(&str, &str)], headers: String) -> Self {
        let address = free_address();
        let online = Path::new(env!("CARGO_BIN_EXE_offline")).with_file_name("online");
        assert!(online.is_file(), "{} is not built; `make test-s3` builds it", online.display());
        let mut service = Command::new(online);
        machine.environment(&mut service);
        service
            .env("TANDEM_SERVER__LISTEN", address.to_string())
            .env("TANDEM_SERVER__DRAIN_MS", "0")
            .env("TANDEM_ARTIFACTS__URL", ARTIFACTS)
            .env("TANDEM_ARTIFACTS__PATH", machine.folder.join("artifacts"))
            .env("TANDEM_ARTIFACTS__POLL_MS", "100")
            .env("TANDEM_EVENTS__PATH", machine.folder.join("log"))
            .env("TANDEM_EVENTS__REPLICA", name)
            .env("TANDEM_EVENTS__SHIP_TO", LOG)
            .env("TANDEM_EVENTS__SHIP_OPEN_EVERY_S", "1")
            .env("TANDEM_MODELS__ROWS", machine.folder.join("rows"))
            .env("TANDEM_SLATES__PATH", machine.folder.join("slates"))
            .env("TANDEM_SLATES__SHIP_TO", LOG)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(fs::File::create(machine.folder.join("online.log")).expect("makes"));
        Self { child: service.spawn().expect("the service starts"), client: Client::new(address), headers }
    }

    fn ready(mut self) -> Self {
        eventually("the replica is ready", || {
            assert!(self.child.try_wait().expect("own child").is_none(), "it ended");
            self.version().is_some()
        });
        self
    }

    /// What a path answers to its key.
    pub fn get(&self, target: &str) -> std::io::Result<Answer> {
        self.client.send("GET", target, &self.headers, b"")
    }

    /// The version that answers.
    pub fn version(&self) -> Option<String> {
        let answer = self.get("/recommendations?user_id=u1&k=3").ok()?;
        let slate: Value = serde_json::from_slice(&answer.body).ok()?;
        Some(slate["model_version"].as_str()?.to_owned())
    }

    /// Waits until it serves a version.
    pub fn serves(&self, version: &str) {
        eventually(&format!("{version} is served"), || self.version().as_deref() == Some(version));
    }

    /// Tells it of an event.
    pub fn posts(&self, event: &str) {
        let headers = format!("content-type: application/json\r\n{}", self.headers);
        let accepted = self.client.send("POST", "/events", &headers, event.as_bytes()).expect("answers");
        assert_eq!(accepted.status, 200, "{}", String::from_utf8_lossy(&accepted.body));
    }

    /// SIGTERM, and waits; whether it ended well.
    pub fn stop(mut self) -> bool {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it lives");
        self.child.wait().expect("own child").success()
    }
}

/// The version that a command said is the champion.
pub fn promoted(printed: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix("champion: ")).expect("says it");
    line.to_owned()
}
