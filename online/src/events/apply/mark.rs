//! Moves the mark, which the store keeps, of how far the replica's event log is applied.

use std::collections::BTreeSet;

use shared::contract::event_log;

use super::super::{LogError, Settings, reader};
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
                self.restart_from(found)?;
            }
        }
        Ok(())
    }

    /// Sets how far the log is applied to `mark`; the rest of the log will be applied.
    pub(super) fn restart_from(&mut self, mark: Option<Position>) -> Result<(), LogError> {
        let Settings { folder, replica, .. } = &self.settings;
        self.mark = mark;
        let holds = |at| reader::holds(folder, replica, at).map_err(LogError::io(folder));
        match mark {
            Some(at) if at != Position::START && at <= self.end && holds(at)? => {
                self.done = at;
                self.others.clear();
                Ok(())
            }
            _ => self.begin_again(),
        }
    }

    /// Prepares to apply the logs of all replicas from their start.
    pub(super) fn begin_again(&mut self) -> Result<(), LogError> {
        self.done = Position::START;
        self.rebuild = None;
        self.others = self.other_replicas()?.into_iter().map(|name| (name, Position::START)).collect();
        Ok(())
    }

    /// The other replicas that have a log in the folder.
    pub(super) fn other_replicas(&self) -> Result<BTreeSet<String>, LogError> {
        let files = event_log::list(&self.settings.folder).map_err(LogError::io(&self.settings.folder))?;
        let names = files.into_iter().map(|file| file.replica);
        Ok(names.filter(|name| *name != self.settings.replica).collect())
    }
}
