//! The command line: one file per subcommand, with its options and the order of its stages.

mod audience;
mod backup;
mod build;
mod capacity;
mod compare;
mod erase;
mod evaluate;
mod export;
mod fit;
mod generate;
mod held_out;
mod ingest;
mod measure;
mod mirrors;
mod options;
mod outcomes;
pub mod outputs;
mod publish;
mod read;
mod recommend;
mod recorded;
mod report;
mod rollback;
mod rows;
mod run;
mod runs;
mod schedule;
mod score;
mod train;
mod trees;
mod tune;
mod versions;

use std::ffi::OsString;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use shared::objects::pull::Need;

use self::mirrors::{Access, Mirrors};
use crate::progress::Progress;

/// Trains, measures and publishes recommenders from event logs.
#[derive(Debug, Parser)]
#[command(name = "offline", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    recorder: recorded::Recorder,
    #[clap(skip)]
    mirrors: Mirrors,
    /// How long to wait for another batch.
    #[clap(skip)]
    patience: Duration,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Runs(runs::RunsArgs),
    Ingest(ingest::IngestArgs),
    Train(train::TrainArgs),
    Evaluate(evaluate::EvaluateArgs),
    Erase(erase::EraseArgs),
    Versions(versions::VersionsArgs),
    Publish(publish::PublishArgs),
    Rollback(rollback::RollbackArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Capacity(capacity::CapacityArgs),
    Export(export::ExportArgs),
    Recommend(recommend::RecommendArgs),
    Audience(audience::AudienceArgs),
    Report(report::ReportArgs),
    Outcomes(outcomes::OutcomesArgs),
    Rows(rows::RowsArgs),
    Trees(trees::TreesArgs),
    Score(score::ScoreArgs),
    Schedule(schedule::ScheduleArgs),
    Fit(fit::FitArgs),
    Tune(tune::TuneArgs),
    Generate(generate::GenerateArgs),
}

impl Command {
    /// What it does with the artifacts that it is given.
    fn access(&self) -> Access {
        match self {
            Self::Run(_) | Self::Train(_) => Access::Build(Need::Named),
            Self::Publish(_) | Self::Erase(_) | Self::Restore(_) => Access::Build(Need::All),
            Self::Score(args) => args.access(),
            Self::Rollback(_) => Access::Note(Need::Champions),
            Self::Versions(args) => args.access(),
            Self::Evaluate(_) | Self::Report(_) | Self::Tune(_) => Access::Note(Need::Named),
            Self::Export(_) | Self::Recommend(_) | Self::Audience(_) => Access::Read(Need::Named),
            Self::Backup(_) | Self::Trees(_) => Access::Read(Need::All),
            Self::Runs(_) => Access::Read(Need::Manifests),
            Self::Ingest(_)
            | Self::Capacity(_)
            | Self::Rows(_)
            | Self::Outcomes(_)
            | Self::Schedule(_)
            | Self::Fit(_)
            | Self::Generate(_) => Access::Read(Need::Named),
        }
    }
}

impl Arguments {
    /// Reads a command line.
    ///
    /// # Errors
    /// [`clap::Error`] for one that can't be read, and for a question for help.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(line)?;
        let mut arguments = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        arguments.mirrors = Mirrors::of(&matches);
        arguments.recorder.stores = arguments.mirrors.stores();
        arguments.patience = mirrors::patience(&matches);
        Ok(arguments)
    }

    /// Runs the subcommand, in folders that mirror the stores that it names.
    ///
    /// # Errors
    /// What went wrong, and what to do about it.
    pub fn execute(&self, progress: &mut Progress) -> anyhow::Result<()> {
        let done = self.mirrors.around(self.command.access(), self.patience, || self.in_folders(progress));
        if let Some(telling) = self.recorder.telling()
            && let Err(error) = self.mirrors.after(|| telling.tell())
        {
            eprintln!("warning: MLflow is told by the next run: {error:#}");
        }
        done
    }

    fn in_folders(&self, progress: &mut Progress) -> anyhow::Result<()> {
        let recorder = &self.recorder;
        match &self.command {
            Command::Run(args) => run::run(args, recorder, progress),
            Command::Runs(args) => runs::runs(args, recorder),
            Command::Ingest(args) => ingest::ingest(args, progress),
            Command::Train(args) => train::train(args, progress),
            Command::Erase(args) => erase::erase(args),
            Command::Evaluate(args) => evaluate::evaluate(args, recorder, progress),
            Command::Versions(args) => versions::versions(args),
            Command::Publish(args) => publish::publish(args, recorder, progress),
            Command::Rollback(args) => rollback::rollback(args, recorder, progress),
            Command::Backup(args) => backup::backup(args, progress),
            Command::Restore(args) => backup::restore(args, progress),
            Command::Capacity(args) => capacity::capacity(args, progress),
            Command::Export(args) => export::export(args),
            Command::Recommend(args) => recommend::recommend(args, progress),
            Command::Audience(args) => audience::audience(args, progress),
            Command::Report(args) => report::report(args, progress),
            Command::Outcomes(args) => outcomes::outcomes(args, progress),
            Command::Rows(args) => rows::rows(args, progress),
            Command::Trees(args) => trees::trees(args, progress),
            Command::Score(args) => score::score(args, recorder, progress),
            Command::Schedule(args) => schedule::schedule(args),
            Command::Fit(args) => fit::fit(args, progress),
            Command::Tune(args) => tune::tune(args, recorder, progress),
            Command::Generate(args) => generate::generate(args, progress),
        }
    }
}

/// Creates a file for buffered writing.
fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| path.display().to_string())?))
}
