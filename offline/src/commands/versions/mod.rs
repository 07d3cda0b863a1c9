//! `offline versions`: the versions of the recommender, or of a model of rows, what people call and say of them, and which of
//! them replicas serve.

mod alias;
mod label;
mod list;
mod served;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use shared::contract::artifact::alias::Alias;
use shared::objects::pull::Need;

use super::mirrors::Access;
use super::options::ArtifactsOptions;
use crate::publish::{Complete, Pointers, versions};
use crate::score::registry;

/// Lists versions, gives them names, and notes what is said of them.
#[derive(Debug, Args)]
pub struct VersionsArgs {
    #[command(subcommand)]
    command: VersionsCommand,
    #[command(flatten)]
    place: Place,
}

/// Whose versions.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    output: ArtifactsOptions,
    /// The model of rows; the recommender if absent.
    #[arg(long, global = true, value_name = "NAME")]
    model: Option<String>,
}

#[derive(Debug, Subcommand)]
enum VersionsCommand {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Served(served::ServedArgs),
    Alias(alias::AliasArgs),
    Tag(label::TagArgs),
    Note(label::NoteArgs),
}

impl VersionsArgs {
    /// What it does with artifacts.
    pub fn access(&self) -> Access {
        match &self.command {
            VersionsCommand::List(_) | VersionsCommand::Show(_) | VersionsCommand::Served(_) => {
                Access::Read(Need::Manifests)
            }
            VersionsCommand::Alias(_) | VersionsCommand::Tag(_) | VersionsCommand::Note(_) => {
                Access::Note(Need::Manifests)
            }
        }
    }
}

/// Runs a subcommand.
pub fn versions(args: &VersionsArgs) -> anyhow::Result<()> {
    let place = &args.place;
    match &args.command {
        VersionsCommand::List(own) => list::list(own, place),
        VersionsCommand::Show(own) => show::show(own, place),
        VersionsCommand::Served(own) => served::served(own, place),
        VersionsCommand::Alias(own) => alias::alias(own, place),
        VersionsCommand::Tag(own) => label::tag(own, place),
        VersionsCommand::Note(own) => label::note(own, place),
    }
}

impl Place {
    /// The folder of the versions.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        let artifacts = &self.output.artifacts;
        match &self.model {
            Some(name) => Ok(registry::existing(artifacts, name)?),
            None => Ok(artifacts.clone()),
        }
    }

    /// Takes the short lock of the folder.
    fn pointers(&self, command: &str) -> anyhow::Result<Pointers> {
        Ok(Pointers::take(&self.folder()?, command, self.output.moments())?)
    }

    /// The version that a text names: itself, or by an alias.
    fn known(&self, text: &str) -> anyhow::Result<String> {
        let folder = self.folder()?;
        let alias = text.parse::<Alias>().ok().filter(|_| !versions::is_name(text));
        let version = alias.and_then(|alias| alias.read(&folder).ok()).unwrap_or_else(|| text.to_owned());
        versions::named(&folder, &version)?;
        Ok(version)
    }

    /// Checks that a version is complete, so that it can be served.
    fn complete(&self, pointers: &Pointers, version: &str) -> anyhow::Result<()> {
        match &self.model {
            Some(name) => drop(registry::load(&self.output.artifacts, name, Some(version))?),
            None => drop(Complete::find(pointers, version)?),
        }
        Ok(())
    }
}

/// A time, UTC.
fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%FT%TZ").to_string()
}
