//! Draws settings, each by what trials said of its values.
//!
//! Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011 (tree-structured Parzen
//! estimator).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, parzen_estimator};

use super::settings::Settings;
use super::trials::Trial;
use crate::config::knobs::Knob;

/// Draws settings for some knobs.
pub struct Draws<'a> {
    knobs: &'a [Knob],
    /// One for each knob.
    optimizers: Vec<TpeOptimizer<DefaultEstimatorBuilder>>,
    random: ChaCha8Rng,
}

impl<'a> Draws<'a> {
    /// Begins with the trials that there are.
    ///
    /// # Errors
    /// When a knob has no range, or a trial no figure.
    pub fn new<'b>(knobs: &'a [Knob], trials: impl Iterator<Item = &'b Trial>) -> anyhow::Result<Self> {
        let optimizer = |knob: &Knob| {
            let (low, high) = knob.range.bounds();
            Ok(TpeOptimizer::new(parzen_estimator(), tpe::range(low, high)?))
        };
        let optimizers = knobs.iter().map(optimizer).collect::<anyhow::Result<_>>()?;
        let mut draws = Self { knobs, optimizers, random: ChaCha8Rng::seed_from_u64(0) };
        let mut count = 0;
        for trial in trials {
            draws.tell(trial)?;
            count += 1;
        }
        draws.random = ChaCha8Rng::seed_from_u64(count);
        Ok(draws)
    }

    /// The settings to try next.
    ///
    /// # Errors
    /// When an optimiser has none.
    pub fn ask(&mut self) -> anyhow::Result<Settings> {
        let Self { knobs, optimizers, random } = self;
        let draw = |(knob, optimizer): (&Knob, &mut TpeOptimizer<_>)| {
            Ok((knob.path.to_owned(), knob.range.setting(optimizer.ask(random)?)))
        };
        knobs.iter().zip(optimizers).map(draw).collect()
    }

    /// Takes a trial into account.
    ///
    /// # Errors
    /// When its figure is no number.
    pub fn tell(&mut self, trial: &Trial) -> anyhow::Result<()> {
        for (knob, optimizer) in self.knobs.iter().zip(&mut self.optimizers) {
            // A start outside the range can't be told to an optimiser.
            if let Some(drawn) = trial.settings.get(knob.path).and_then(|setting| knob.range.drawn(setting)) {
                optimizer.tell(drawn, -trial.figure)?;
            }
        }
        Ok(())
    }
}
