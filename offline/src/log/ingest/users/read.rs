//! Reads user tables row by row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use shared::contract::id::{self, canonical};
use shared::engine::tabular::value::time;

use super::{UserTable, UsersTableConfig};
use crate::log::ingest::read::{Form, Needed, Wanted, every, for_each_row, recognise};
use crate::log::ingest::schema::column_of_users;
use crate::log::ingest::texts::Texts;
use crate::log::ingest::{IngestConfig, IngestError};

/// The section of the settings that names the columns.
const SECTION: &str = "ingest.users";

/// Which column of the files is what.
struct Layout {
    user: String,
    /// Empty without one.
    time: String,
    others: Vec<String>,
}

/// Reads user tables: files, folders, or patterns of files. The columns are those of the first file.
///
/// * `is_erased`: whether the rows of a user are passed over.
///
/// # Errors
/// [`IngestError`] when a file or a column that the settings name is missing, there is no row, a user has two rows of one
/// time, or too many rows are bad.
pub fn read_users(
    paths: &[PathBuf],
    ingest: &IngestConfig,
    is_erased: &dyn Fn(&str) -> bool,
) -> Result<UserTable, IngestError> {
    let config = &ingest.users;
    let found = every(paths)?;
    let (mut table, mut layout, mut users): (UserTable, Option<Layout>, Vec<Box<str>>) = Default::default();
    table.config = config.clone();
    for (path, reason) in found.left_out {
        table.report.ignored.push((path.display().to_string(), reason));
    }
    for path in &found.files {
        let form = recognise(path, &ingest.of_file(path)?.options())?;
        table.report.files.push(format!("{}: {form}", path.display()));
        if form.columns.is_empty() {
            continue;
        }
        let layout = match &layout {
            Some(layout) => layout,
            None => {
                let found = columns(&form, config)?;
                (table.names, table.columns) = (found.others.clone(), vec![Texts::default(); found.others.len()]);
                (table.report.user, table.report.time) = (found.user.clone(), found.time.clone());
                layout.insert(found)
            }
        };
        rows(&form, layout, config, is_erased, &mut table, &mut users)?;
    }
    let path = paths.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
    let bad: u64 = table.report.left_out.iter().map(|(_, count)| count).sum();
    if bad as f64 > ingest.max_reject_share * table.report.rows as f64 {
        let reasons: Vec<String> =
            table.report.left_out.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
        let all = table.report.rows;
        let text = format!(
            "{bad} of {all} rows of the user table are left out ({}), more than ingest.max_reject_share = {}",
            reasons.join("; "),
            ingest.max_reject_share
        );
        return Err(IngestError::read(path, text));
    }
    if users.is_empty() {
        return Err(IngestError::read(path, "the user table has no rows; leave --users out, or give one with rows"));
    }
    index(path, users, &mut table)?;
    Ok(table)
}

/// Which columns of the first file hold what.
fn columns(form: &Form, config: &UsersTableConfig) -> Result<Layout, IngestError> {
    let within = |column: &str, sign: char| {
        form.nested.iter().any(|path| path.strip_prefix(column).is_some_and(|rest| rest.starts_with(sign)))
    };
    let single: Vec<String> = form
        .columns
        .iter()
        .filter(|column| !column.is_empty() && !within(column, '.') && !within(column, '['))
        .cloned()
        .collect();
    let there = |column: &String| match single.contains(column) {
        true => Ok(()),
        false => Err(IngestError::Column {
            path: form.path.clone(),
            column: column.clone(),
            there: single.clone(),
            section: SECTION,
        }),
    };
    let named = [&config.columns, &config.ignored, &config.categories];
    named.into_iter().flatten().try_for_each(there)?;
    let user = match config.user.as_str() {
        "" => column_of_users(&single).ok_or_else(|| IngestError::NoColumn {
            path: form.path.clone(),
            what: "the user".to_owned(),
            there: single.clone(),
            remedy: "ingest.users.user = \"…\"".to_owned(),
        })?,
        _ => {
            there(&config.user)?;
            config.user.clone()
        }
    };
    if !config.time.is_empty() {
        there(&config.time)?;
    }
    if let Some(twice) = single.iter().enumerate().find_map(|(at, name)| single[..at].contains(name).then_some(name)) {
        return Err(IngestError::read(&form.path, format!("two columns are named `{twice}`; rename one of them")));
    }
    let is_taken = |name: &&String| {
        **name != user
            && **name != config.time
            && !config.ignored.contains(name)
            && (config.columns.is_empty() || config.columns.contains(name))
    };
    let others: Vec<String> = single.iter().filter(is_taken).cloned().collect();
    if others.is_empty() {
        let text = format!("the user table has no column beside `{user}`; there are: {}", single.join(", "));
        return Err(IngestError::read(&form.path, text));
    }
    Ok(Layout { user, time: config.time.clone(), others })
}

/// Reads the rows of a file.
fn rows(
    form: &Form,
    layout: &Layout,
    config: &UsersTableConfig,
    is_erased: &dyn Fn(&str) -> bool,
    table: &mut UserTable,
    users: &mut Vec<Box<str>>,
) -> Result<(), IngestError> {
    let mut wanted = vec![Wanted::ids(&layout.user, Needed::Yes)];
    let needed = if layout.time.is_empty() { Needed::No } else { Needed::Yes };
    wanted.push(Wanted::column(&layout.time, needed));
    wanted.extend(layout.others.iter().map(|name| Wanted::column(name, Needed::Yes)));
    let format = Some(config.time_format.as_str()).filter(|format| !format.is_empty());
    for_each_row(form, &wanted, SECTION, &mut |_, row| {
        table.report.rows += 1;
        let values = match row {
            Ok(row) => row.values,
            Err(row) => {
                table.report.leave_out(row.reason.to_string());
                return Ok(());
            }
        };
        let Some(user) = values[0].and_then(canonical).filter(|user| id::check(user).is_ok()) else {
            table.report.leave_out("no user".to_owned());
            return Ok(());
        };
        if is_erased(&user) {
            table.report.rows -= 1;
            return Ok(());
        }
        let at_ms = match (layout.time.as_str(), values[1]) {
            ("", _) => i64::MIN,
            (_, text) => match text.and_then(|text| time(text, format, &TimeZone::UTC)) {
                Some(seconds) => (seconds * 1000.0).round() as i64,
                None => {
                    table.report.leave_out("no time".to_owned());
                    return Ok(());
                }
            },
        };
        users.push(user.into_owned().into());
        table.times.push(at_ms);
        table.columns.iter_mut().zip(&values[2..]).for_each(|(column, value)| column.push(*value, &config.missing));
        Ok(())
    })
}

/// Puts the rows in the order of users and times.
fn index(path: &Path, users: Vec<Box<str>>, table: &mut UserTable) -> Result<(), IngestError> {
    let mut order: Vec<u32> = (0..users.len() as u32).collect();
    let key = |row: u32| (&users[row as usize], table.times[row as usize]);
    order.sort_by(|a, b| key(*a).cmp(&key(*b)));
    if let Some(pair) = order.windows(2).find(|pair| key(pair[0]) == key(pair[1])) {
        let (user, what) = (&users[pair[0] as usize], if table.report.time.is_empty() { "" } else { " of one time" });
        let remedy = match table.report.time.as_str() {
            "" => "keep one row a user, or name the column of their times: ingest.users.time = \"…\"",
            _ => "keep one row a user and time",
        };
        return Err(IngestError::read(path, format!("user `{user}` has several rows{what}; {remedy}")));
    }
    arrange(&users, table);
    Ok(())
}

/// Puts the rows in the order of users and times; those of one user and time as they were added.
///
/// * `owners`: the user of each row.
pub(super) fn arrange(owners: &[Box<str>], table: &mut UserTable) {
    let mut order: Vec<u32> = (0..owners.len() as u32).collect();
    order.sort_by_key(|&row| (&owners[row as usize], table.times[row as usize]));
    (table.ids, table.starts) = (Vec::new(), Vec::new());
    for (at, &row) in order.iter().enumerate() {
        if table.ids.last() != Some(&owners[row as usize]) {
            table.ids.push(owners[row as usize].clone());
            table.starts.push(at as u32);
        }
    }
    table.starts.push(order.len() as u32);
    table.order = order;
    table.report.users = table.ids.len() as u64;
    table.report.times = table.times.iter().collect::<BTreeSet<_>>().len() as u64;
}
