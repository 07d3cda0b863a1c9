//! `offline versions tag` and `note`: what people say of a version.

use clap::Args;
use jiff::Timestamp;

use super::Place;
use crate::publish::labels::{Labels, Note, Tag};

/// Sets tags of a version.
#[derive(Debug, Args)]
pub struct TagArgs {
    /// The version.
    version: String,
    /// Tags, each NAME=VALUE; NAME= takes one away.
    #[arg(required = true, value_name = "NAME=VALUE")]
    tags: Vec<Tag>,
}

/// Adds a note to a version.
#[derive(Debug, Args)]
pub struct NoteArgs {
    /// The version.
    version: String,
    /// The text.
    text: String,
}

/// Sets tags.
pub fn tag(args: &TagArgs, place: &Place) -> anyhow::Result<()> {
    let pointers = place.pointers("offline versions tag")?;
    place.known(&args.version)?;
    let labels = Labels::read(pointers.path(), &args.version)?.tagged(&args.tags);
    labels.write(&pointers, &args.version)?;
    labels.tags.iter().for_each(|(name, value)| println!("{name}={value}"));
    Ok(())
}

/// Adds a note.
pub fn note(args: &NoteArgs, place: &Place) -> anyhow::Result<()> {
    let pointers = place.pointers("offline versions note")?;
    place.known(&args.version)?;
    let mut labels = Labels::read(pointers.path(), &args.version)?;
    labels.notes.push(Note { at_ms: Timestamp::now().as_millisecond(), text: args.text.clone() });
    Ok(labels.write(&pointers, &args.version)?)
}
