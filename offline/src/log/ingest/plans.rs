//! Decides how all files are read, before the first row of any is.
//!
//! Dates of which every one can be read in two ways, such as those of the first days of a month, are read as in a file of
//! the same columns beside it whose dates can be read in one way only.

use std::path::{Path, PathBuf};

use super::IngestError;
use super::plan::{Plan, Plausible, plan};
use super::read::recognise;
use super::settings::{Alternatives, IngestConfig, Reading};
use super::times::Clock;

/// The plan of each file, in order; `None` for a file in which nothing is.
///
/// # Errors
/// As [`plan`], of the first file that has no plan.
pub fn plans(files: &[PathBuf], config: &IngestConfig, plausible: Plausible) -> Result<Vec<Option<Plan>>, IngestError> {
    let mut plans: Vec<Option<Plan>> = Vec::with_capacity(files.len());
    let mut undecided: Vec<(usize, IngestError)> = Vec::new();
    for (number, path) in files.iter().enumerate() {
        match plan(path, config, plausible) {
            Ok(plan) => plans.push(plan),
            Err(error @ IngestError::Times { .. }) => {
                undecided.push((number, error));
                plans.push(None);
            }
            Err(error) => return Err(error),
        }
    }
    let mut decided = Vec::with_capacity(undecided.len());
    for (number, error) in undecided {
        let path = &files[number];
        let format = format_beside(path, config, &plans, &error)?.ok_or(error)?;
        let reading = Reading {
            pattern: glob::Pattern::escape(&path.to_string_lossy()),
            timestamp_format: Some(Alternatives::One(format)),
            ..Reading::default()
        };
        let config = IngestConfig { files: [&config.files[..], &[reading]].concat(), ..config.clone() };
        decided.push((number, plan(path, &config, plausible)?));
    }
    decided.into_iter().for_each(|(number, plan)| plans[number] = plan);
    Ok(plans)
}

/// The one format of the files with the columns of this one, if it is one of those that are possible here.
fn format_beside(
    path: &Path,
    config: &IngestConfig,
    plans: &[Option<Plan>],
    error: &IngestError,
) -> Result<Option<String>, IngestError> {
    let columns = recognise(path, &config.of_file(path)?.options())?.columns;
    let alike = plans.iter().flatten().filter(|plan| plan.form.columns == columns);
    let formats = alike.filter_map(|plan| match plan.times.as_ref()?.clock() {
        Clock::Formats(formats) => formats.first().map(|format| format.as_str().to_owned()),
        _ => None,
    });
    let mut formats: Vec<String> = formats.collect();
    formats.sort_unstable();
    formats.dedup();
    let told = error.to_string();
    Ok(match &formats[..] {
        [format] if told.contains(&format!("\"{format}\"")) => formats.pop(),
        _ => None,
    })
}
