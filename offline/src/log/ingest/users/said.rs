//! What the service was told of users while it served, by the lines of its event log that say it, as rows of the user table.
//!
//! In: the lines that say it, see `service_log`, and a table, or none. Out: the table with a row more for each time at which
//! something was said of a user: the last row of the user before it, with what was said since that row on top. So an event is
//! learnt with what was known when it happened, and a row of a later time, which is all that is known then, takes the place
//! of what was said before it. Costs a row of all columns for each of these times.

use std::collections::{BTreeMap, BTreeSet};

use shared::contract::event_log::Place;
use shared::contract::item_change::{FieldValue, Stamp};
use shared::contract::user_change::UserChange;

use super::read::arrange;
use super::{UserTable, UsersTableConfig};
use crate::log::ingest::texts::Texts;

/// The reason for lines that say something of a user.
pub const SAID: &str = "what the service was told of a user, which is in the user table";

/// What was said of users in a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SaidOfUsers(Vec<(UserChange, Place)>);

impl SaidOfUsers {
    /// Adds what a line says.
    ///
    /// * `place`: the position of the line.
    pub fn add(&mut self, change: UserChange, place: Place) {
        self.0.push((change, place));
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What counts, of each user in the order of time.
    fn by_user(&self, counts: impl Fn(&UserChange) -> bool) -> BTreeMap<&str, Vec<(Stamp, &UserChange)>> {
        let mut users: BTreeMap<&str, Vec<(Stamp, &UserChange)>> = BTreeMap::new();
        for (change, place) in self.0.iter().filter(|(change, _)| counts(change)) {
            users.entry(change.user.as_str()).or_default().push((change.stamp(*place), change));
        }
        users.values_mut().for_each(|changes| changes.sort_by_key(|(stamp, _)| *stamp));
        users
    }
}

impl UserTable {
    /// Adds the rows of what was said of users.
    ///
    /// * `counts`: whether a change counts, which one before the erasure of its user does not.
    #[must_use]
    pub fn with_said(
        mut self,
        said: &SaidOfUsers,
        counts: impl Fn(&UserChange) -> bool,
        config: &UsersTableConfig,
    ) -> Self {
        let by_user = said.by_user(counts);
        let changes: usize = by_user.values().map(Vec::len).sum();
        if changes == 0 {
            return self;
        }
        self.config = config.clone();
        self.report
            .files
            .push(format!("what the service was told of users: {changes} changes of {} users", by_user.len()));
        self.add_columns(by_user.values().flatten().map(|(_, change)| *change));
        let mut owners = vec![Box::<str>::default(); self.times.len()];
        for (user, id) in self.ids.iter().enumerate() {
            self.rows(user).iter().for_each(|&row| owners[row as usize] = id.clone());
        }
        for (id, changes) in by_user {
            let known = self.ids.binary_search_by(|known| (**known).cmp(id)).ok();
            let rows: Vec<u32> = known.map_or_else(Vec::new, |user| self.rows(user).to_vec());
            let times: BTreeSet<i64> = changes.iter().map(|(stamp, _)| stamp.timestamp_ms).collect();
            for time_ms in times {
                let base = rows.iter().copied().rfind(|&row| self.time(row) <= time_ms);
                let since_ms = base.map_or(i64::MIN, |row| self.time(row));
                // What was said at the time of a row is on top of it.
                let since = |stamp: &Stamp| (since_ms..=time_ms).contains(&stamp.timestamp_ms);
                let latest: BTreeMap<&str, Option<&FieldValue>> = changes
                    .iter()
                    .filter(|(stamp, _)| since(stamp))
                    .flat_map(|(_, change)| change.set.iter().map(|(name, value)| (&**name, value.as_ref())))
                    .collect();
                for (name, column) in self.names.iter().zip(&mut self.columns) {
                    let value = match latest.get(name.as_str()) {
                        Some(value) => value.and_then(|value| value.texts().into_iter().next()).map(String::from),
                        None => base.and_then(|row| column.get(row as usize)).map(str::to_owned),
                    };
                    column.push(value.as_deref(), &self.config.missing);
                }
                self.times.push(time_ms);
                self.report.rows += 1;
                owners.push(id.into());
            }
        }
        arrange(&owners, &mut self);
        self
    }

    /// Adds the columns that only changes name, but for those that the settings leave out.
    fn add_columns<'a>(&mut self, changes: impl Iterator<Item = &'a UserChange>) {
        let Self { config, names, report, .. } = &*self;
        let is_taken = |name: &&str| {
            !names.iter().any(|known| known == name)
                && report.user != *name
                && !config.ignored.iter().any(|ignored| ignored == name)
                && (config.columns.is_empty() || config.columns.iter().any(|column| column == name))
        };
        let new: BTreeSet<&str> =
            changes.flat_map(|change| change.set.keys()).map(|name| &**name).filter(is_taken).collect();
        let rows = self.times.len();
        for name in new {
            let mut column = Texts::default();
            (0..rows).for_each(|_| column.push(None, &[]));
            self.names.push(name.to_owned());
            self.columns.push(column);
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::contract::event_log::FileId;
    use shared::contract::id::UserId;

    use super::*;

    fn said(changes: &[(&str, i64, &str, Option<&str>)]) -> SaidOfUsers {
        let mut said = SaidOfUsers::default();
        for (at, (user, timestamp_ms, field, value)) in changes.iter().enumerate() {
            let set = [((*field).into(), value.map(|text| FieldValue::Text(text.into())))].into();
            let user = UserId::new(*user).expect("an id");
            let change = UserChange { set, user, timestamp_ms: *timestamp_ms, received_ms: 100 };
            said.add(change, Place { file: FileId::new(1).expect("not 0"), end: at as u64 });
        }
        said
    }

    /// A table with the columns `city` and `plan`: rows of users at times, two of `a` and one of `b`.
    fn table() -> UserTable {
        let mut table = UserTable {
            names: vec!["city".to_owned(), "plan".to_owned()],
            columns: vec![Texts::default(), Texts::default()],
            times: vec![10, 30, i64::MIN],
            ..UserTable::default()
        };
        for (city, plan) in [("Bern", "s"), ("Basel", "m"), ("Chur", "s")] {
            table.columns[0].push(Some(city), &[]);
            table.columns[1].push(Some(plan), &[]);
        }
        arrange(&["a".into(), "a".into(), "b".into()], &mut table);
        table
    }

    /// The rows of a user: time and values.
    fn rows(table: &UserTable, user: &str) -> String {
        let Ok(user) = table.ids.binary_search_by(|id| (**id).cmp(user)) else { return String::new() };
        let row = |row: &u32| {
            let values = table.columns.iter().map(|column| column.get(*row as usize).unwrap_or("-"));
            format!("{}: {}", table.time(*row).max(0), values.collect::<Vec<_>>().join(" "))
        };
        table.rows(user).iter().map(row).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_was_said_is_a_row_from_its_time_on_and_a_later_row_of_the_table_takes_its_place() {
        let said = said(&[
            ("a", 20, "city", Some("Zug")),
            ("a", 25, "plan", None),
            ("a", 40, "age", Some("34")),
            ("b", 5, "plan", Some("l")),
        ]);
        let table = table().with_said(&said, |_| true, &UsersTableConfig::default());
        assert_eq!(rows(&table, "a"), "10: Bern s -, 20: Zug s -, 25: Zug - -, 30: Basel m -, 40: Basel m 34");
        assert_eq!(rows(&table, "b"), "0: Chur s -, 5: Chur l -");
    }

    #[test]
    fn without_a_table_what_was_said_is_one_and_what_does_not_count_is_in_none() {
        let said = said(&[
            ("b", 5, "plan", Some("l")),
            ("a", 7, "plan", Some("s")),
            ("a", 7, "plan", Some("m")),
            ("c", 9, "plan", Some("s")),
        ]);
        let table =
            UserTable::default().with_said(&said, |change| change.user.as_str() != "c", &UsersTableConfig::default());
        assert_eq!((table.ids.len(), rows(&table, "a"), rows(&table, "b")), (2, "7: m".to_owned(), "5: l".to_owned()));
        let none = UserTable::default().with_said(&said, |_| false, &UsersTableConfig::default());
        assert!(none.ids.is_empty() && none.report.files.is_empty());
        let config = UsersTableConfig { ignored: vec!["plan".to_owned()], ..UsersTableConfig::default() };
        assert!(UserTable::default().with_said(&said, |_| true, &config).names.is_empty());
    }
}
