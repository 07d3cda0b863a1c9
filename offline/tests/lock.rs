//! Two batches at once in one folder: the second one says who has it, or waits; one that died is in nobody's way.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use offline::publish::{Artifacts, Move, Pointers, point};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use shared::contract::artifact::manifest::write_champion;
use shared::contract::event_log;

use crate::support::loans::{Bank, loans};
use crate::support::{
    CLOCK, SMALL, champion, command, eventually, offline, offline_with, sample, text, versions, write_shop,
};

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
    for arguments in [&["run", "--events", text(&log)][..], &["train", "--events", text(&log)]] {
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

/// A command that waits for the pointers, which a test holds, and what it says from then on.
fn waiting(arguments: &[&str], environment: &[(&str, &str)]) -> (Child, BufReader<ChildStderr>) {
    let mut waits = command();
    let waits = with_small_settings(&mut waits).args(arguments).envs(environment.iter().copied());
    let mut waits = waits.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut told = BufReader::new(waits.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("waiting for") {
        line.clear();
        assert!(told.read_line(&mut line).expect("text") > 0, "it ended without a wait");
    }
    assert!(line.contains("held by process") && line.contains("`a test`"), "{line}");
    (waits, told)
}

/// The rest of what a command says, with whether it succeeded.
fn ends(mut child: Child, mut told: BufReader<ChildStderr>) -> (bool, String) {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut told, &mut text).expect("text");
    (child.wait().expect("own child").success(), text)
}

/// A shop that has been published so many times; returns its log and its artifacts.
fn published(folder: &Path, times: usize) -> (String, String) {
    let (log, artifacts) = (folder.join("log.csv"), folder.join("artifacts"));
    write_shop(&log, 0..20, 0..30);
    let (log, artifacts) = (text(&log).to_owned(), text(&artifacts).to_owned());
    for _ in 0..times {
        assert!(offline_with(&["run", "--events", &log, "--artifacts", &artifacts], &SMALL).status.success());
    }
    (log, artifacts)
}

fn take(artifacts: &str) -> Pointers {
    Pointers::take(Path::new(artifacts), "a test", Duration::ZERO).expect("is free")
}

#[test]
fn a_rollback_does_not_wait_for_a_batch_which_then_leaves_the_champion_as_it_was_put_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = published(folder.path(), 2);
    let kept = versions(Path::new(&artifacts));
    let run = ["run", "--events", &log, "--artifacts", &artifacts];
    let records = folder.path().join("records");
    // The batch has built its version and is about to promote it: it is halted there, with the folder.
    let pointers = take(&artifacts);
    let (batch, told) = waiting(&run, &[("TANDEM_RUNS", text(&records)), ("TANDEM_RUN_ID", "batch")]);
    let signal = |signal| kill_process(Pid::from_child(&batch), signal).expect("it lives");
    signal(Signal::STOP);
    drop(pointers);
    assert!(Artifacts::hold(Path::new(&artifacts), "a test", Duration::ZERO).is_err(), "the batch has the folder");
    let begin = Instant::now();
    let told_of = offline(&["rollback", "--artifacts", &artifacts]);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(told_of.contains(&format!("champion: {}", kept[0])), "{told_of}");
    for said in [&["alias", "good", &kept[0]][..], &["tag", &kept[1], "bad=yes"], &["note", &kept[1], "bad slates"]] {
        offline(&[&["versions"], said, &["--artifacts", &artifacts]].concat());
    }
    signal(Signal::CONT);
    let (done, told) = ends(batch, told);
    let built = versions(Path::new(&artifacts)).pop().expect("a version");
    assert!(!done && told.contains(&format!("the champion was {}, and is {}", kept[1], kept[0])), "{told}");
    assert!(told.contains(&format!("`offline publish --version {built}`")), "{told}");
    let record: Value = serde_json::from_slice(&fs::read(records.join("batch.json")).expect("a record")).expect("JSON");
    assert_eq!((&record["status"], &record["version"]), (&"refused".into(), &built.as_str().into()));
    let named = |name: &str| fs::read_to_string(Path::new(&artifacts).join(name)).expect("reads");
    assert_eq!((named("champion"), named("aliases/good")), (format!("{}\n", kept[0]), format!("{}\n", kept[0])));
    // The next one compares with the champion that is, and follows it.
    assert!(offline_with(&run, &SMALL).status.success());
    assert!(named("champion") > built);
}

#[test]
fn a_version_that_is_named_while_a_batch_ends_is_not_removed_by_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = published(folder.path(), 2);
    let [first, second] = &versions(Path::new(&artifacts))[..] else { panic!("two versions") };
    let pointers = take(&artifacts);
    let run = ["run", "--events", &log, "--artifacts", &artifacts];
    let (batch, told) = waiting(&run, &[("TANDEM_PUBLISH__KEEP", "1")]);
    kill_process(Pid::from_child(&batch), Signal::STOP).expect("it lives");
    drop(pointers);
    offline(&["versions", "alias", "old", first, "--artifacts", &artifacts]);
    kill_process(Pid::from_child(&batch), Signal::CONT).expect("it lives");
    let (done, told) = ends(batch, told);
    assert!(done, "{told}");
    let kept = versions(Path::new(&artifacts));
    assert!(kept.contains(first) && !kept.contains(second) && kept.len() == 2, "{kept:?}");
}

#[test]
fn a_rollback_that_waited_while_the_champion_moved_does_not_go_back_to_the_one_it_was_to_leave() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = published(folder.path(), 2);
    assert!(offline_with(&["train", "--events", &log, "--artifacts", &artifacts], &SMALL).status.success());
    let [_, second, third] = &versions(Path::new(&artifacts))[..] else { panic!("three versions") };
    let pointers = take(&artifacts);
    let (rollback, told) = waiting(&["rollback", "--artifacts", &artifacts], &[]);
    write_champion(Path::new(&artifacts), third).expect("moves");
    drop(pointers);
    let (done, told) = ends(rollback, told);
    assert!(!done && told.contains(&format!("the champion was {second}, and has become {third}")), "{told}");
    assert_eq!(fs::read_to_string(Path::new(&artifacts).join("champion")).expect("reads"), format!("{third}\n"));
}

#[test]
fn a_version_is_published_beside_a_batch_which_removes_old_ones_in_its_stead() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = published(folder.path(), 1);
    assert!(offline_with(&["train", "--events", &log, "--artifacts", &artifacts], &SMALL).status.success());
    let held = Artifacts::hold(Path::new(&artifacts), "a test", Duration::ZERO).expect("is free");
    let publish = ["publish", "--artifacts", &artifacts];
    let output = offline_with(&publish, &[("TANDEM_PUBLISH__KEEP", "1")]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("no old version was removed"), "{told}");
    assert_eq!(versions(Path::new(&artifacts)).len(), 2);
    drop(held);
    assert!(offline_with(&publish, &[("TANDEM_PUBLISH__KEEP", "1")]).status.success());
    assert_eq!(versions(Path::new(&artifacts)).len(), 1);
}

/// The files of a folder's versions that have a text in their bytes.
fn having(artifacts: &str, id: &str) -> usize {
    let of_version = |version: String| fs::read_dir(Path::new(artifacts).join(version)).expect("a folder");
    let files = versions(Path::new(artifacts)).into_iter().flat_map(of_version);
    let contents = files.map(|file| fs::read(file.expect("an entry").path()).expect("reads"));
    contents.filter(|bytes| memchr::memmem::find(bytes, id.as_bytes()).is_some()).count()
}

#[test]
fn a_rollback_does_not_wait_for_an_erasure_and_versions_are_exchanged_while_no_pointer_moves() {
    const USER: &str = "u001";
    let folder = tempfile::tempdir().expect("temporary folder");
    let (_, artifacts) = published(folder.path(), 2);
    let kept = versions(Path::new(&artifacts));
    let events = folder.path().join("events");
    fs::create_dir(&events).expect("makes");
    let log = event_log::path(&events, "a", 1);
    fs::write(&log, format!("{{\"timestamp\":1,\"visitorid\":\"{USER}\",\"event\":\"view\",\"itemid\":\"i1\"}}\n"))
        .expect("writes");
    // The service is about to append, for as long as the test likes.
    let appending = File::options().append(true).open(&log).expect("opens");
    appending.lock().expect("locks");
    let pointers = take(&artifacts);
    let erase = ["erase", "--user", USER, "--events", text(&events), "--slates", "", "--artifacts", &artifacts];
    let (mut erase, told) = waiting(&erase, &[]);
    let named = having(&artifacts, USER);
    assert!(named >= 2, "no version is exchanged while a pointer may move");
    drop(pointers);
    eventually("the versions are exchanged", || having(&artifacts, USER) == 0);
    assert!(Artifacts::hold(Path::new(&artifacts), "a test", Duration::ZERO).is_err(), "the erasure has the folder");
    let told_of = offline(&["rollback", "--wait", "20", "--artifacts", &artifacts]);
    assert!(told_of.contains(&format!("champion: {}", kept[0])), "{told_of}");
    assert!(erase.try_wait().expect("own child").is_none(), "it waits for the log");
    appending.unlock().expect("unlocks");
    let (done, told) = ends(erase, told);
    assert!(done, "{told}");
    assert!(!fs::read_to_string(&log).expect("reads").contains(USER));
}

#[test]
fn a_champion_of_a_model_that_moves_during_a_contest_is_contested_in_turn() {
    let bank = Bank::new(&loans(1500), "");
    bank.train(&[]);
    bank.train(&[]);
    let models = bank.path("artifacts/models/loans");
    let [first, second] = &versions(&models)[..] else { panic!("two versions") };
    assert_eq!(&bank.champion(), second);
    let pointers = take(text(&models));
    let paths = bank.paths();
    let (train, told) = waiting(&bank.arguments(&paths, &[]), &[]);
    // The contest is over when it waits: its outcome is written.
    let outcome: Value =
        serde_json::from_slice(&fs::read(models.join(".working/manifest.json")).expect("is written")).expect("JSON");
    assert_eq!(outcome["metrics"]["contest"]["against"], second.as_str());
    point(&pointers, first, Move::Back).expect("moves");
    drop(pointers);
    let (done, told) = ends(train, told);
    assert!(done, "{told}");
    let third = versions(&models).pop().expect("a version");
    let manifest: Value =
        serde_json::from_slice(&fs::read(models.join(&third).join("manifest.json")).expect("reads")).expect("JSON");
    assert_eq!(manifest["metrics"]["contest"]["against"], first.as_str());
    let champions = fs::read_to_string(models.join("champions")).expect("reads");
    assert_eq!(champions, format!("{first}\n{third}\n"));
}
