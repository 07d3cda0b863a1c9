//! The health of the store as the applier sees it: whether it answers, and when it is tried again.

use std::time::Duration;

use tokio::time::Instant;

use super::super::LogError;
use super::{Applier, TICK};

/// The first pause after a failure of the store; it doubles up to a second.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The health of the store, by the result of the last call.
#[derive(Debug, Clone, Copy)]
pub enum Health {
    Up,
    /// It failed: the time before which it is not tried again, and the length of the pause.
    Down(Instant, Duration),
}

impl Applier {
    /// Updates the health by the result of a call: the store is tried again at once, or after a pause.
    pub(super) fn note(&mut self, result: Result<(), LogError>) {
        match (result, self.health) {
            (Ok(()), Health::Up) => {}
            (Ok(()), Health::Down(..)) => {
                self.health = Health::Up;
                self.metrics.store_up.set(1);
                tracing::info!("the store is back");
            }
            (Err(error), Health::Up) => {
                self.health = Health::Down(Instant::now() + FIRST_PAUSE, FIRST_PAUSE);
                self.metrics.store_up.set(0);
                tracing::warn!(%error, "the store is away; events are accepted and applied later");
            }
            (Err(error), Health::Down(_, pause)) => {
                let pause = (pause * 2).min(TICK);
                self.health = Health::Down(Instant::now() + pause, pause);
                tracing::debug!(%error, "the store is still away");
            }
        }
    }
}
