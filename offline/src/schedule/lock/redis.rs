//! A lease in Redis: a key with a token, which lives as long as it is renewed.
//!
//! It is reckoned from before each renewal is sent, by this machine's clock, and given up a margin before Redis lets it
//! go; a holder that can't renew it stops in time, and begins nothing any more. A renewal and a release look at the token
//! first: a lease that another one has taken is left alone. Source: Redis, "Distributed Locks with Redis", one instance.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, RedisResult, cmd};
use shared::contract::url::RedisUrl;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

/// How long a lease lives without being renewed.
const LIFE: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How long before its end it is no longer relied on.
const MARGIN: Duration = Duration::from_secs(3);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

const RENEW: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0";
const RELEASE: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

/// A lease that is renewed as long as this lives.
pub struct Lease {
    client: Client,
    key: String,
    token: String,
    /// Until when it is relied on; `None` once it is lost.
    until: Arc<Mutex<Option<Instant>>>,
    renewing: JoinHandle<()>,
}

/// Why Redis gives no lease.
#[derive(Debug, thiserror::Error)]
#[error("the lock at {url}: {reason}; start that Redis, or correct schedule.lock")]
pub struct LeaseError {
    url: RedisUrl,
    reason: String,
}

/// Takes a lease.
///
/// * `holder`: who takes it: told to others, and with the token of its own what it is known by.
///
/// # Errors
/// [`LeaseError`] where Redis is away. `Ok(Err)` names the holder.
pub async fn take(url: &RedisUrl, name: &str, holder: &str) -> Result<Result<Lease, String>, LeaseError> {
    let failed = |error: RedisError| LeaseError { url: url.clone(), reason: error.to_string() };
    // Another part of the process may have chosen the same already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::open(url.expose().next().unwrap_or_default()).map_err(failed)?;
    let key = format!("{name}:schedule");
    let token = holder.to_owned();
    let begin = Instant::now();
    let mut connection = connect(&client).await.map_err(failed)?;
    let mut set = cmd("SET");
    set.arg(&key).arg(&token).arg("NX").arg("PX").arg(millis(LIFE));
    let taken: Option<String> = answered(set.query_async(&mut connection)).await.map_err(failed)?;
    if taken.is_none() {
        let who: Option<String> = answered(cmd("GET").arg(&key).query_async(&mut connection)).await.map_err(failed)?;
        return Ok(Err(who.unwrap_or_else(|| "another scheduler".to_owned())));
    }
    let until = Arc::new(Mutex::new(Some(begin + LIFE - MARGIN)));
    let renewing = tokio::spawn(renew(client.clone(), key.clone(), token.clone(), until.clone()));
    Ok(Ok(Lease { client, key, token, until, renewing }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    answered(client.get_multiplexed_async_connection()).await
}

/// An answer, or an error when it takes too long.
async fn answered<T>(answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

async fn renew(client: Client, key: String, token: String, until: Arc<Mutex<Option<Instant>>>) {
    let mut ticks = interval(RENEW_EVERY);
    let mut connection: Option<MultiplexedConnection> = None;
    loop {
        ticks.tick().await;
        let begin = Instant::now();
        let renewed = async {
            let open = match connection.take() {
                Some(open) => open,
                None => connect(&client).await?,
            };
            let mut own = open.clone();
            let mut eval = cmd("EVAL");
            eval.arg(RENEW).arg(1).arg(&key).arg(&token).arg(millis(LIFE));
            let renewed: i64 = answered(eval.query_async(&mut own)).await?;
            RedisResult::Ok((renewed == 1, open))
        };
        let lost = match renewed.await {
            Ok((true, open)) => {
                connection = Some(open);
                if let Ok(mut until) = until.lock() {
                    *until = Some(begin + LIFE - MARGIN);
                }
                false
            }
            Ok((false, _)) => true,
            Err(error) => {
                tracing::warn!(%error, "the lease could not be renewed; it is tried again");
                false
            }
        };
        if lost {
            if let Ok(mut until) = until.lock() {
                *until = None;
            }
            return;
        }
    }
}

impl Lease {
    /// Whether it can be relied on now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.until.lock().is_ok_and(|until| until.is_some_and(|until| Instant::now() < until))
    }

    /// Gives it back, so that the next one need not wait for its end.
    pub async fn release(&self) {
        self.renewing.abort();
        let released = async {
            let mut connection = connect(&self.client).await?;
            let mut eval = cmd("EVAL");
            eval.arg(RELEASE).arg(1).arg(&self.key).arg(&self.token);
            answered(eval.query_async::<i64>(&mut connection)).await
        };
        // Without an answer it ends by itself.
        let _ = released.await;
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lease({})", self.key)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}
