//! Versions on disk and in Redis: pruning, rollback, records that come back.

#[path = "../../shared/tests/support/redis_server.rs"]
mod redis_server;
mod support;

use std::fs;

use redis_server::RedisServer;
use shared::id::UserId;
use shared::keys::user_key;
use shared::snapshot::Snapshot;
use support::{champion, offline, offline_fails, sample, text};

#[test]
fn only_the_kept_versions_remain_and_rollback_goes_back_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, _) = sample();
    let run = || offline(&["run", "--events", text(&events), "--artifacts", text(folder.path())]);
    let printed: Vec<String> = (0..5).map(|_| run()).collect();
    let versions = offline::publish::versions::list(folder.path()).expect("lists");
    assert_eq!(versions.len(), 3);
    assert!(printed[4].contains(&versions[2]));
    let back = offline(&["rollback", "--artifacts", text(folder.path())]);
    assert!(back.contains(&versions[1]), "{back}");
    assert_eq!(champion(folder.path()), folder.path().join(&versions[1]));
    let error = offline_fails(&["rollback", "--artifacts", text(folder.path()), "--to", "v000001-none"]);
    assert!(error.contains(&versions[0]), "the kept versions are named: {error}");
}

#[test]
fn train_leaves_the_champion_and_publish_moves_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, _) = sample();
    offline(&["run", "--events", text(&events), "--artifacts", text(folder.path())]);
    let first = champion(folder.path());
    offline(&["train", "--events", text(&events), "--artifacts", text(folder.path())]);
    assert_eq!(champion(folder.path()), first);
    offline(&["publish", "--artifacts", text(folder.path())]);
    assert_ne!(champion(folder.path()), first);
}

#[test]
fn rollback_puts_back_records_that_redis_lost() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, _) = sample();
    for _ in 0..2 {
        let to = text(folder.path());
        offline(&["run", "--events", text(&events), "--artifacts", to, "--redis", &redis.url()]);
    }
    let first = offline::publish::versions::list(folder.path()).expect("lists").swap_remove(0);
    let all_records = || {
        let snapshot = Snapshot::load(&folder.path().join(&first)).expect("loads");
        snapshot.users().iter().all(|(user, record)| {
            let key = user_key("tandem", &UserId::new(user).expect("an id"), &first);
            redis.command::<Option<Vec<u8>>>(&["GET", &key]).as_deref() == Some(record)
        })
    };
    assert!(all_records());
    redis.command::<()>(&["FLUSHALL"]);
    assert!(!all_records());
    offline(&["rollback", "--artifacts", text(folder.path()), "--redis", &redis.url()]);
    assert!(all_records());
}

#[test]
fn a_redis_that_is_away_leaves_the_champion_as_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, _) = sample();
    offline(&["run", "--events", text(&events), "--artifacts", text(folder.path())]);
    let before = champion(folder.path());
    let away = ["run", "--events", text(&events), "--artifacts", text(folder.path()), "--redis", "redis://127.0.0.1:1"];
    let error = offline_fails(&away);
    assert!(error.contains("redis at redis://127.0.0.1:1"), "{error}");
    assert_eq!(champion(folder.path()), before);
    fs::metadata(before).expect("the champion's folder is there");
}
