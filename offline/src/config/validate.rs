//! Checks that every setting is in its range.

use shared::contract::url::without_user_info;

use super::{Config, ConfigError, MlflowConfig, RunConfig};
use crate::config::ranges::range;
use crate::sources::TRAINERS;

impl Config {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for the first that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        TRAINERS.iter().try_for_each(|trainer| (trainer.check)(&self.sources))?;
        self.sources.together.check()?;
        let session_gap = self.ingest.session_gap_minutes;
        range(session_gap > 0, "ingest.session_gap_minutes", session_gap, "at least 1")?;
        let share = self.ingest.max_reject_share;
        range((0.0..=1.0).contains(&share), "ingest.max_reject_share", share, "0 to 1")?;
        let share = self.ingest.max_duplicate_share;
        range((0.0..=1.0).contains(&share), "ingest.max_duplicate_share", share, "0 to 1")?;
        let share = self.ingest.max_user_share;
        range((0.0..=1.0).contains(&share), "ingest.max_user_share", share, "0 to 1")?;
        let (cached, history) = (self.users.cached, self.users.history);
        range(cached <= 1000, "users.cached", cached, "0 to 1000")?;
        range((1..=60_000).contains(&history), "users.history", history, "1 to 60000")?;
        let per_source = self.engine.per_source;
        range((1..=10_000).contains(&per_source), "engine.per_source", per_source, "1 to 10000")?;
        let decay = self.engine.position_decay;
        let is_decay = decay > 0.0 && decay <= 10_000.0;
        range(is_decay, "engine.position_decay", decay, "greater than 0, at most 10000")?;
        let validation = self.blend.validation_share;
        range(validation > 0.0 && validation < 0.9, "blend.validation_share", validation, "between 0 and 0.9")?;
        let (ranker, trees) = (&self.ranker, &self.trees);
        range((1..=10_000).contains(&ranker.candidates), "ranker.candidates", ranker.candidates, "1 to 10000")?;
        range(ranker.kept > 0, "ranker.kept", ranker.kept, "at least 1")?;
        range((1..=100).contains(&ranker.windows), "ranker.windows", ranker.windows, "1 to 100")?;
        let share = ranker.stopping_share;
        range(share > 0.0 && share < 1.0, "ranker.stopping_share", share, "between 0 and 1")?;
        let linear = &self.linear;
        range(linear.features > 0, "linear.features", linear.features, "at least 1")?;
        range(linear.epochs > 0, "linear.epochs", linear.epochs, "at least 1")?;
        range(linear.learning_rate > 0.0, "linear.learning_rate", linear.learning_rate, "greater than 0")?;
        range(trees.trees > 0, "trees.trees", trees.trees, "at least 1")?;
        range((1..=10).contains(&trees.depth), "trees.depth", trees.depth, "1 to 10")?;
        range(trees.learning_rate > 0.0, "trees.learning_rate", trees.learning_rate, "greater than 0")?;
        range(trees.l2 > 0.0, "trees.l2", trees.l2, "greater than 0")?;
        range(trees.largest_step > 0.0, "trees.largest_step", trees.largest_step, "greater than 0")?;
        range((2..=256).contains(&trees.bins), "trees.bins", trees.bins, "2 to 256")?;
        range(trees.patience > 0, "trees.patience", trees.patience, "at least 1")?;
        range(trees.feature_share > 0.0, "trees.feature_share", trees.feature_share, "greater than 0")?;
        range(trees.row_share > 0.0, "trees.row_share", trees.row_share, "greater than 0")?;
        Ok(range(self.encode.smoothing >= 0.0, "encode.smoothing", self.encode.smoothing, "at least 0")?)
    }
}

impl RunConfig {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for the first that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (gate, publish) = (&self.gate, &self.publish);
        range((0.0..1.0).contains(&gate.max_loss), "gate.max_loss", gate.max_loss, "at least 0 and less than 1")?;
        range((0.0..1.0).contains(&gate.tolerance), "gate.tolerance", gate.tolerance, "at least 0 and less than 1")?;
        range(gate.share > 0.0 && gate.share < 0.9, "gate.share", gate.share, "between 0 and 0.9")?;
        range(gate.max_cases > 0, "gate.max_cases", gate.max_cases, "at least 1")?;
        range(publish.keep > 0, "publish.keep", publish.keep, "at least 1")?;
        let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
        let named = (1..=64).contains(&publish.prefix.len()) && publish.prefix.chars().all(allowed);
        range(named, "publish.prefix", &publish.prefix, "1 to 64 ASCII letters, digits or any of -_.:")?;
        let MlflowConfig { url, experiment, model, timeout_secs } = &self.mlflow;
        let is_url = url.is_empty() || url.starts_with("http://") || url.starts_with("https://");
        range(is_url, "mlflow.url", without_user_info(url), "http[s]://host:port, or empty")?;
        range(!experiment.is_empty(), "mlflow.experiment", experiment, "a name")?;
        range(!model.is_empty(), "mlflow.model", model, "a name")?;
        Ok(range((1..=600).contains(timeout_secs), "mlflow.timeout_secs", timeout_secs, "1 to 600")?)
    }
}
