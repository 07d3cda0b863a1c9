//! The clients that are made of the description, against a service: every call once, and what is tried again.
//!
//! `make test-clients` makes them, and says by `TANDEM_TEST_CLIENTS` where they are; without it nothing is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use online::auth::issue::{Order, issue};
use online::auth::scopes::Scope;

use crate::common::{Running, config};
use crate::golden;

/// Runs a program with the address of a service, a key for it, and the file of examples.
fn run(program: impl Fn(&Path) -> PathBuf, script: &str) {
    let Some(made) = std::env::var_os("TANDEM_TEST_CLIENTS") else {
        eprintln!("skipped: {script} (`make test-clients` runs it)");
        return;
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    golden::publish(folder.path(), "format_2");
    let order = Order {
        name: "clients".to_owned(),
        scopes: vec![Scope::Read, Scope::Write, Scope::Admin],
        rate: None,
        burst: None,
    };
    let issued = issue(&order).expect("issued");
    let mut config = config(folder.path());
    config.auth.keys = folder.path().join("keys.toml");
    fs::write(&config.auth.keys, &issued.entry).expect("writes");
    let service = Running::start(&config);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program(Path::new(&made)));
    let output = command
        .arg(here.join("tests/clients").join(script))
        .arg(format!("http://{}", service.client.address()))
        .arg(&issued.secret)
        .arg(here.join("clients/README.md"))
        .env("TANDEM_TEST_CLIENTS", &made)
        .output()
        .unwrap_or_else(|error| panic!("{script}: {error}; run make test-clients"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}\n{}{}", text(&output.stdout), text(&output.stderr));
    service.stop();
}

#[test]
fn the_client_of_python_makes_every_call_and_tries_again_what_passes() {
    run(|made| made.join("venv/bin/python"), "tandem.py");
}

#[test]
fn the_client_of_typescript_makes_every_call_and_tries_again_what_passes() {
    run(|_| PathBuf::from("node"), "tandem.mjs");
}
