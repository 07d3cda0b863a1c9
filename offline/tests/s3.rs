//! Versions are published to a real S3 server, served from it by processes of their own, and put back; whatever the network does,
//! a replica serves one version or the other.
//!
//! The server takes a while to install (`make test-s3` does it): without the Python that has it, named by `TANDEM_TEST_S3`, the
//! tests say so and are passed over.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::objects::{LOG, Machine, Replica, S3, promoted};
use crate::support::{CLOCK, SMALL, eventually, within};

#[allow(dead_code)]
#[path = "../../online/tests/common/proxy.rs"]
mod proxy;

use proxy::{Fault, Proxy};

#[test]
fn a_version_is_published_served_by_two_replicas_and_put_back() {
    let Some(s3) = S3::start() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let machine = |name: &str| Machine::new(folder.path(), name, s3.address);
    let (batch, other, a, b) = (machine("batch"), machine("other"), machine("a"), machine("b"));
    let first = promoted(&batch.run(10));
    let replicas = [Replica::start(&a, "a"), Replica::start(&b, "b")];
    replicas.iter().for_each(|replica| replica.serves(&first));

    // Another machine goes on from what is in the store, and does not know the first.
    let second = promoted(&other.run(12));
    assert_ne!(first, second);
    replicas.iter().for_each(|replica| replica.serves(&second));
    let begin = Instant::now();
    assert_eq!(promoted(&batch.succeeds(&["rollback"])), first);
    replicas.iter().for_each(|replica| replica.serves(&first));
    println!("a rollback took {:?} until both served it", begin.elapsed());
    assert!(batch.succeeds(&["runs", "list"]).contains("run"));

    // What the replicas were told is in the next version.
    replicas.iter().for_each(|replica| replica.posts(r#"{"visitorid":"u1","itemid":"i3","event":"view"}"#));
    eventually("both logs are shipped", || {
        let printed = batch.says(&["ingest", "--events", LOG]);
        printed.contains("2 rows: 2 events")
    });
}

#[test]
fn slates_of_all_replicas_are_in_the_store_when_they_have_stopped_with_what_came_of_them_elsewhere() {
    let Some(s3) = S3::start() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let machine = |name: &str| Machine::new(folder.path(), name, s3.address);
    let (batch, a, b) = (machine("batch"), machine("a"), machine("b"));
    let version = promoted(&batch.run(10));
    let replicas = [Replica::start(&a, "a"), Replica::start(&b, "b")];
    replicas.iter().for_each(|replica| replica.serves(&version));
    let answer = replicas[0].get("/recommendations?user_id=visitor&k=3").expect("answers");
    let slate: Value = serde_json::from_slice(&answer.body).expect("JSON");
    // The replica that is told knows nothing of the slate.
    let mut click = json!({"visitorid": "visitor", "event": "view", "itemid": slate["items"][0]["item_id"]});
    click["recommendation_id"] = slate["recommendation_id"].clone();
    replicas[1].posts(&click.to_string());
    replicas[0].posts(r#"{"visitorid":"stranger","itemid":"i3","event":"view"}"#);
    // Those of the last second are logged at the stop, and shipped then.
    replicas.iter().for_each(|replica| drop(replica.version().expect("answers")));
    assert!(replicas.into_iter().all(Replica::stop), "the replicas end in order");
    let found = batch.outcomes();
    assert_eq!(found["slates"], json!(a.slates_logged() + b.slates_logged()), "{found}");
    assert!(a.slates_logged() > 1 && b.slates_logged() > 1);
    let counts = ["events", "attributed", "unknown_slates", "unreadable_lines"].map(|name| &found[name]);
    assert_eq!(counts, [&json!(2), &json!(1), &json!(0), &json!(0)], "{found}");
    // The mirror has slates beside the events now, which are no events.
    let printed = batch.says(&["ingest", "--events", LOG]);
    assert!(printed.contains("2 rows: 2 events"), "{printed}");
    let printed = batch.fails(&["erase", "--user", "visitor", "--events", "log", "--slates", LOG]);
    assert!(printed.contains("run it where the replicas write this log"), "{printed}");
}

#[test]
fn a_store_that_is_away_slow_or_cut_costs_no_answer_and_publishes_nothing_by_half() {
    let Some(s3) = S3::start() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let proxy = Proxy::start(s3.address);
    let batch = Machine::new(folder.path(), "batch", s3.address);
    let far = Machine::new(folder.path(), "far", proxy.address());
    let first = promoted(&batch.run(10));
    let replica = Replica::start_without_slates(&far, "a");
    replica.serves(&first);

    // Away: the replica serves on, a batch fails and says why, a start serves the cache.
    proxy.set(Fault::Cut);
    let printed = far.fails(&["run", "--no-gate", "--events", &far.shop(11)]);
    assert!(printed.contains("the store can't be reached, or fails"), "{printed}");
    let second = promoted(&batch.run(12));
    assert_eq!(replica.version().as_deref(), Some(&*first));
    drop(replica);
    let replica = Replica::start_without_slates(&far, "a");
    assert_eq!(replica.version().as_deref(), Some(&*first), "the cache is served");
    // Without a cache there is nothing to serve.
    let bare = Machine::new(folder.path(), "bare", proxy.address());
    let mut none = Replica::spawn(&bare, "b");
    eventually("it ends", || none.child.try_wait().expect("own child").is_some());
    let said = fs::read_to_string(bare.folder.join("online.log")).expect("reads");
    assert!(said.contains("the store can't be reached, or fails"), "{said}");

    // Slow, and back.
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    // Its next try may be some seconds away, and each of some dozen requests takes as long.
    let is_served = || replica.version().as_deref() == Some(&*second);
    within(Duration::from_secs(90), "what was published meanwhile is served", is_served);
    // Cut again and again while a version comes: it goes on where it was cut.
    let third = promoted(&batch.run(14));
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
fn a_version_is_published_and_the_store_is_free_while_a_slow_mlflow_is_told() {
    let Some(s3) = S3::start() else { return };
    let folder = tempfile::tempdir().expect("temporary folder");
    let batch = Machine::new(folder.path(), "batch", s3.address);
    // It takes connections, and says nothing.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let mut run = batch.command(&["run", "--events", &batch.shop(10), "--mlflow", &url, "--mlflow-timeout", "600"]);
    let mut run = run.envs(CLOCK).envs(SMALL).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let _asked = silent.accept().expect("a connection");
    assert!(run.try_wait().expect("own child").is_none(), "it is not over");
    let other = Machine::new(folder.path(), "other", s3.address);
    let version = promoted(&other.succeeds(&["publish"]));
    assert!(other.succeeds(&["versions", "list"]).contains(&version));
    run.kill().expect("own child");
    run.wait().expect("own child");
    // The next batch knows of the run that was not told.
    let printed = batch.succeeds(&["publish", "--mlflow", &url, "--mlflow-timeout", "1"]);
    assert!(printed.contains("warning: mlflow at") && printed.contains("timed out"), "{printed}");
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
        let mut run = batch.command(&["run", "--no-gate", "--allow-shrink", "--wait", "--events", &events]);
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
    let last = promoted(&batch.run(40));
    let reader = Machine::new(folder.path(), "reader", s3.address);
    assert!(reader.succeeds(&["versions", "list"]).contains(&last));
}
