//! Who may publish versions: one holder at a time, across hosts, for as long as it says that it lives.
//!
//! ```text
//! <prefix>/.lease.json    { "holder": "process 7 on h: `offline run`", "token": …, "until_ms": … }
//! ```
//!
//! A holder writes it anew before `until_ms`. Whoever finds it past may take it, on the condition that it is still the one
//! that was read: of two who try, one gets it. A holder that slept too long finds another's lease, and publishes nothing.
//! Clocks of hosts may differ by half a minute.
//!
//! Source: Gray and Cheriton, "Leases: an efficient fault-tolerant mechanism for distributed file cache consistency", 1989.

use serde::{Deserialize, Serialize};

use super::remote::If;
use super::{ObjectsError, Remote, Tag};

/// The object of the lease of those who publish versions.
pub const LEASE: &str = ".lease.json";
/// For how long a lease is taken, in milliseconds.
pub const LIFE_MS: i64 = 120_000;
/// After how long it is renewed, in milliseconds.
pub const RENEW_MS: i64 = 20_000;

/// A lease that is held.
#[derive(Debug, Clone)]
pub struct Lease {
    object: String,
    said: Said,
    tag: Tag,
}

/// What the object says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    /// Who holds it, for people.
    holder: String,
    /// No other lease has it.
    token: String,
    /// When it ends by itself, milliseconds since the epoch.
    until_ms: i64,
}

/// Takes a lease, if nobody has it.
///
/// * `object`: its name, such as [`LEASE`]; it begins with a dot, since it is no file of artifacts.
/// * `token`: a text that no other process has.
/// * `dead`: the token of a holder that is known to live no more; its lease is not waited for.
///
/// # Errors
/// [`ObjectsError::Held`] names who has it.
pub async fn take(
    remote: &Remote,
    object: &str,
    holder: &str,
    token: &str,
    dead: Option<&str>,
    now_ms: i64,
) -> Result<Lease, ObjectsError> {
    let said = Said { holder: holder.to_owned(), token: token.to_owned(), until_ms: now_ms + LIFE_MS };
    let found = remote.read(object).await?;
    let when = match &found {
        None => If::Absent,
        Some(small) => match serde_json::from_slice::<Said>(&small.bytes) {
            Ok(other) if other.until_ms > now_ms && dead != Some(&*other.token) => {
                return Err(held(remote, &other.holder));
            }
            _ => If::Is(&small.tag),
        },
    };
    match write(remote, object, &said, when).await {
        Ok(tag) => Ok(Lease { object: object.to_owned(), said, tag }),
        Err(ObjectsError::Conflict { .. }) => Err(held(remote, "another process, which was faster")),
        Err(error) => Err(error),
    }
}

/// Checks that a lease is still the holder's.
///
/// # Errors
/// [`ObjectsError::Conflict`] where another has taken it.
pub async fn check(remote: &Remote, object: &str, token: &str) -> Result<(), ObjectsError> {
    match remote.read(object).await? {
        Some(found) if is_of(&found.bytes, token) => Ok(()),
        _ => Err(ObjectsError::Conflict { object: remote.called(object) }),
    }
}

/// Says that the holder lives. A lease that ran out is taken again, unless another has it.
///
/// # Errors
/// [`ObjectsError::Conflict`] where another has taken it.
pub async fn renew(remote: &Remote, lease: &mut Lease, now_ms: i64) -> Result<(), ObjectsError> {
    let said = Said { until_ms: now_ms + LIFE_MS, ..lease.said.clone() };
    lease.tag = match write(remote, &lease.object, &said, If::Is(&lease.tag)).await {
        // An earlier try may have been written although it failed here.
        Err(error @ ObjectsError::Conflict { .. }) => match remote.read(&lease.object).await? {
            Some(found) if is_of(&found.bytes, &said.token) => {
                write(remote, &lease.object, &said, If::Is(&found.tag)).await?
            }
            _ => return Err(error),
        },
        written => written?,
    };
    lease.said = said;
    Ok(())
}

/// Gives it back, if it is still there.
///
/// # Errors
/// [`ObjectsError`]; it then ends by itself.
pub async fn give_back(remote: &Remote, lease: Lease) -> Result<(), ObjectsError> {
    // Written first, since stores remove without conditions: another's must not be removed.
    let over = Said { until_ms: 0, ..lease.said.clone() };
    write(remote, &lease.object, &over, If::Is(&lease.tag)).await.map(drop)
}

async fn write(remote: &Remote, object: &str, said: &Said, when: If<'_>) -> Result<Tag, ObjectsError> {
    let text = serde_json::to_vec(said).expect("texts and numbers are JSON");
    remote.write(object, &text, when).await
}

fn is_of(content: &[u8], token: &str) -> bool {
    serde_json::from_slice::<Said>(content).is_ok_and(|said| said.token == token)
}

fn held(remote: &Remote, holder: &str) -> ObjectsError {
    ObjectsError::Held { location: remote.location().to_owned(), holder: holder.to_owned() }
}
