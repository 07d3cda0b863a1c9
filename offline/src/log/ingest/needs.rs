//! Refuses a file of which something needed is not known, with all that is missing and the lines of the settings that would
//! tell it.

use super::IngestError;
use super::by_values::{self, Plural};
use super::read::Form;
use super::schema;
use super::settings::{MissingTimestamps, Reading, Role};

/// What is missing first of all.
pub const USER: &str = "the user";

/// How many columns are named at most.
const COLUMNS: usize = 60;
/// What a file without items is, where each user has one row.
pub const TABLE_OF_USERS: &str = "each user has one row, as in a table of users";

/// Stands for what could not be decoded.
const UNDECODABLE: char = '\u{fffd}';

/// Refuses a file without a user, an item, a time or a kind.
///
/// * `schema`: the name of its schema.
/// * `layers`: what the settings say of it.
///
/// # Errors
/// [`IngestError`] with what is missing.
pub fn check(
    form: &Form,
    schema: &str,
    reading: &Reading,
    layers: &Reading,
    missing_timestamps: MissingTimestamps,
) -> Result<(), IngestError> {
    if schema == schema::GENERIC {
        readable_names(form, layers)?;
    }
    one_list(layers)?;
    let lacks = |role| reading.columns.of(role).is_empty();
    let (mut what, mut remedies) = (Vec::new(), Vec::new());
    let mut miss = |told: &str, remedy: &str| {
        what.push(told.to_owned());
        remedies.push(remedy.to_owned());
    };
    if lacks(Role::User) {
        miss(USER, "ingest.columns.user = \"…\"");
    }
    if lacks(Role::Item) {
        let (plural, users) = (by_values::plural(form, &form.all_columns())?, reading.columns.of(Role::User));
        let told = match plural.first() {
            Some((column, Plural::Counts)) => format!("the item (column `{column}` has numbers of pieces)"),
            Some((column, Plural::Lists)) => {
                format!("the item (column `{column}` has several in a cell, which have to be a row each)")
            }
            None if by_values::has_a_row_each(form, users)? => format!("the item ({TABLE_OF_USERS})"),
            None => "the item".to_owned(),
        };
        miss(&told, "ingest.columns.item = \"…\"");
    }
    if lacks(Role::Timestamp) && missing_timestamps == MissingTimestamps::Reject {
        miss(
            "the time",
            "ingest.columns.timestamp = \"…\" (a log without times needs ingest.missing_timestamps = \"allow\")",
        );
    }
    if lacks(Role::Event) && reading.default_event.is_none() {
        miss(
            "what happened",
            "ingest.default_event = \"view\" (or \"transaction\", if every row is a purchase), or ingest.columns.event = \"…\"",
        );
    }
    if what.is_empty() {
        return Ok(());
    }
    remedies.extend(separator_within(form).map(|sign| {
        format!("ingest.separator = {}, if it stands between columns", serde_json::Value::from(sign.to_string()))
    }));
    if !form.has_names() {
        remedies.push("ingest.header = \"yes\", if the first row has the names of the columns".to_owned());
    }
    Err(IngestError::NoColumn {
        path: form.path.clone(),
        what: listed(&what),
        there: form.all_columns().into_iter().filter(|column| !column.ends_with("[]")).take(COLUMNS).collect(),
        remedy: remedies.join("; "),
    })
}

/// Refuses settings with a path through two lists.
fn one_list(layers: &Reading) -> Result<(), IngestError> {
    let paths = layers.columns.0.iter().flat_map(|(role, paths)| paths.list().iter().map(move |path| (role, path)));
    match paths.filter(|(_, path)| path.matches("[]").count() > 1).min() {
        Some((role, path)) => Err(IngestError::Setting(format!(
            "columns.{} = {path:?}: rows are the elements of one list; write the elements of the outer list as JSON lines \
             (jq -c '.{}'), so that the inner one is left",
            role.as_str(),
            path.split_once("[]").map_or(path.as_str(), |(list, _)| &path[..list.len() + 2])
        ))),
        None => Ok(()),
    }
}

/// A sign that may separate columns where the file seems to have one: twice or more in its name, and no letter.
fn separator_within(form: &Form) -> Option<char> {
    let ([name], Some(_)) = (&form.columns[..], form.separator()) else { return None };
    let mut signs = name.chars().filter(|sign| !sign.is_alphanumeric() && !['_', '"', '\''].contains(sign));
    signs.find(|sign| name.matches(*sign).count() > 1)
}

/// Refuses names that are not in the encoding of the file, unless the settings name the columns.
fn readable_names(form: &Form, layers: &Reading) -> Result<(), IngestError> {
    let are_set = [Role::User, Role::Item, Role::Timestamp].iter().all(|role| !layers.columns.of(*role).is_empty());
    match form.columns.iter().find(|name| name.contains(UNDECODABLE)) {
        Some(name) if !are_set => Err(IngestError::read(
            &form.path,
            format!(
                "ingest.encoding = \"…\" has to say how its text is written, such as windows-1252, shift_jis or gbk: the name \
                 of its column `{name}` is not {}; the columns are: {}",
                form.encoding,
                form.columns.join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

/// Several things in words.
fn listed(things: &[String]) -> String {
    match things {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => things.concat(),
    }
}
