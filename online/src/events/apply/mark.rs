//! Moves the mark, which the store keeps, of how far the replica's event log is applied.

use std::collections::BTreeSet;

use shared::contract::event_log;

use super::super::{LogError, reader};
use super::Applier;
use crate::store::{Mark, Position};

impl Applier {
    /// Moves the mark to `done`; if the store has another mark than this task left, applies the log again from there.
    pub(super) async fn move_mark(&mut self) -> Result<(), LogError> {
        let target = if !self.others.is_empty() {
            Position::START
        } else if self.is_rebuilding() || self.store.waits_for_upgrade() {
            // The events of these users are only in the log until the rebuild is written, or this replica upgraded.
            self.mark.unwrap_or(Position::START).min(self.done)
        } else {
            self.done
        };
        match self.store.advance(self.mark, target).await? {
            Mark::Moved => self.mark = Some(target),
            Mark::Found(found) => {
                let text = |mark: Option<Position>| mark.map_or("nothing".to_owned(), |mark| mark.to_string());
                tracing::warn!(
                    left = text(self.mark),
                    found = text(found),
                    "the store lost events; applying them again from the event log"
                );
                self.restart_from(found).await?;
            }
        }
        Ok(())
    }

    /// Sets how far the log is applied to `mark`; the rest of the log will be applied.
    pub(super) async fn restart_from(&mut self, mark: Option<Position>) -> Result<(), LogError> {
        self.mark = mark;
        if let Some(at) = mark.filter(|at| *at != Position::START && *at <= self.end) {
            let replica = self.settings.replica.clone();
            if self.in_folder(move |folder| reader::holds(folder, &replica, at)).await? {
                self.done = at;
                self.others.clear();
                return Ok(());
            }
        }
        self.begin_again().await
    }

    /// Prepares to apply the logs of all replicas from their start.
    pub(super) async fn begin_again(&mut self) -> Result<(), LogError> {
        self.others = self.other_replicas().await?.into_iter().map(|name| (name, Position::START)).collect();
        self.done = Position::START;
        self.rebuild = None;
        Ok(())
    }

    /// The other replicas that have a log in the folder.
    pub(super) async fn other_replicas(&self) -> Result<BTreeSet<String>, LogError> {
        let files = self.in_folder(event_log::list).await?;
        let names = files.into_iter().map(|file| file.replica);
        Ok(names.filter(|name| *name != self.settings.replica).collect())
    }
}
