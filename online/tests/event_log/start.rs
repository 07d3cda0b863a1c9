//! What a start applies of the logs.

use std::sync::Arc;

use online::events::writer::{Append, Writer};
use online::events::{Events, Visible, now_ms};
use online::store::{Embedded, Position, UserStore};
use shared::contract::erasure::Erasure;
use shared::contract::event::Event;
use shared::contract::id::UserId;
use tokio::sync::oneshot;

use super::{RETENTION, event, lines, nothing_covered, open, read, settings};

#[tokio::test]
async fn a_start_applies_the_logs_of_all_replicas() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for replica in ["a", "b"] {
        let mut writer = Writer::open(&settings(folder.path(), replica), Arc::default()).expect("opens");
        let events: Vec<Event> = (0..50).map(|number| event(&format!("of-{replica}"), number)).collect();
        writer.append(&lines(&events)).expect("appends");
    }
    let store = Arc::new(Embedded::new(RETENTION));
    let (events, running) =
        Events::open(settings(folder.path(), "a"), store.clone(), Arc::default(), nothing_covered(), Arc::default())
            .await
            .expect("opens");
    for user in ["of-a", "of-b"] {
        let user = UserId::new(user).expect("valid id");
        let stored = store.read(&user, "v", now_ms()).await.expect("reads");
        assert_eq!(stored.history.recent.len(), 50);
    }
    assert_eq!(events.accept(vec![event("of-a", 50)], Vec::new()).await.expect("accepts"), Visible::Now { new: 1 });
    events.close(running).await;
    let end = store.applied().await.expect("reads").expect("a mark");
    assert_eq!(read(folder.path(), Position::START, u64::MAX).next, end);
    assert!(events.accept(vec![event("of-a", 51)], Vec::new()).await.is_err());
}

#[tokio::test]
async fn after_a_start_what_arrives_counts_though_the_clock_is_behind_that_of_an_erasure() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let user = UserId::new("u").expect("valid id");
    let erasure = Erasure { user: user.clone(), received_ms: now_ms() + 3_600_000 };
    let line = Append::erasure(erasure, oneshot::channel().0).lines;
    open(folder.path()).append(&line).expect("appends");
    let store = Arc::new(Embedded::new(RETENTION));
    let (events, running) =
        Events::open(settings(folder.path(), "a"), store.clone(), Arc::default(), nothing_covered(), Arc::default())
            .await
            .expect("opens");
    assert_eq!(events.accept(vec![event("u", 1)], Vec::new()).await.expect("accepts"), Visible::Now { new: 1 });
    assert_eq!(store.read(&user, "v", now_ms()).await.expect("reads").history.recent.len(), 1);
    events.close(running).await;
}
