//! What a bad network to Redis costs.

use std::time::{Duration, Instant};

use super::{folder, history_len, on_redis, post};
use crate::common::proxy::{Fault, Proxy};
use crate::common::redis_server::RedisServer;
use crate::common::{Running, eventually};

#[test]
fn a_bad_network_to_redis_costs_no_answer_and_no_event() {
    let (folder, server) = (folder(), RedisServer::start());
    let redis = server.url().trim_start_matches("redis://").trim_end_matches('/').parse().expect("an address");
    let proxy = Proxy::start(redis);
    let mut config = on_redis(folder.path(), &server, "a");
    config.store.redis_url = format!("redis://{}/", proxy.address()).into();
    (config.store.timeout_ms, config.store.write_timeout_ms) = (50, 200);
    let service = Running::start(&config);
    let client = service.client;
    let mut events = 0;
    let ms = Duration::from_millis;
    for fault in [Fault::Delay(ms(300)), Fault::Cut, Fault::HalfOpen, Fault::SlowBytes(ms(20))] {
        eventually("personal before", || (post(&client, "u", events) == 200).then_some(()));
        events += 1;
        let fallbacks = client.metric("recommendation_requests_total{outcome=\"fallback\"}");
        proxy.set(fault);
        for _ in 0..3 {
            let status = post(&client, "u", events);
            assert!(matches!(status, 200 | 202), "{fault:?}: {status}");
            events += 1;
            let asked = Instant::now();
            assert_eq!(client.get("/recommendations?user_id=u&k=3&item_id=i05").status, 200, "{fault:?}");
            assert!(asked.elapsed() < Duration::from_secs(2), "{fault:?}: {:?}", asked.elapsed());
        }
        let more = client.metric("recommendation_requests_total{outcome=\"fallback\"}") - fallbacks;
        assert!(more >= 1.0, "{fault:?} was not felt");
        proxy.set(Fault::None);
        eventually("all events are applied, each once", || (history_len(&client, "u") == Some(events)).then_some(()));
    }
    service.stop();
}

#[test]
fn a_store_that_hangs_is_not_asked_any_more_after_a_few_slates() {
    let (folder, server) = (folder(), RedisServer::start());
    let redis = server.url().trim_start_matches("redis://").trim_end_matches('/').parse().expect("an address");
    let proxy = Proxy::start(redis);
    let mut config = on_redis(folder.path(), &server, "a");
    config.store.redis_url = format!("redis://{}/", proxy.address()).into();
    // The store may take 80 ms of it.
    config.server.deadline_ms = 100;
    let service = Running::start(&config);
    assert_eq!(post(&service.client, "u", 1), 200);
    proxy.set(Fault::HalfOpen);
    let is_open = || service.client.metric("tandem_store_breaker_open{link=\"reads\"}") == 1.0;
    // Sooner than a PING would find it out.
    let asked = (1..=20).find(|_| {
        assert_eq!(service.client.get("/recommendations?user_id=u&k=3").status, 200);
        is_open()
    });
    assert!(asked.is_some_and(|asked| (8..=16).contains(&asked)), "{asked:?}");
    proxy.set(Fault::None);
    service.stop();
}
