//! The stores of the rows of keys, told the same: in memory, on a redis-server, on a Redis Cluster of the test's own.

use std::sync::Arc;
use std::time::Duration;

use online::store::redis::Settings;
use online::store::rows::{LogName, Merge, Step, TIMES_PER_KEY, Target};
use online::store::{EmbeddedRows, Mark, Position, Redis, Retention, RowStore};
use shared::engine::keys::row_key;
use shared::engine::tabular::column::Level;
use shared::engine::tabular::live::{HistoryId, LiveRow, Origin};

use crate::common::redis_cluster::RedisCluster;
use crate::common::redis_server::RedisServer;

fn settings(url: String) -> Settings {
    Settings {
        url: url.into(),
        ca: None,
        prefix: "test".to_owned(),
        replica: "a".to_owned(),
        timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        retention: Retention { max_events: 4, max_older: 3, ttl_ms: 1_000_000 },
    }
}

#[tokio::test]
async fn rows_of_keys_are_the_same_in_all_stores() {
    let (server, cluster) = (RedisServer::start(), RedisCluster::start());
    let redis = Redis::open(settings(server.url()), Arc::default()).await.expect("opens");
    let in_cluster = Redis::open(settings(cluster.url()), Arc::default()).await.expect("opens");
    let embedded = EmbeddedRows::default();
    let stores: [&dyn RowStore; 3] = [&redis, &in_cluster, &embedded];
    let log = LogName::new("a", "1");
    let mut state = 11_u64;
    let mut drawn = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    for (number, merge) in [(1, Merge::Sum), (2, Merge::Last)] {
        let history = HistoryId::of("m", Origin::Sent, "key", &number.to_string());
        let target = Target { history, log: log.clone(), merge };
        let keys = [Level(3), Level(u64::MAX)];
        let mut from = None;
        for step in 1..=20 {
            let row = |at: u64| {
                let time_ms = 1_700_000_000_000 + (step * 20 + at) as i64 * 977;
                let values = if merge == Merge::Sum { vec![1.0] } else { vec![drawn(5) as f32, f32::NAN] };
                (keys[(at % 2) as usize], LiveRow { time_ms, values })
            };
            let rows: Vec<(Level, LiveRow)> = (0..20).map(row).collect();
            let to = Position { file: 1, offset: step };
            for store in stores {
                assert_eq!(store.add(&target, &rows, Step { from, to }).await.expect("adds"), Mark::Moved);
                // What was added is not added again, whatever the client believes.
                let again = store.add(&target, &rows, Step { from, to }).await.expect("answers");
                assert_eq!(again, Mark::Found(Some(to)));
                assert_eq!(store.mark(history, &log).await.expect("answers"), Some(to));
                assert_eq!(store.mark(history, &LogName::new("a", "2")).await.expect("answers"), None);
            }
            from = Some(to);
        }
        let wanted = [(history, [&keys[..], &[Level(4)]].concat())].into();
        let read = [redis.rows(&wanted).await, in_cluster.rows(&wanted).await, embedded.rows(&wanted).await];
        let [of_redis, of_cluster, of_embedded] = read.map(|rows| {
            // Values that are no number are not equal to themselves.
            format!("{:?}", rows.expect("reads"))
        });
        assert_eq!(of_redis, of_embedded);
        assert_eq!(of_cluster, of_embedded);
        let rows = embedded.rows(&wanted).await.expect("reads");
        assert!(rows[&history].values().all(|rows| rows.len() == TIMES_PER_KEY) && rows[&history].len() == 2);
    }
}

#[tokio::test]
async fn a_damaged_count_is_replaced_and_the_rest_is_added() {
    let server = RedisServer::start();
    let redis = Redis::open(settings(server.url()), Arc::default()).await.expect("opens");
    let (history, key) = (HistoryId::of("m", Origin::Sent, "key", "3"), Level(5));
    server.command::<i64>(&["HSET", &row_key("test", history, key), "1000", "rubbish"]);
    let target = Target { history, log: LogName::new("a", "1"), merge: Merge::Sum };
    let rows =
        [(key, LiveRow { time_ms: 1000, values: vec![2.0] }), (key, LiveRow { time_ms: 2000, values: vec![1.0] })];
    redis.add(&target, &rows, Step { from: None, to: Position { file: 1, offset: 1 } }).await.expect("adds");
    let live = redis.rows(&[(history, vec![key])].into()).await.expect("reads");
    assert_eq!(live[&history][&key], [rows[0].1.clone(), rows[1].1.clone()]);
}
