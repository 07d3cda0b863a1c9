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

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::auth::keys;
use crate::config::Config;

pub use directory::Directory;
pub use front::router;

/// Why tenants can't be served.
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
}

/// Tenants that are being served.
pub struct Tenants {
    directory: Arc<Directory>,
    stopping: watch::Sender<bool>,
    supervisors: JoinSet<()>,
}

/// Starts the shops of a directory, each by itself: until it is open its requests are told to come again.
#[must_use]
pub fn start(config: &Config, directory: Arc<Directory>) -> Tenants {
    let (stopping, stops) = watch::channel(false);
    let mut supervisors = JoinSet::new();
    for (tenant, of_tenant) in directory.tenants().iter().zip(config.tenants.values()) {
        supervisors.spawn(supervise::supervise(tenant.clone(), of_tenant.clone(), stops.clone()));
    }
    Tenants { directory, stopping, supervisors }
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
