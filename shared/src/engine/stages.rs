//! Where the time of a request goes: a stopwatch that the engine passes its stages with.
//!
//! Off, as it is for most requests, a lap costs one comparison; running, a reading of the clock (some 30 ns).

use std::time::{Duration, Instant};

macro_rules! stages {
    ($($(#[$doc:meta])* $stage:ident, $name:literal;)*) => {
        /// A stage of a request within the engine, in their order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Stage {
            $($(#[$doc])* $stage,)*
        }

        impl Stage {
            /// All of them, with their names in metrics.
            pub const ALL: &[(Self, &str)] = &[$((Self::$stage, $name),)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
        }
    };
}

stages! {
    /// What the query refuses, and what is computed from the history alone.
    Question, "question";
    /// Sums over neighbours and past sessions, the folded-in factors, lists: the candidates with all scores.
    Retrieve, "retrieve";
    /// The weighted sums, and the best of them.
    Blend, "blend";
    /// The feature rows of the best.
    Features, "features";
    /// Their scores by the ranker.
    Rank, "rank";
    /// The slate: reasons, what fills it.
    Slate, "slate";
}

/// A stopwatch, of the stages or of other parts of a request.
#[derive(Debug)]
pub struct Stopwatch<const COUNT: usize = { Stage::COUNT }> {
    last: Option<Instant>,
    spent: [Duration; COUNT],
}

impl<const COUNT: usize> Default for Stopwatch<COUNT> {
    fn default() -> Self {
        Self { last: None, spent: [Duration::ZERO; COUNT] }
    }
}

impl Stopwatch {
    /// Adds the time since the last lap to a stage.
    pub fn lap(&mut self, stage: Stage) {
        self.lap_at(stage as usize);
    }
}

impl<const COUNT: usize> Stopwatch<COUNT> {
    /// Starts it at zero.
    pub fn start(&mut self) {
        *self = Self { last: Some(Instant::now()), ..Self::default() };
    }

    /// Adds the time since the last lap to a part.
    #[inline]
    pub fn lap_at(&mut self, part: usize) {
        if let Some(last) = self.last {
            let now = Instant::now();
            self.spent[part] += now - last;
            self.last = Some(now);
        }
    }

    /// Leaves the time since the last lap to no part.
    #[inline]
    pub fn skip(&mut self) {
        if self.last.is_some() {
            self.last = Some(Instant::now());
        }
    }

    /// Stops it; the time of each part, if it ran.
    pub fn stop(&mut self) -> Option<[Duration; COUNT]> {
        self.last.take().map(|_| self.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_are_added_up_by_their_stages_while_it_runs() {
        let mut watch = Stopwatch::default();
        watch.lap(Stage::Rank);
        assert_eq!(watch.stop(), None);
        watch.start();
        let begun = Instant::now();
        for stage in [Stage::Retrieve, Stage::Rank, Stage::Retrieve] {
            while begun.elapsed() < Duration::from_micros(50) {}
            watch.lap(stage);
        }
        let elapsed = begun.elapsed();
        let spent = watch.stop().expect("it ran");
        assert!(spent[Stage::Retrieve as usize] >= Duration::from_micros(50), "{spent:?}");
        assert_eq!(spent[Stage::Slate as usize], Duration::ZERO);
        assert!(spent.iter().sum::<Duration>() <= elapsed + Duration::from_millis(1), "{spent:?}");
    }
}
