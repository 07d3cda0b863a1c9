//! Lets go of what was said of users, once every version that may be served has it: the applier's own work, between
//! groups, so that it never forgets by a coverage that the applier has not followed yet.

use std::ops::Bound;
use std::sync::Arc;

use shared::contract::event_log::Coverage;
use shared::contract::id::UserId;

use super::super::LogError;
use super::Applier;

/// A pass over the users of whom something was said.
#[derive(Default)]
pub struct LettingGo {
    /// The last user of the parts that are done.
    after: Option<UserId>,
}

impl Applier {
    /// Forgets in the next part of the users what every version has.
    pub(super) async fn let_go(&mut self) -> Result<(), LogError> {
        let covered: Arc<Coverage> = self.follow().await?;
        let Some(pass) = &self.letting_go else { return Ok(()) };
        let from = pass.after.as_ref().map_or(Bound::Unbounded, |user| Bound::Excluded(user.as_str()));
        let after = self.store.let_go(from, &covered).await?;
        self.letting_go = after.map(|user| LettingGo { after: Some(user) });
        Ok(())
    }
}
