//! The range of every setting.

use super::{Config, ConfigError, RunConfig};

fn range(ok: bool, key: &'static str, value: &dyn ToString, expected: &'static str) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError::Range { key, value: value.to_string(), expected }) }
}

impl Config {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for the first that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (als, knn, blend) = (&self.als, &self.item_knn_session, &self.blend);
        range((1..=512).contains(&als.factors), "als.factors", &als.factors, "1 to 512")?;
        range((1..=1000).contains(&als.sweeps), "als.sweeps", &als.sweeps, "1 to 1000")?;
        range(als.regularization > 0.0, "als.regularization", &als.regularization, "greater than 0")?;
        let unobserved = als.unobserved_weight;
        range(unobserved > 0.0, "als.unobserved_weight", &unobserved, "greater than 0")?;
        let power = als.regularization_power;
        range((0.0..=2.0).contains(&power), "als.regularization_power", &power, "0 to 2")?;
        range(als.solver_steps > 0, "als.solver_steps", &als.solver_steps, "at least 1")?;
        let kinds = &self.interactions;
        range(kinds.view >= 0.0, "interactions.view", &kinds.view, "at least 0")?;
        range(kinds.addtocart >= 0.0, "interactions.addtocart", &kinds.addtocart, "at least 0")?;
        range(kinds.transaction >= 0.0, "interactions.transaction", &kinds.transaction, "at least 0")?;
        range(knn.window > 0, "item_knn_session.window", &knn.window, "at least 1")?;
        range(knn.neighbours > 0, "item_knn_session.neighbours", &knn.neighbours, "at least 1")?;
        range(self.item_knn_user.window > 1, "item_knn_user.window", &self.item_knn_user.window, "at least 2")?;
        let saturation = self.item_knn_user.saturation;
        range(
            (0.0..1e9).contains(&saturation),
            "item_knn_user.saturation",
            &saturation,
            "at least 0 and less than 10^9",
        )?;
        let share = self.item_knn_user.length_normalization;
        range((0.0..=1.0).contains(&share), "item_knn_user.length_normalization", &share, "0 to 1")?;
        let embedding = self.embedding.factors;
        range((1..=512).contains(&embedding), "embedding.factors", &embedding, "1 to 512")?;
        let shrinkage = self.embedding.shrinkage;
        range(shrinkage >= 0.0, "embedding.shrinkage", &shrinkage, "at least 0")?;
        let shrinkage = self.item_knn_walk.shrinkage;
        range(shrinkage >= 0.0, "item_knn_walk.shrinkage", &shrinkage, "at least 0")?;
        let session_gap = self.ingest.session_gap_minutes;
        range(session_gap > 0, "ingest.session_gap_minutes", &session_gap, "at least 1")?;
        let share = self.ingest.max_reject_share;
        range((0.0..=1.0).contains(&share), "ingest.max_reject_share", &share, "0 to 1")?;
        let half_life = self.popularity.half_life_days;
        range(half_life > 0.0, "popularity.half_life_days", &half_life, "greater than 0")?;
        let half_life = self.popularity.trend_half_life_days;
        range(half_life > 0.0, "popularity.trend_half_life_days", &half_life, "greater than 0")?;
        for days in &self.popularity.windows_days {
            range((1e-3..1e6).contains(days), "popularity.windows_days", days, "0.001 to 1000000")?;
        }
        let (cached, history) = (self.users.cached, self.users.history);
        range(cached <= 1000, "users.cached", &cached, "0 to 1000")?;
        range((1..=60_000).contains(&history), "users.history", &history, "1 to 60000")?;
        let per_source = self.engine.per_source;
        range((1..=10_000).contains(&per_source), "engine.per_source", &per_source, "1 to 10000")?;
        let decay = self.engine.position_decay;
        range(decay > 0.0, "engine.position_decay", &decay, "greater than 0")?;
        let validation = blend.validation_share;
        range(validation > 0.0 && validation < 0.9, "blend.validation_share", &validation, "between 0 and 0.9")?;
        let (ranker, trees) = (&self.ranker, &self.trees);
        range((1..=10_000).contains(&ranker.candidates), "ranker.candidates", &ranker.candidates, "1 to 10000")?;
        range((1..=100).contains(&ranker.windows), "ranker.windows", &ranker.windows, "1 to 100")?;
        let share = ranker.stopping_share;
        range(share > 0.0 && share < 1.0, "ranker.stopping_share", &share, "between 0 and 1")?;
        let linear = &self.linear;
        range(linear.features > 0, "linear.features", &linear.features, "at least 1")?;
        range(linear.epochs > 0, "linear.epochs", &linear.epochs, "at least 1")?;
        range(linear.learning_rate > 0.0, "linear.learning_rate", &linear.learning_rate, "greater than 0")?;
        range(trees.trees > 0, "trees.trees", &trees.trees, "at least 1")?;
        range((1..=10).contains(&trees.depth), "trees.depth", &trees.depth, "1 to 10")?;
        range(trees.learning_rate > 0.0, "trees.learning_rate", &trees.learning_rate, "greater than 0")?;
        range(trees.l2 > 0.0, "trees.l2", &trees.l2, "greater than 0")?;
        range(trees.largest_step > 0.0, "trees.largest_step", &trees.largest_step, "greater than 0")?;
        range((2..=256).contains(&trees.bins), "trees.bins", &trees.bins, "2 to 256")?;
        range(trees.patience > 0, "trees.patience", &trees.patience, "at least 1")?;
        range(trees.feature_share > 0.0, "trees.feature_share", &trees.feature_share, "greater than 0")?;
        range(trees.row_share > 0.0, "trees.row_share", &trees.row_share, "greater than 0")?;
        range(self.encode.smoothing >= 0.0, "encode.smoothing", &self.encode.smoothing, "at least 0")?;
        let repeat = &self.repeat;
        range(repeat.trees > 0, "repeat.trees", &repeat.trees, "at least 1")?;
        range((1..=10).contains(&repeat.depth), "repeat.depth", &repeat.depth, "1 to 10")?;
        range(repeat.places > 0, "repeat.places", &repeat.places, "at least 1")?;
        range(repeat.learning_rate > 0.0, "repeat.learning_rate", &repeat.learning_rate, "greater than 0")?;
        range(repeat.l2 > 0.0, "repeat.l2", &repeat.l2, "greater than 0")?;
        let past = &self.session_knn;
        range(past.position_decay > 0.0, "session_knn.position_decay", &past.position_decay, "greater than 0")?;
        range(past.distance_decay > 0.0, "session_knn.distance_decay", &past.distance_decay, "greater than 0")?;
        range(past.neighbours > 0, "session_knn.neighbours", &past.neighbours, "at least 1")?;
        range(past.longest_session > 1, "session_knn.longest_session", &past.longest_session, "at least 2")
    }
}

impl RunConfig {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for the first that is not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (gate, publish) = (&self.gate, &self.publish);
        range((0.0..1.0).contains(&gate.max_loss), "gate.max_loss", &gate.max_loss, "at least 0 and less than 1")?;
        range((0.0..1.0).contains(&gate.tolerance), "gate.tolerance", &gate.tolerance, "at least 0 and less than 1")?;
        range(gate.share > 0.0 && gate.share < 0.9, "gate.share", &gate.share, "between 0 and 0.9")?;
        range(gate.max_cases > 0, "gate.max_cases", &gate.max_cases, "at least 1")?;
        range(publish.keep > 0, "publish.keep", &publish.keep, "at least 1")?;
        let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
        let named = (1..=64).contains(&publish.prefix.len()) && publish.prefix.chars().all(allowed);
        range(named, "publish.prefix", &publish.prefix, "1 to 64 ASCII letters, digits or any of -_.:")
    }
}
