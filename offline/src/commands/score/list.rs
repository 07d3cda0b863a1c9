//! `offline score list`: the models and their versions.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use shared::contract::artifact::manifest::read_champion;
use shared::engine::tabular::challenge::Challenge;
use shared::engine::tabular::manifest::ModelManifest;

use crate::commands::mirrors::mirrored;
use crate::publish::versions;
use crate::score::registry::{CHALLENGER, folder, models};

/// Lists the models and their versions, with their metrics on the rows that each was tested on.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this model.
    #[arg(long)]
    model: Option<String>,
    /// The artifacts folder, which holds the models.
    #[arg(long, env = "TANDEM_ARTIFACTS__PATH", default_value = "artifacts", value_parser = mirrored)]
    artifacts: PathBuf,
}

/// The metrics that are shown: of one label, or of several.
const SHOWN: [&str; 5] = ["roc_auc", "map@7", "log_loss", "f1", "micro_f1"];

/// Lists.
pub fn list(args: &ListArgs) -> anyhow::Result<()> {
    let names = models(&args.artifacts)?;
    anyhow::ensure!(!names.is_empty(), "{}: no models; `offline score train` makes one", args.artifacts.display());
    if let Some(name) = &args.model {
        anyhow::ensure!(names.contains(name), "no model {name}; there are: {}", names.join(", "));
    }
    for name in names.iter().filter(|name| args.model.as_ref().is_none_or(|wanted| wanted == *name)) {
        let folder = folder(&args.artifacts, name);
        let champion = read_champion(&folder).unwrap_or_default();
        let challenger = std::fs::read_to_string(folder.join(CHALLENGER)).unwrap_or_default();
        let challenge = Challenge::read(&folder)?;
        for version in versions::list(&folder)? {
            let alias = match &challenge {
                _ if version == champion => "champion".to_owned(),
                Some(challenge) if version == challenge.version => {
                    format!("challenger, {}, share {}", challenge.mode.as_str(), challenge.share)
                }
                _ if version == challenger.trim() => "challenger".to_owned(),
                _ => String::new(),
            };
            match ModelManifest::read(&folder.join(&version)) {
                Ok(manifest) => {
                    let built = Timestamp::from_millisecond(manifest.built_ms).unwrap_or_default().strftime("%FT%TZ");
                    let figure = |metric: &&str| {
                        let value = manifest.metrics["test"][metric]["value"].as_f64();
                        value.map(|value| format!("{metric} {value:.4}"))
                    };
                    let figures: Vec<String> = SHOWN.iter().filter_map(figure).collect();
                    println!("{name}  {version}  {built}  {}  {alias}", figures.join("  "));
                }
                Err(error) => println!("{name}  {version}  {error}  {alias}"),
            }
        }
    }
    Ok(())
}
