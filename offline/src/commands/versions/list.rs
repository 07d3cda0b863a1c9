//! `offline versions list`: the versions, what each is called and since when.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use serde::Serialize;
use shared::contract::artifact::alias::{Alias, aliases};
use shared::contract::artifact::manifest::{MANIFEST, read_any};

use super::{Place, time};
use crate::publish::labels::Labels;
use crate::publish::versions;

/// Lists versions, oldest first, with their aliases and since when each has them.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// A version as it is listed.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// The version.
    pub version: String,
    /// When it was built, milliseconds since the epoch.
    pub built_ms: i64,
    /// What it is called, and since when, milliseconds since the epoch.
    pub aliases: BTreeMap<Alias, i64>,
    /// What is said of it.
    #[serde(flatten)]
    pub labels: Labels,
}

/// Lists.
pub fn list(args: &ListArgs, place: &Place) -> anyhow::Result<()> {
    let folder = place.folder()?;
    let listed = all(&folder)?;
    if args.json {
        println!("{}", serde_json::to_string(&listed)?);
        return Ok(());
    }
    if listed.is_empty() {
        println!("{}: no versions; `offline run` builds one", folder.display());
    }
    let width = listed.iter().map(|own| own.version.len()).max().unwrap_or(0);
    for own in &listed {
        println!("{:width$}  {}  {}", own.version, time(own.built_ms), said(own));
    }
    for (alias, named) in aliases(&folder)? {
        if !listed.iter().any(|own| own.version == named.version) {
            eprintln!("warning: {alias} names {}, which is not there; give {alias} to another version", named.version);
        }
    }
    Ok(())
}

/// The versions of a folder, those of evaluations too.
pub fn all(folder: &Path) -> anyhow::Result<Vec<Listed>> {
    let named = aliases(folder)?;
    let mut found = versions::list(folder)?;
    found.extend(versions::list_evaluated(folder)?);
    let mut listed = Vec::new();
    for version in found {
        /// What manifests of both kinds have.
        #[derive(serde::Deserialize)]
        struct Built {
            built_ms: i64,
        }
        let Built { built_ms } = read_any(&folder.join(&version).join(MANIFEST))?;
        let own = named.iter().filter(|(_, named)| named.version == version);
        let aliases = own.map(|(alias, named)| (alias.clone(), named.since_ms)).collect();
        let labels = Labels::read(folder, &version)?;
        listed.push(Listed { version, built_ms, aliases, labels });
    }
    Ok(listed)
}

/// Aliases and tags, in words.
fn said(own: &Listed) -> String {
    let aliases = own.aliases.iter().map(|(alias, since)| format!("{alias} since {}", time(*since)));
    let tags = own.labels.tags.iter().map(|(name, value)| format!("{name}={value}"));
    let mut all: Vec<String> = aliases.chain(tags).collect();
    match own.labels.notes.len() {
        0 => {}
        1 => all.push("1 note".to_owned()),
        notes => all.push(format!("{notes} notes")),
    }
    all.join(", ")
}
