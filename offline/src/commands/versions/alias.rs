//! `offline versions alias`: gives a version a name that a service can serve.

use clap::Args;
use shared::contract::artifact::alias::Alias;

use super::Place;
use crate::publish::versions;

/// Gives a version a name, which `artifacts.alias` of a service may be.
#[derive(Debug, Args)]
pub struct AliasArgs {
    /// The name, such as `candidate`. `champion` is given by `publish` and `rollback`, of a model of rows by `score promote`
    /// and `score rollback`.
    alias: Alias,
    /// The version.
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    version: Option<String>,
    /// Takes the name away.
    #[arg(long)]
    remove: bool,
}

/// Names.
pub fn alias(args: &AliasArgs, place: &Place) -> anyhow::Result<()> {
    anyhow::ensure!(
        !args.alias.is_champion(),
        "the champion is compared with the one before: `offline publish --version VERSION` and `offline rollback` name it, \
         of a model of rows `offline score promote` and `offline score rollback`"
    );
    anyhow::ensure!(
        args.remove || !versions::is_name(args.alias.as_str()),
        "{}: a version is called so; take another name",
        args.alias
    );
    let pointers = place.pointers("offline versions alias")?;
    match &args.version {
        Some(version) => {
            place.complete(&pointers, version)?;
            args.alias.write(pointers.path(), version)?;
            println!("{}: {version}", args.alias);
        }
        None => {
            args.alias.remove(pointers.path())?;
            println!("{}: no version", args.alias);
        }
    }
    Ok(())
}
