//! Several shops in one process, which share its addresses, its threads and its memory, and nothing else.
//!
//! ```text
//! request ─▶ whose file of keys has its key? ─▶ a tenant: its own API, as if it were alone
//!                                            └▶ the operators', or nobody: the front, which tells how the tenants are
//! config ─▶ tenant ─▶ its shop, started again when it fails; the others go on
//! ```
//!
//! What no two may share, such as a folder or a prefix, is checked by the config ([`crate::config`]).

mod directory;
mod exposition;
mod front;
mod supervise;

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::auth::keys;
use crate::config::Config;
use crate::shop;

pub use directory::Directory;
pub use front::router;

/// Why no tenant can be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keys of a tenant can't be used.
    #[error("tenant {tenant}: {error}")]
    Keys {
        /// The tenant.
        tenant: String,
        /// What is wrong with its file.
        error: keys::OpenError,
    },
    /// One key lets into two shops.
    #[error("a key of {one} is one of {other}, too ({name}); give each a key of its own")]
    SharedKey {
        /// Whose key it is.
        one: String,
        /// Who has it, too.
        other: String,
        /// Its name with the latter.
        name: String,
    },
    /// None starts; this is why the first does not.
    #[error("no tenant starts; {tenant}: {error}")]
    None {
        /// The first.
        tenant: String,
        /// Why.
        error: Box<shop::StartError>,
    },
}

/// Tenants that are being served.
pub struct Tenants {
    directory: Arc<Directory>,
    stopping: watch::Sender<bool>,
    supervisors: JoinSet<()>,
}

/// Starts the shops of a directory, and returns when each has started or failed to. One that failed is tried again.
///
/// # Errors
/// [`StartError::None`] if all of them failed.
pub async fn start(config: &Config, directory: Arc<Directory>) -> Result<Tenants, StartError> {
    let (stopping, stops) = watch::channel(false);
    let mut supervisors = JoinSet::new();
    let mut firsts = Vec::with_capacity(config.tenants.len());
    for (tenant, of_tenant) in directory.tenants().iter().zip(config.tenants.values()) {
        let (tell, first) = oneshot::channel();
        firsts.push((tenant.name.clone(), first));
        supervisors.spawn(supervise::supervise(tenant.clone(), of_tenant.clone(), stops.clone(), tell));
    }
    let (mut up, mut failed) = (0, None);
    for (tenant, first) in firsts {
        // A supervisor tells before it ends.
        match first.await {
            Ok(Err(error)) => failed = failed.or(Some((tenant, error))),
            _ => up += 1,
        }
    }
    match failed {
        Some((tenant, error)) if up == 0 => Err(StartError::None { tenant, error: Box::new(error) }),
        _ => Ok(Tenants { directory, stopping, supervisors }),
    }
}

impl Tenants {
    /// Makes `/ready` say no, of the front and of every tenant.
    pub fn unready(&self) {
        self.directory.stop();
    }

    /// Closes every shop, all at once.
    pub async fn close(mut self) {
        self.stopping.send_replace(true);
        while let Some(ended) = self.supervisors.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a tenant did not close in order");
            }
        }
    }
}
