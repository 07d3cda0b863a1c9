//! A service that does all that it can, and then loses its store, its disk, its keys and its version, under too much load.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use online::auth::issue::{Order, issue};
use online::auth::scopes::Scope;
use serde_json::json;
use shared::contract::artifact::alias::Alias;
use shared::contract::artifact::manifest::write_champion;
use shared::contract::id::UserId;
use shared::engine::keys::history_key;

use super::common::http::{Answer, Client};
use super::common::redis_server::RedisServer;
use super::common::{Running, config, eventually, folder, shop};
use super::model::{self, rows};
use super::prometheus::{INTERVAL, Prometheus};

/// How many requests of a class may be inside.
const MOST_INSIDE: usize = 4;
/// Where rows are scored.
const PREDICT: &str = "/models/loans/predict";

/// A service, its Redis, and somebody who asks it again and again.
pub struct Trouble {
    service: Running,
    /// An API key that may do everything.
    pub key: String,
    folder: tempfile::TempDir,
    redis: Mutex<RedisServer>,
    asker: Asker,
}

/// The thread that asks.
struct Asker {
    thread: JoinHandle<()>,
    ends: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
}

/// Sends a request with a key.
fn send(client: &Client, key: &str, method: &str, target: &str, body: &str) -> Answer {
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    client.send(method, target, &headers, body.as_bytes()).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

impl Trouble {
    /// Starts all of them; nothing is wrong yet.
    pub fn begin() -> Self {
        let (folder, redis) = (folder(), RedisServer::start());
        model::publish(&folder.path().join("artifacts"));
        let scopes = vec![Scope::Read, Scope::Write, Scope::Admin];
        let issued = issue(&Order { name: "all".to_owned(), scopes, rate: None, burst: None }).expect("issued");
        let mut config = config(folder.path());
        config.auth.keys = folder.path().join("keys.toml");
        fs::write(&config.auth.keys, &issued.entry).expect("writes");
        config.store.redis_url = redis.url().into();
        config.server.max_in_flight = MOST_INSIDE;
        config.events.max_disk_bytes = 1 << 20;
        config.models.drift_rows = 500;
        (config.shadow.alias, config.shadow.share) = ("challenger".to_owned(), 1.0);
        shop::write(&config.artifacts.path, "challenger-1");
        let challenger: Alias = "challenger".parse().expect("an alias");
        challenger.write(&config.artifacts.path, "challenger-1").expect("an alias of a version");
        config.scenarios =
            toml::from_str("[home]\npin = [{ item = \"unheard-of\", position = 1 }]").expect("scenarios");
        let service = Running::start(&config);
        let asker = Asker::start(service.client, issued.secret.clone());
        Self { service, key: issued.secret, folder, redis: redis.into(), asker }
    }

    /// Where the service answers.
    pub fn address(&self) -> SocketAddr {
        self.service.client.address()
    }

    /// Waits until Prometheus has seen it well, twice.
    pub fn seen_well(&self, prometheus: &Prometheus) {
        let seen =
            |what: &str| prometheus.query(what).is_ok_and(|values| values.first().is_some_and(|value| *value > 0.0));
        eventually("prometheus has seen events", || {
            seen("increase(tandem_events_accepted_total[1m]) > 0").then_some(())
        });
        eventually("and a shadow's rows", || seen("increase(prediction_shadow_rows_total[1m]) > 0").then_some(()));
        assert!(!prometheus.firing().contains("TandemStoreAway"), "nothing is wrong yet");
        // A history that can't be read, while there is a store.
        let key = history_key("tandem", &UserId::new("u7").expect("valid id"));
        let redis = self.redis.lock().expect("no panic");
        redis.command::<()>(&["SET", &key, "rubbish"]);
        let metric = "sum(tandem_histories_rebuilt_total) > 0";
        eventually("and a history that was rebuilt", || seen(metric).then_some(()));
    }

    /// Breaks what can be broken.
    pub fn go_wrong(&self) {
        self.redis.lock().expect("no panic").kill();
        fs::write(self.folder.path().join("keys.toml"), "[[keys]]\nname = 1").expect("writes");
        write_champion(&self.folder.path().join("artifacts"), "v2").expect("pointer");
        // Requests whose bodies don't come take the room of others; one that finds none itself is no loss.
        let (mut inside, mut refused) = (Vec::new(), 0);
        let ask = || send(&self.service.client, &self.key, "POST", PREDICT, &rows(1, 0)[0]).status;
        eventually("there is no room", || {
            inside.push(self.unfinished());
            refused = if ask() == 503 { refused + 1 } else { 0 };
            (refused > 2 * MOST_INSIDE).then_some(())
        });
        let rounds = self.asker.rounds.load(Ordering::Relaxed);
        eventually("others are refused", || (self.asker.rounds.load(Ordering::Relaxed) > rounds + 1).then_some(()));
        drop(inside);
        let events = json!(vec![json!({"visitorid": "u", "itemid": "i01", "event": "view"}); 1000]).to_string();
        let fill = || send(&self.service.client, &self.key, "POST", "/events", &events).status;
        eventually("the log is full", || (fill() == 507).then_some(()));
    }

    /// Begins a request that stays inside.
    fn unfinished(&self) -> TcpStream {
        let mut stream = self.service.client.connect().expect("connects");
        let head = format!("POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n");
        let rest = format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n\r\n", self.key);
        stream.write_all((head + &rest).as_bytes()).expect("writes");
        stream
    }

    /// Ends all of it.
    pub fn end(self) {
        self.asker.ends.store(true, Ordering::Relaxed);
        self.asker.thread.join().expect("asks without a panic");
        self.service.stop();
    }
}

impl Asker {
    fn start(client: Client, key: String) -> Self {
        let (ends, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (until, count) = (ends.clone(), rounds.clone());
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                ask(&client, &key, count.load(Ordering::Relaxed));
                count.fetch_add(1, Ordering::Relaxed);
                // Its rounds are to be seen, not to be fast.
                std::thread::sleep(INTERVAL / 4);
            }
        });
        Self { thread, ends, rounds }
    }
}

/// One round of whatever a service may be asked.
fn ask(client: &Client, key: &str, round: usize) {
    let send = |method: &str, target: &str, body: &str| send(client, key, method, target, body);
    for user in 0..8 {
        let event = json!({"visitorid": format!("u{user}"), "itemid": format!("i{:02}", round % 12), "event": "view"});
        send("POST", "/events", &event.to_string());
        send("GET", &format!("/recommendations?user_id=u{user}&k=5"), "");
        send("GET", &format!("/users/u{user}/history"), "");
    }
    send("GET", "/recommendations?user_id=u1&k=0", "");
    send("GET", "/recommendations?user_id=u1&scenario=home", "");
    send("POST", "/events", r#"{"visitorid":"u1"}"#);
    send("PUT", "/items/i01", &json!({"price": round}).to_string());
    send("DELETE", "/users/nobody", "");
    let [good, bad] = rows(300, round);
    send("POST", PREDICT, &good);
    send("POST", PREDICT, &bad);
    let stranger = client.send("GET", "/popular", "", b"").expect("an answer");
    assert_eq!(stranger.status, 401);
}
