//! Two batches at once in one folder: the second one says who has it, or waits; one that died is in nobody's way.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use offline::publish::Artifacts;

use crate::support::{CLOCK, SMALL, champion, command, offline, offline_with, sample, text, versions, write_shop};

/// A batch that takes some seconds, after it has taken the folder.
fn slow_batch(artifacts: &Path) -> Child {
    let (events, _) = sample();
    let mut batch = command();
    batch.args(["run", "--events", text(&events), "--artifacts", text(artifacts)]);
    let child = batch.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let (lock, begin) = (artifacts.join(".lock"), Instant::now());
    while !fs::read_to_string(&lock).is_ok_and(|holder| holder.ends_with('\n')) {
        assert!(begin.elapsed() < Duration::from_secs(20), "the batch does not take the folder");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

fn with_small_settings(batch: &mut Command) -> &mut Command {
    batch.envs(SMALL).envs(CLOCK)
}

#[test]
fn the_second_batch_says_who_has_the_folder_and_touches_nothing_and_a_dead_one_is_in_nobodys_way() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    let artifacts = folder.path().join("artifacts");
    write_shop(&log, 0..20, 0..30);
    let mut first = slow_batch(&artifacts);
    for arguments in
        [&["run", "--events", text(&log)][..], &["train", "--events", text(&log)], &["publish"], &["rollback"]]
    {
        let output = offline_with(&[arguments, &["--artifacts", text(&artifacts)]].concat(), &SMALL);
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        let expected = format!("held by process {} on ", first.id());
        assert!(
            told.contains(&expected) && told.contains(": `offline run`, since 20") && told.contains("--wait"),
            "{told}"
        );
    }
    first.kill().expect("own child");
    first.wait().expect("own child");
    assert!(versions(&artifacts).is_empty(), "the first batch was killed before its end");
    let output = offline_with(&["run", "--events", text(&log), "--artifacts", text(&artifacts)], &SMALL);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(versions(&artifacts).len(), 1);
    assert!(!artifacts.join(".working").exists());
}

#[test]
fn a_batch_that_is_told_to_waits_and_gives_up_in_time() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    let artifacts = folder.path().join("artifacts");
    write_shop(&log, 0..20, 0..30);
    let held = Artifacts::hold(&artifacts, "a test", Duration::ZERO).expect("is free");
    let run = ["run", "--events", text(&log), "--artifacts", text(&artifacts)];
    let impatient = offline_with(&[&run[..], &["--wait", "0.2"]].concat(), &SMALL);
    let told = String::from_utf8_lossy(&impatient.stderr);
    assert_eq!(impatient.status.code(), Some(1));
    assert!(told.contains("waiting for") && told.contains("held by process"), "{told}");

    let mut batch = command();
    let patient = with_small_settings(&mut batch).args(run).arg("--wait").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut patient = patient.spawn().expect("starts");
    let mut told = BufReader::new(patient.stderr.take().expect("piped")).lines();
    let line = told.next().expect("a line").expect("text");
    assert!(line.starts_with("waiting for") && line.contains("`a test`"), "{line}");
    drop(held);
    told.for_each(|line| drop(line.expect("text")));
    assert!(patient.wait().expect("own child").success());
    champion(&artifacts);
}

#[test]
fn reading_a_folder_asks_for_no_lock() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let log = folder.path().join("log.csv");
    write_shop(&log, 0..20, 0..30);
    let artifacts = folder.path().join("artifacts");
    let run = ["run", "--events", text(&log), "--artifacts", text(&artifacts)];
    assert!(offline_with(&run, &SMALL).status.success());
    let _held = Artifacts::hold(&artifacts, "a test", Duration::ZERO).expect("is free");
    assert!(offline(&["export", "--table", "items", "--artifacts", text(&artifacts)]).contains("i00"));
    let unless = offline_with(&[&run[..], &["--unless-published"]].concat(), &SMALL);
    assert!(unless.status.success(), "{}", String::from_utf8_lossy(&unless.stderr));
    let evaluate = ["evaluate", "--task", "top-k", "--seen", "allow", "--events", text(&log)];
    let evaluate = [&evaluate[..], &["--artifacts", text(&artifacts)]].concat();
    assert!(offline_with(&evaluate, &SMALL).status.success());
}
