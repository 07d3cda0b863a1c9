//! `offline versions tag` and `note`: what people say of a version.

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;

use super::Place;
use crate::publish::labels::{Labels, Note, Tag};

/// Sets tags of a version.
#[derive(Debug, Args)]
pub struct TagArgs {
    /// The version, or an alias of it.
    version: String,
    /// Tags, each NAME=VALUE; NAME= takes one away.
    #[arg(required = true, value_name = "NAME=VALUE")]
    tags: Vec<Tag>,
}

/// Adds a note to a version, or removes one.
#[derive(Debug, Args)]
pub struct NoteArgs {
    /// The version, or an alias of it.
    version: String,
    /// The text.
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    text: Option<String>,
    /// Removes the note of this number, as `versions show` lists them: the oldest is 1.
    #[arg(long, value_name = "NUMBER")]
    remove: Option<usize>,
}

/// Sets tags.
pub fn tag(args: &TagArgs, place: &Place) -> anyhow::Result<()> {
    let pointers = place.pointers("offline versions tag")?;
    let version = place.known(&args.version)?;
    let labels = Labels::read(pointers.path(), &version)?.tagged(&args.tags);
    labels.write(&pointers, &version)?;
    labels.tags.iter().for_each(|(name, value)| println!("{name}={value}"));
    Ok(())
}

/// Adds a note, or removes one.
pub fn note(args: &NoteArgs, place: &Place) -> anyhow::Result<()> {
    let pointers = place.pointers("offline versions note")?;
    let version = place.known(&args.version)?;
    let mut labels = Labels::read(pointers.path(), &version)?;
    match (&args.text, args.remove) {
        (Some(text), _) => {
            anyhow::ensure!(!text.trim().is_empty(), "an empty note says nothing; write a text, or --remove NUMBER");
            labels.notes.push(Note { at_ms: Timestamp::now().as_millisecond(), text: text.clone() });
        }
        (None, number) => {
            let at = number.unwrap_or(0).checked_sub(1).filter(|at| *at < labels.notes.len());
            let at = at.with_context(|| format!("{version} has {} notes, the oldest is 1", labels.notes.len()))?;
            labels.notes.remove(at);
        }
    }
    Ok(labels.write(&pointers, &version)?)
}
