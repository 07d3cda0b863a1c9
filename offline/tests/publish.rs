//! Versions on disk and in Redis: pruning, rollback, records that come back.

use std::fs;

use shared::contract::id::UserId;
use shared::engine::keys::user_key;
use shared::engine::snapshot::Snapshot;

use crate::redis_cluster::RedisCluster;
use crate::redis_server::RedisServer;
use crate::support::{
    SMALL, champion, offline, offline_fails, offline_small, offline_with, sample, text, versions, write_shop,
};

#[test]
fn only_the_kept_versions_remain_and_rollback_goes_back_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, _) = sample();
    let run = || offline_small(&["run", "--events", text(&events), "--artifacts", text(folder.path())]);
    let printed: Vec<String> = (0..5).map(|_| run()).collect();
    let versions = versions(folder.path());
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
    offline_small(&["run", "--events", text(&events), "--artifacts", text(folder.path())]);
    let first = champion(folder.path());
    offline_small(&["train", "--events", text(&events), "--artifacts", text(folder.path())]);
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
        offline_small(&["run", "--events", text(&events), "--artifacts", to, "--redis", &redis.url()]);
    }
    let [first, last] = &versions(folder.path())[..] else { panic!("two versions") };
    let all_records = || {
        let snapshot = Snapshot::load(&folder.path().join(first)).expect("loads");
        snapshot.users().iter().all(|(user, record)| {
            let key = user_key("tandem", &UserId::new(user).expect("an id"), first);
            redis.command::<Option<Vec<u8>>>(&["GET", &key]).as_deref() == Some(record)
        })
    };
    let lifetimes = |version: &str| -> Vec<i64> {
        let keys: Vec<String> = redis.command(&["KEYS", &format!("*:user:{version}")]);
        keys.iter().map(|key| redis.command(&["TTL", key])).collect()
    };
    let ends = |version: &str| lifetimes(version).iter().all(|secs| (1..=3600).contains(secs));
    assert!(all_records() && ends(first) && lifetimes(last).iter().all(|secs| *secs == -1));
    redis.command::<()>(&["FLUSHALL"]);
    assert!(!all_records());
    offline(&["rollback", "--artifacts", text(folder.path()), "--redis", &redis.url()]);
    assert!(all_records() && lifetimes(first).iter().all(|secs| *secs == -1));
}

#[test]
fn a_redis_that_is_away_leaves_the_champion_as_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (events, _) = sample();
    offline_small(&["run", "--events", text(&events), "--artifacts", text(folder.path())]);
    let before = champion(folder.path());
    let away = ["run", "--events", text(&events), "--artifacts", text(folder.path()), "--redis", "redis://127.0.0.1:1"];
    let error = offline_fails(&away);
    assert!(error.contains("redis at redis://127.0.0.1:1"), "{error}");
    assert_eq!(champion(folder.path()), before);
    fs::metadata(before).expect("the champion's folder is there");
}

#[test]
fn records_of_a_version_of_another_format_get_a_lifetime_when_it_is_pruned() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = (folder.path().join("log.csv"), folder.path().join("artifacts"));
    write_shop(&log, 0..3, 0..30);
    let url = redis.url();
    let run = |keep: &str| {
        let arguments = ["run", "--events", text(&log), "--artifacts", text(&artifacts), "--redis", &url];
        let output = offline_with(&arguments, &[&SMALL[..], &[("TANDEM_PUBLISH__KEEP", keep)]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("3");
    run("3");
    let of_both = versions(&artifacts);
    // As another release left them: one of an unknown layout, one that lost its manifest's format besides.
    for version in &of_both {
        fs::write(artifacts.join(version).join("manifest.json"), r#"{"format_version": 999}"#).expect("writes");
    }
    fs::write(artifacts.join(&of_both[0]).join("users.safetensors"), "of another layout").expect("writes");
    // Neither a version's records nor of this shop.
    let others = ["tandem:{u000}:history".to_owned(), format!("other:{{u000}}:user:{}", of_both[0])];
    others.iter().for_each(|key| redis.command(&["SET", key, "x"]));
    run("1");
    let left = versions(&artifacts);
    assert_eq!(left.len(), 1);
    let lifetime = |key: &str| redis.command::<i64>(&["TTL", key]);
    for user in ["u000", "u001", "u002"] {
        let key = |version: &str| user_key("tandem", &UserId::new(user).expect("an id"), version);
        assert!(of_both.iter().all(|version| (1..=3600).contains(&lifetime(&key(version)))), "{user}");
        assert_eq!(lifetime(&key(&left[0])), -1, "no end");
    }
    assert!(others.iter().all(|key| lifetime(key) == -1));
}

#[test]
fn in_a_cluster_records_go_to_the_nodes_of_their_users_and_get_a_lifetime_there() {
    let cluster = RedisCluster::start();
    let folder = tempfile::tempdir().expect("temporary folder");
    let (log, artifacts) = (folder.path().join("log.csv"), folder.path().join("artifacts"));
    write_shop(&log, 0..12, 0..30);
    let url = cluster.url();
    let run = || {
        let arguments = ["run", "--events", text(&log), "--artifacts", text(&artifacts), "--redis", &url];
        let output = offline_with(&arguments, &[&SMALL[..], &[("TANDEM_PUBLISH__KEEP", "2")]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run();
    run();
    let first = versions(&artifacts).swap_remove(0);
    // Its records are found by a scan of all nodes.
    fs::write(artifacts.join(&first).join("users.safetensors"), "of another layout").expect("writes");
    run();
    let kept = versions(&artifacts);
    let mut connection = redis::cluster::ClusterClient::new(url.split(',')).and_then(|client| client.get_connection());
    let connection = connection.as_mut().expect("connects");
    for user in (0..12).map(|number| UserId::new(format!("u{number:03}")).expect("an id")) {
        let mut lifetime = |version: &str| -> i64 {
            redis::cmd("TTL").arg(user_key("tandem", &user, version)).query(connection).expect("answers")
        };
        assert!((1..=3600).contains(&lifetime(&first)) && (1..=3600).contains(&lifetime(&kept[0])), "{user:?}");
        assert_eq!(lifetime(&kept[1]), -1, "{user:?}");
    }
    let records: Vec<i64> = cluster.on_primaries(&["DBSIZE"]);
    assert!(records.iter().sum::<i64>() == 36 && records.iter().all(|keys| *keys > 0), "{records:?}");
}
