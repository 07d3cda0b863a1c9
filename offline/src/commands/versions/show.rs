//! `offline versions show`: one version, what is said of it, and the runs that made it.

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use shared::contract::artifact::manifest::{MANIFEST, read_any};

use super::list::{Listed, all};
use super::{Place, time};
use crate::publish::labels::Note;
use crate::runs::store;

/// Shows a version: its aliases, tags and notes, what it was learnt from, and the run that made it.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The version, or an alias of it, such as `champion`.
    version: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What of a manifest is shown.
const SHOWN: [&str; 5] = ["data_fingerprint", "counts", "rows", "first_event_ms", "last_event_ms"];

/// Shows.
pub fn show(args: &ShowArgs, place: &Place) -> anyhow::Result<()> {
    let folder = place.folder()?;
    let asked = place.known(&args.version)?;
    let own = all(&folder)?.into_iter().find(|own| own.version == asked);
    let own = own.with_context(|| format!("{asked}: was removed just now"))?;
    let manifest: Value = read_any(&folder.join(&asked).join(MANIFEST))?;
    let (runs, _) = store::list(&store::folder(&place.output.artifacts))?;
    let made = runs.iter().filter(|run| run.version.as_ref() == Some(&asked) && run.model == place.model);
    let made: Vec<&str> = made.map(|run| run.id.as_str()).collect();
    let learnt: Vec<(&str, &Value)> = SHOWN.iter().filter_map(|name| Some((*name, manifest.get(name)?))).collect();
    if args.json {
        let learnt: Value = learnt.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect();
        println!("{:#}", json!({ "version": own, "runs": made, "manifest": learnt }));
        return Ok(());
    }
    let Listed { version, built_ms, aliases, labels } = &own;
    println!("{version}, built {}", time(*built_ms));
    aliases.iter().for_each(|(alias, since)| println!("  {alias} since {}", time(*since)));
    labels.tags.iter().for_each(|(name, value)| println!("  {name}={value}"));
    labels.notes.iter().for_each(|Note { at_ms, text }| println!("  {}: {text}", time(*at_ms)));
    learnt.iter().for_each(|(name, value)| println!("  {name}: {value}"));
    for id in made {
        println!("  made by {id}; `offline runs show {id}` tells how");
    }
    Ok(())
}
