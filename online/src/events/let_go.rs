//! Lets go of what was said of users, once every version that may be served has it.

use std::sync::Arc;
use std::time::Duration;

use shared::contract::event_log::Coverage;
use tokio::sync::watch;

use crate::store::UserStore;

/// The pause before another attempt if the store does not answer.
const PAUSE: Duration = Duration::from_secs(10);

/// Forgets what every version has, at the start and whenever that changes, until nothing can change it any more. Cost: a
/// pass over the users of whom something was said.
pub async fn watch(store: Arc<dyn UserStore>, mut covered: watch::Receiver<Arc<Coverage>>) {
    loop {
        let now = covered.borrow_and_update().clone();
        let is_done = match store.let_go(&now).await {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "what was said of users is not forgotten yet");
                false
            }
        };
        if !is_done {
            tokio::time::sleep(PAUSE).await;
        } else if covered.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
