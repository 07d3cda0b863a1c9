//! A Redis Cluster of the test's own, on free ports of the loopback: three primaries with a replica each, without
//! persistence, ended by their ids.
#![allow(dead_code)]

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PRIMARIES: usize = 3;
/// How long a node must be silent to be taken for dead.
const NODE_TIMEOUT_MS: &str = "500";

/// A running cluster: the primaries, then their replicas.
pub struct RedisCluster {
    nodes: Vec<Node>,
    _folder: tempfile::TempDir,
}

struct Node {
    child: Child,
    port: u16,
}

/// Ports that are free, all of them different.
fn free_ports(count: usize) -> Vec<u16> {
    let listen = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let listeners: Vec<TcpListener> = (0..count).map(listen).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address").port()).collect()
}

fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the cluster: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Node {
    fn try_command<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let url = format!("redis://127.0.0.1:{}/", self.port);
        redis::cmd(words[0]).arg(&words[1..]).query(&mut redis::Client::open(url)?.get_connection()?)
    }

    fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }
}

impl RedisCluster {
    /// Starts a cluster and waits until every node knows that it is whole.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let ports = free_ports(4 * PRIMARIES);
        let (ports, buses) = ports.split_at(2 * PRIMARIES);
        let spawn = |(&port, bus): (&u16, &u16)| {
            let dir = folder.path().join(port.to_string());
            std::fs::create_dir(&dir).expect("a folder");
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            command.args(["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()]);
            command.args(["--cluster-node-timeout", NODE_TIMEOUT_MS, "--repl-diskless-sync-delay", "0"]);
            // A replica is listed once it has received something, which may be a ping.
            command.args(["--repl-ping-replica-period", "1"]);
            command.arg("--dir").arg(&dir).stdout(Stdio::null()).stderr(Stdio::null());
            Node { child: command.spawn().expect("redis-server must be installed"), port }
        };
        let cluster = Self { nodes: ports.iter().zip(buses).map(spawn).collect(), _folder: folder };
        cluster.join(buses);
        cluster
    }

    /// What `redis-cli --cluster create` does, without its pauses.
    fn join(&self, buses: &[u16]) {
        for (at, node) in self.nodes.iter().enumerate() {
            eventually("every node answers", || node.try_command::<String>(&["PING"]).ok());
            node.command::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            if at < PRIMARIES {
                let share = 16384 / PRIMARIES;
                let last = if at + 1 == PRIMARIES { 16383 } else { (at + 1) * share - 1 };
                let (first, last) = ((at * share).to_string(), last.to_string());
                node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
            }
        }
        for (node, bus) in self.nodes.iter().zip(buses).skip(1) {
            let (port, bus) = (node.port.to_string(), bus.to_string());
            self.nodes[0].command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        for at in PRIMARIES..2 * PRIMARIES {
            let primary: String = self.nodes[at - PRIMARIES].command(&["CLUSTER", "MYID"]);
            let replicate = ["CLUSTER", "REPLICATE", &primary];
            eventually("every replica knows its primary", || self.nodes[at].try_command::<()>(&replicate).ok());
        }
        for node in &self.nodes {
            eventually("every node knows that it is whole", || {
                let slots: Vec<redis::Value> = node.try_command(&["CLUSTER", "SLOTS"]).ok()?;
                // First and last slot, the primary, its replica.
                let has_replica = |row: &redis::Value| matches!(row, redis::Value::Array(row) if row.len() == 4);
                let is_up = node.command::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
                (is_up && slots.len() == PRIMARIES && slots.iter().all(has_replica)).then_some(())
            });
        }
        for node in &self.nodes[PRIMARIES..] {
            eventually("every replica is up to date", || {
                node.command::<String>(&["INFO", "replication"]).contains("master_link_status:up").then_some(())
            });
        }
    }

    /// The URLs of all nodes, separated by commas.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(|node| format!("redis://127.0.0.1:{}/", node.port)).collect();
        urls.join(",")
    }

    /// Runs a command on every primary of the start; returns the answers.
    pub fn on_primaries<T: redis::FromRedisValue>(&self, words: &[&str]) -> Vec<T> {
        self.nodes[..PRIMARIES].iter().map(|node| node.command(words)).collect()
    }

    /// Runs a command on one of them.
    pub fn on_primary(&self, at: usize, words: &[&str]) {
        self.nodes[at].command::<redis::Value>(words);
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: &str) -> u16 {
        let asked = self.nodes.iter().find_map(|node| node.try_command(&["CLUSTER", "KEYSLOT", key]).ok());
        asked.expect("a node answers")
    }

    /// How often a command was called on all primaries of the start.
    pub fn calls(&self, command: &str) -> u64 {
        let start = format!("cmdstat_{command}:calls=");
        let of = |info: String| -> u64 {
            let line = info.lines().find_map(|line| line.strip_prefix(start.as_str()).map(str::to_owned));
            line.map_or(0, |rest| rest.split(',').next().expect("a count").parse().expect("a number"))
        };
        self.on_primaries(&["INFO", "commandstats"]).into_iter().map(of).sum()
    }

    /// Ends a primary at once.
    pub fn kill_primary(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.child.kill().expect("own child");
        node.child.wait().expect("own child");
    }

    /// Stops a primary, which keeps its connections and answers nothing.
    pub fn hang_primary(&self, at: usize) {
        let id = self.nodes[at].child.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &id]).status().expect("runs").success());
    }

    /// Moves a slot to another primary, and stops half way: what is asked for meanwhile is sent on by ASK.
    pub fn begin_to_move(&self, slot: u16, from: usize, to: usize) {
        let (slot, id) = (slot.to_string(), |at: usize| self.nodes[at].command::<String>(&["CLUSTER", "MYID"]));
        self.nodes[to].command::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
        self.nodes[from].command::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
        let keys: Vec<String> = self.nodes[from].command(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
        let port = self.nodes[to].port.to_string();
        for key in keys {
            self.nodes[from].command::<()>(&["MIGRATE", "127.0.0.1", &port, &key, "0", "1000"]);
        }
    }

    /// Ends the move: what is asked for at the old place is sent on by MOVED.
    pub fn end_to_move(&self, slot: u16, from: usize, to: usize) {
        let (slot, id) = (slot.to_string(), self.nodes[to].command::<String>(&["CLUSTER", "MYID"]));
        for at in [to, from] {
            self.nodes[at].command::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
    }

    /// The primary of the start that has a slot.
    pub fn owner(slot: u16) -> usize {
        (usize::from(slot) / (16384 / PRIMARIES)).min(PRIMARIES - 1)
    }
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // It may have ended already.
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
    }
}
