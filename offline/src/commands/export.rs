//! `offline export`: writes a table of a version as JSON lines, for other programs.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use shared::contract::artifact::manifest::read_champion;
use shared::engine::snapshot::Snapshot;

use super::create;
use super::mirrors::mirrored;
use crate::log::export::{self, Table};
use crate::publish::versions;

/// Writes a table of a version as JSON lines.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The artifacts folder.
    #[arg(long, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    artifacts: PathBuf,
    /// The version; the champion if absent.
    #[arg(long)]
    version: Option<String>,
    /// The table to export.
    #[arg(long, value_enum)]
    table: Table,
    /// The file to write; standard output if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Writes the table.
pub fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let version = match &args.version {
        Some(version) => versions::named(&args.artifacts, version).map(|_| version.clone())?,
        None => read_champion(&args.artifacts)?,
    };
    let snapshot = Snapshot::load(&args.artifacts.join(version))?;
    match &args.out {
        Some(path) => {
            let mut file = create(path)?;
            export::table(&snapshot, args.table, &mut file)?;
            file.flush()?;
        }
        None => {
            export::table(&snapshot, args.table, &mut std::io::stdout().lock())?;
        }
    }
    Ok(())
}
