//! `offline score`: trains tabular models, scores rows by them, and keeps their versions.

mod challenge;
mod compare;
mod list;
mod predict;
mod promote;
mod report;
mod rollback;
mod train;
mod tune;

use clap::{Args, Subcommand};
use shared::objects::pull::Need;

use crate::commands::mirrors::Access;
use crate::commands::recorded::Recorder;
use crate::progress::Progress;
use crate::score::config::DEFAULTS;

/// Trains models of rows with a label, and scores rows by them.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    #[command(subcommand)]
    command: ScoreCommand,
}

#[derive(Debug, Subcommand)]
enum ScoreCommand {
    Train(train::TrainArgs),
    Tune(tune::TuneArgs),
    Predict(predict::PredictArgs),
    List(list::ListArgs),
    Promote(promote::PromoteArgs),
    Rollback(rollback::RollbackArgs),
    Challenge(challenge::ChallengeArgs),
    Report(report::ReportArgs),
    Compare(compare::CompareArgs),
    /// Prints every setting of a model with its default.
    Defaults,
}

impl ScoreArgs {
    /// What it does with artifacts.
    pub fn access(&self) -> Access {
        match &self.command {
            ScoreCommand::Train(_) => Access::Build(Need::Named),
            ScoreCommand::Rollback(_) => Access::Note(Need::Champions),
            ScoreCommand::Promote(_) | ScoreCommand::Challenge(_) | ScoreCommand::Report(_) | ScoreCommand::Tune(_) => {
                Access::Note(Need::Named)
            }
            ScoreCommand::Predict(_) => Access::Read(Need::Named),
            ScoreCommand::Compare(_) => Access::Read(Need::All),
            ScoreCommand::List(_) | ScoreCommand::Defaults => Access::Read(Need::Manifests),
        }
    }
}

/// Runs a subcommand.
pub fn score(args: &ScoreArgs, recorder: &Recorder, progress: &mut Progress) -> anyhow::Result<()> {
    match &args.command {
        ScoreCommand::Train(args) => train::train(args, recorder, progress),
        ScoreCommand::Tune(args) => tune::tune(args, recorder, progress),
        ScoreCommand::Predict(args) => predict::predict(args, progress),
        ScoreCommand::List(args) => list::list(args),
        ScoreCommand::Promote(args) => promote::promote(args, recorder),
        ScoreCommand::Rollback(args) => rollback::rollback(args, recorder),
        ScoreCommand::Challenge(args) => challenge::challenge(args),
        ScoreCommand::Report(args) => report::report(args, progress),
        ScoreCommand::Compare(args) => compare::compare(args, progress),
        ScoreCommand::Defaults => {
            print!("{DEFAULTS}");
            Ok(())
        }
    }
}
