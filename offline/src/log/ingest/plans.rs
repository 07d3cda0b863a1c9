//! Decides how all files are read, before the first row of any is.
//!
//! Dates of which every one can be read in two ways, such as those of the first days of a month, are read as in a file of
//! the same columns beside it whose dates can be read in one way only.

use std::path::Path;

use super::IngestError;
use super::gather::Reader;
use super::plan::{Plan, Plausible, plan};
use super::read::{Found, recognise};
use super::settings::{Alternatives, IngestConfig, Reading};
use super::times::{Clock, Format, Undecided};

/// What becomes of a file.
pub enum Planned {
    /// It is read.
    File(Box<Plan>),
    /// It is not, for this reason.
    LeftOut(String),
}

/// What becomes of each file, in order.
///
/// # Errors
/// As [`plan`], of the first file that has no plan; a file of a folder that can't be a log is left out.
pub fn plans(found: &Found, reader: &Reader<'_>, plausible: Plausible) -> Result<Vec<Planned>, IngestError> {
    let mut planned = Vec::with_capacity(found.files.len());
    let mut without_times = Vec::new();
    let whole = |plan: Option<Plan>| {
        plan.map_or_else(|| Planned::LeftOut("empty".to_owned()), |plan| Planned::File(Box::new(plan)))
    };
    for (number, path) in found.files.iter().enumerate() {
        planned.push(match plan(path, reader.config, reader.kinds, plausible) {
            Ok(plan) => whole(plan),
            Err(error) if found.may_be_another_thing(path) && error.is_no_log() => Planned::LeftOut(error.reason(path)),
            Err(IngestError::Times { column, undecided, .. }) => {
                without_times.push((number, column, undecided));
                whole(None)
            }
            Err(error) => return Err(error),
        });
    }
    let mut decided = Vec::with_capacity(without_times.len());
    for (number, column, undecided) in without_times {
        let path = &found.files[number];
        let Some(format) = format_beside(path, reader.config, &planned, &undecided)? else {
            return Err(IngestError::Times { path: path.clone(), column, undecided });
        };
        let reading = Reading {
            pattern: glob::Pattern::escape(&path.to_string_lossy()),
            timestamp_format: Some(Alternatives::One(format.as_str().to_owned())),
            ..Reading::default()
        };
        let files = [&reader.config.files[..], &[reading]].concat();
        let config = IngestConfig { files, ..reader.config.clone() };
        decided.push((number, plan(path, &config, reader.kinds, plausible)?));
    }
    decided.into_iter().for_each(|(number, plan)| planned[number] = whole(plan));
    Ok(planned)
}

/// The one format of the files with the columns of this one, if it is one of those that are possible here.
fn format_beside(
    path: &Path,
    config: &IngestConfig,
    planned: &[Planned],
    undecided: &Undecided,
) -> Result<Option<Format>, IngestError> {
    let columns = recognise(path, &config.of_file(path)?.options())?.columns;
    let mut formats = planned.iter().filter_map(|planned| match planned {
        Planned::File(plan) if plan.form.columns == columns => match plan.times.as_ref()?.clock() {
            Clock::Formats(formats) => formats.first(),
            _ => None,
        },
        _ => None,
    });
    let first = formats.next().filter(|format| undecided.may_be(format));
    Ok(first.filter(|first| formats.all(|other| other == *first)).cloned())
}
