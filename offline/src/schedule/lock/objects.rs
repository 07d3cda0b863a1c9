//! A lease in an object store, which lives as long as it is renewed: [`shared::objects::lease`].
//!
//! As with one in Redis it is reckoned from before each renewal is sent, and given up a margin before others may take it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared::objects::lease::{self, LIFE_MS, Lease, RENEW_MS};
use shared::objects::{ObjectsError, Remote};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

/// How long before its end it is no longer relied on: clocks of machines differ.
const MARGIN_MS: i64 = 20_000;

/// A lease that is renewed as long as this lives.
#[derive(Debug)]
pub struct ObjectLease {
    remote: Remote,
    /// Until when it is relied on, and what it is renewed with; `None` once it is lost.
    held: Arc<Mutex<Option<(Instant, Lease)>>>,
    renewing: JoinHandle<()>,
}

/// Takes a lease.
///
/// * `name`: that of the lease: schedulers of one shop have the same.
/// * `holder`: who takes it: told to others, and with the token of its own what it is known by.
///
/// # Errors
/// [`ObjectsError`] where the store is away. `Ok(Err)` names the holder.
pub async fn take(remote: Remote, name: &str, holder: &str) -> Result<Result<ObjectLease, String>, ObjectsError> {
    let begin = Instant::now();
    let object = format!(".schedule-{name}.json");
    let lease = match lease::take(&remote, &object, holder, holder, None, now_ms()).await {
        Err(ObjectsError::Held { holder, .. }) => return Ok(Err(holder)),
        taken => taken?,
    };
    let held = Arc::new(Mutex::new(Some((relied(begin), lease))));
    let renewing = tokio::spawn(renew(remote.clone(), held.clone()));
    Ok(Ok(ObjectLease { remote, held, renewing }))
}

fn relied(begin: Instant) -> Instant {
    begin + millis(LIFE_MS - MARGIN_MS)
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

async fn renew(remote: Remote, held: Arc<Mutex<Option<(Instant, Lease)>>>) {
    let mut ticks = interval(millis(RENEW_MS));
    loop {
        ticks.tick().await;
        let Some((_, mut lease)) = held.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return };
        let begin = Instant::now();
        match lease::renew(&remote, &mut lease, now_ms()).await {
            Ok(()) => *held.lock().unwrap_or_else(PoisonError::into_inner) = Some((relied(begin), lease)),
            Err(ObjectsError::Conflict { .. }) => {
                tracing::error!("another scheduler has taken the lease");
                *held.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            Err(error) => tracing::warn!(%error, "the lease could not be renewed; it is tried again"),
        }
    }
}

impl ObjectLease {
    /// Whether it can be relied on now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|(until, _)| Instant::now() < *until)
    }

    /// Gives it back, so that another need not wait for its end.
    pub async fn release(self) {
        self.renewing.abort();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, lease)) = held {
            let given = timeout(Duration::from_secs(5), lease::give_back(&self.remote, lease)).await;
            if !matches!(given, Ok(Ok(()))) {
                tracing::warn!("the lease was not given back; it ends by itself");
            }
        }
    }
}

/// One that is no longer relied on is not renewed either: another may have it.
impl Drop for ObjectLease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    #[tokio::test]
    async fn one_scheduler_has_the_lease_and_the_next_one_gets_it_afterwards() {
        let remote = Remote::new(Arc::new(InMemory::new()), Path::default(), "memory://".to_owned());
        let first = take(remote.clone(), "shop", "the first").await.expect("asks").expect("is free");
        assert!(first.is_held());
        assert_eq!(take(remote.clone(), "shop", "the second").await.expect("asks").expect_err("is held"), "the first");
        take(remote.clone(), "bank", "another's").await.expect("asks").expect("is another lease");
        first.release().await;
        take(remote, "shop", "the second").await.expect("asks").expect("is free");
    }
}
