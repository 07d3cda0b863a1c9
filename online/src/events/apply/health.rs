//! Whether the store answers, and when it is tried again.

use std::time::Duration;

use tokio::time::Instant;

use super::super::LogError;
use super::{Applier, TICK};

/// The pause after a failure of the store; it doubles up to the tick.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The store, as far as the last call shows.
#[derive(Debug, Clone, Copy)]
pub enum Health {
    Up,
    /// Not to be tried before a time; how long the pause was.
    Down(Instant, Duration),
}

impl Applier {
    /// Draws the conclusion from a call: whether the store is to be tried again at once or after a pause.
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
