//! A redis-server of the test's own: on a free port, without persistence, ended by its id.
#![allow(dead_code)]

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running redis-server.
pub struct RedisServer {
    child: Child,
    port: u16,
    /// Empty where it asks for none.
    password: String,
    folder: tempfile::TempDir,
}

/// A redis-server that speaks TLS alone, and knows one user.
pub struct TlsServer {
    child: Child,
    folder: tempfile::TempDir,
    /// Where it answers that user.
    pub url: String,
}

fn openssl(folder: &tempfile::TempDir, arguments: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    let output = command.args(arguments).current_dir(folder.path()).output().expect("openssl must be installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl TlsServer {
    /// Starts it with a certificate of a new authority; it may be up a moment later.
    ///
    /// * `keys`: the prefix of the keys that the user may touch.
    pub fn start(user: &str, password: &str, keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        openssl(&folder, &["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=the authority"]);
        let leaf = ["-keyout", "key", "-out", "cert", "-subj", "/CN=redis", "-CA", "ca.pem", "-CAkey", "ca.key"];
        let names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
        openssl(&folder, &[&leaf[..], &names].concat());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let may = "+@read +@write +@scripting +@connection +cluster|slots";
        let config = format!(
            "port 0\ntls-port {port}\ntls-cert-file cert\ntls-key-file key\ntls-ca-cert-file ca.pem\n\
             tls-auth-clients no\nbind 127.0.0.1\nsave \"\"\nuser default off\n\
             user {user} on >{password} ~{keys}:* {may}\n"
        );
        std::fs::write(folder.path().join("redis.conf"), config).expect("writes");
        let mut command = Command::new("redis-server");
        command.arg("redis.conf").current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server must be installed: apt-get install --yes redis-server");
        Self { child, folder, url: format!("rediss://{user}:{password}@127.0.0.1:{port}/") }
    }

    /// The certificate of the authority.
    pub fn ca(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, password: &str, folder: &tempfile::TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.args(["--requirepass", password]);
    command.arg("--dir").arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server must be installed: apt-get install --yes redis-server")
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    pub fn start() -> Self {
        Self::start_with_password("")
    }

    /// Starts a server that answers to whoever knows a password, and waits until it does.
    pub fn start_with_password(password: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let folder = tempfile::tempdir().expect("temporary folder");
        let server = Self { child: spawn(port, password, &folder), port, password: password.to_owned(), folder };
        server.await_answer();
        server
    }

    fn await_answer(&self) {
        let start = Instant::now();
        while self.try_command::<String>(&["PING"]).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "redis-server does not answer on port {}", self.port);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where it answers, with the password.
    pub fn url(&self) -> String {
        match self.password.as_str() {
            "" => format!("redis://127.0.0.1:{}/", self.port),
            password => format!("redis://:{password}@127.0.0.1:{}/", self.port),
        }
    }

    /// Runs a command.
    pub fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn try_command<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection)
    }

    /// How often a command was called, by Redis' own counters.
    pub fn calls(&self, command: &str) -> u64 {
        let info: String = self.command(&["INFO", "commandstats"]);
        let start = format!("cmdstat_{command}:calls=");
        let line = info.lines().find_map(|line| line.strip_prefix(start.as_str()));
        line.map_or(0, |rest| rest.split(',').next().expect("a count").parse().expect("a number"))
    }

    /// Ends the server at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("own child");
        self.child.wait().expect("own child");
    }

    /// Starts it again, empty, on the same port.
    pub fn restart(&mut self) {
        self.child = spawn(self.port, &self.password, &self.folder);
        self.await_answer();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
