//! The service as a process of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::http::Client;
use super::{eventually, shop};

/// Where a process will answer.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

/// A folder with the published shop.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    shop::publish(&folder.path().join("artifacts"), "v1");
    folder
}

/// The environment of a service, without a drain.
pub fn with_settings<'a>(command: &'a mut Command, folder: &Path, address: SocketAddr, redis: &str) -> &'a mut Command {
    command
        .env("TANDEM_SERVER__LISTEN", address.to_string())
        .env("TANDEM_ARTIFACTS__PATH", folder.join("artifacts"))
        .env("TANDEM_EVENTS__PATH", folder.join("log"))
        .env("TANDEM_SLATES__PATH", folder.join("slates"))
        .env("TANDEM_SERVED__PATH", folder.join("served"))
        .env("TANDEM_STORE__REDIS_URL", redis)
        .env("TANDEM_EVENTS__REPLICA", "7")
        .env("TANDEM_SERVER__DRAIN_MS", "0")
        .env("TANDEM_SERVER__DEADLINE_MS", "10000")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// The binary.
pub fn online() -> Command {
    Command::new(env!("CARGO_BIN_EXE_online"))
}

/// Starts a service and waits until it answers.
pub fn start(folder: &Path, address: SocketAddr, redis: &str) -> Child {
    let child = with_settings(&mut online(), folder, address, redis).spawn().expect("starts");
    await_health(address);
    child
}

/// Waits until a service answers.
pub fn await_health(address: SocketAddr) {
    let client = Client::new(address);
    eventually("healthy", || client.send("GET", "/health", "", b"").ok().filter(|answer| answer.status == 200));
}

/// Kills a service.
pub fn end(mut child: Child) {
    child.kill().expect("own child");
    child.wait().expect("own child");
}

/// Sends a signal such as `TERM`.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(sent.expect("runs").success());
}

/// Waits until a service has ended by itself.
pub fn await_end(mut child: Child) -> ExitStatus {
    eventually("the process ends", || child.try_wait().expect("own child"))
}
