//! Versions are published to a real S3 server, served from it by processes of their own, and put back; whatever the network does,
//! a replica serves one version or the other.
//!
//! The server takes a while to install (`make test-s3` does it): without the Python that has it, named by `TANDEM_TEST_S3`, the
//! tests say so and are passed over.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::service::http::Client;
use crate::support::{CLOCK, SMALL, command, eventually, text, write_shop};

#[allow(dead_code)]
#[path = "../../online/tests/common/proxy.rs"]
mod proxy;

use proxy::{Fault, Proxy};

const ARTIFACTS: &str = "s3://tandem/shop/artifacts";
const LOG: &str = "s3://tandem/shop/log";

/// The server, with an empty bucket.
struct S3 {
    child: Child,
    address: SocketAddr,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address")
}

impl S3 {
    fn start() -> Option<Self> {
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
struct Machine {
    folder: PathBuf,
    store: SocketAddr,
}

impl Machine {
    fn new(folder: &Path, name: &str, store: SocketAddr) -> Self {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("makes");
        Self { folder, store }
    }

    fn environment(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.store))
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "not-to-be-told")
            .env("AWS_REGION", "us-east-1")
            .env("TANDEM_CACHE", self.folder.join("cache"))
            .env_remove("TANDEM_RUNS")
            .stdin(Stdio::null());
    }

    fn offline(&self, arguments: &[&str]) -> Output {
        let mut offline = command();
        self.environment(&mut offline);
        // Not every command has artifacts.
        if arguments[0] != "ingest" {
            offline.env("TANDEM_ARTIFACTS__PATH", ARTIFACTS);
        }
        offline.args(arguments).envs(CLOCK).envs(SMALL).output().expect("the binary runs")
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.offline(arguments);
        let printed = printed(&output);
        assert!(output.status.success(), "{printed}");
        printed
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.offline(arguments);
        let printed = printed(&output);
        assert!(!output.status.success() && !printed.contains("not-to-be-told"), "{printed}");
        printed
    }

    /// Trains on so many days of the shop, and publishes.
    fn run(&self, days: i64) -> String {
        self.succeeds(&["run", "--no-gate", "--allow-shrink", "--events", &self.shop(days)])
    }

    fn shop(&self, days: i64) -> String {
        let events = self.folder.join(format!("events-{days}.csv"));
        write_shop(&events, 0..20, 0..days);
        text(&events).to_owned()
    }
}

fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// A replica: a process of the service that has nothing but the store.
struct Replica {
    child: Child,
    client: Client,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Replica {
    fn start(machine: &Machine, name: &str) -> Self {
        let mut replica = Self::spawn(machine, name);
        eventually("the replica is ready", || {
            assert!(replica.child.try_wait().expect("own child").is_none(), "it ended");
            replica.version().is_some()
        });
        replica
    }

    fn spawn(machine: &Machine, name: &str) -> Self {
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
            .stdout(Stdio::null())
            .stderr(fs::File::create(machine.folder.join("online.log")).expect("makes"));
        Self { child: service.spawn().expect("the service starts"), client: Client::new(address) }
    }

    /// The version that answers.
    fn version(&self) -> Option<String> {
        let answer = self.client.send("GET", "/recommendations?user_id=u1&k=3", "", b"").ok()?;
        let slate: Value = serde_json::from_slice(&answer.body).ok()?;
        Some(slate["model_version"].as_str()?.to_owned())
    }

    fn serves(&self, version: &str) {
        eventually(&format!("{version} is served"), || self.version().as_deref() == Some(version));
    }
}

/// The version that a command said is the champion.
fn champion(printed: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix("champion: ")).expect("says it");
    line.to_owned()
}

#[test]
fn a_version_is_published_served_by_two_replicas_and_put_back() {
    let Some(s3) = S3::start() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let machine = |name: &str| Machine::new(folder.path(), name, s3.address);
    let (batch, other, a, b) = (machine("batch"), machine("other"), machine("a"), machine("b"));
    let first = champion(&batch.run(10));
    let replicas = [Replica::start(&a, "a"), Replica::start(&b, "b")];
    replicas.iter().for_each(|replica| replica.serves(&first));

    // Another machine goes on from what is in the store, and does not know the first.
    let second = champion(&other.run(12));
    assert_ne!(first, second);
    replicas.iter().for_each(|replica| replica.serves(&second));
    let begin = Instant::now();
    assert_eq!(champion(&batch.succeeds(&["rollback"])), first);
    replicas.iter().for_each(|replica| replica.serves(&first));
    println!("a rollback took {:?} until both served it", begin.elapsed());
    assert!(batch.succeeds(&["runs", "list"]).contains("run"));

    // What the replicas were told is in the next version.
    let event = br#"{"visitorid":"u1","itemid":"i3","event":"view"}"#;
    for replica in &replicas {
        let accepted =
            replica.client.send("POST", "/events", "content-type: application/json\r\n", event).expect("answers");
        assert_eq!(accepted.status, 200);
    }
    eventually("both logs are shipped", || {
        let output = batch.offline(&["ingest", "--events", LOG]);
        printed(&output).contains("2 rows: 2 events")
    });
}

#[test]
fn a_store_that_is_away_slow_or_cut_costs_no_answer_and_publishes_nothing_by_half() {
    let Some(s3) = S3::start() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let proxy = Proxy::start(s3.address);
    let batch = Machine::new(folder.path(), "batch", s3.address);
    let far = Machine::new(folder.path(), "far", proxy.address());
    let first = champion(&batch.run(10));
    let replica = Replica::start(&far, "a");
    replica.serves(&first);

    // Away: the replica serves on, a batch fails and says why, a start serves the cache.
    proxy.set(Fault::Cut);
    let printed = far.fails(&["run", "--no-gate", "--events", &far.shop(11)]);
    assert!(printed.contains("the store can't be reached, or fails"), "{printed}");
    let second = champion(&batch.run(12));
    assert_eq!(replica.version().as_deref(), Some(&*first));
    drop(replica);
    let replica = Replica::start(&far, "a");
    assert_eq!(replica.version().as_deref(), Some(&*first), "the cache is served");
    // Without a cache there is nothing to serve.
    let bare = Machine::new(folder.path(), "bare", proxy.address());
    let mut none = Replica::spawn(&bare, "b");
    eventually("it ends", || none.child.try_wait().expect("own child").is_some());
    let said = fs::read_to_string(bare.folder.join("online.log")).expect("reads");
    assert!(said.contains("the store can't be reached, or fails"), "{said}");

    // Slow, and back.
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    replica.serves(&second);
    // Cut again and again while a version comes: it goes on where it was cut.
    let third = champion(&batch.run(14));
    let begin = Instant::now();
    while replica.version().as_deref() != Some(&*third) && begin.elapsed() < Duration::from_secs(60) {
        proxy.set(Fault::None);
        std::thread::sleep(Duration::from_millis(150));
        proxy.set(Fault::Cut);
        std::thread::sleep(Duration::from_millis(50));
        let version = replica.version().expect("answers");
        assert!([&second, &third].contains(&&version), "{version}");
    }
    proxy.set(Fault::None);
    replica.serves(&third);
}

#[test]
fn a_batch_that_is_killed_while_it_publishes_leaves_one_version_or_the_other() {
    let Some(s3) = S3::start() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let kills: u64 = std::env::var("KILLS").map_or(5, |kills| kills.parse().expect("a number"));
    let batch = Machine::new(folder.path(), "batch", s3.address);
    let begin = Instant::now();
    batch.run(10);
    let whole = begin.elapsed();
    for kill in 0..kills {
        // Each somewhere else: by the golden ratio, all over the time that a run takes.
        let at = whole.mul_f64((kill as f64 * 0.618).fract() * 1.1);
        let events = batch.shop(11 + kill as i64);
        let mut run = command();
        batch.environment(&mut run);
        run.args(["run", "--no-gate", "--allow-shrink", "--wait", "--events", &events, "--artifacts", ARTIFACTS]);
        let mut run = run.envs(CLOCK).envs(SMALL).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        std::thread::sleep(at);
        let _ = run.kill();
        let ended = run.wait().expect("own child");
        // A reader that has nothing of its own finds a version that is whole.
        let reader = Machine::new(folder.path(), &format!("reader-{kill}"), s3.address);
        let printed = reader.succeeds(&["export", "--table", "items"]);
        assert!(!printed.is_empty());
        let versions = reader.succeeds(&["versions", "list"]);
        println!("killed after {at:?} ({ended}): {} versions", versions.lines().count());
    }
    let last = champion(&batch.run(40));
    let reader = Machine::new(folder.path(), "reader", s3.address);
    assert!(reader.succeeds(&["versions", "list"]).contains(&last));
}
