//! What was read of user tables, for people.

use serde::Serialize;

use super::Used;

/// What was read of user tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UsersReport {
    /// The files, and what each is.
    pub files: Vec<String>,
    /// The column of users.
    pub user: String,
    /// The column of times; empty if there is none.
    pub time: String,
    /// Rows, bad ones among them.
    pub rows: u64,
    /// Users with a row.
    pub users: u64,
    /// Distinct times.
    pub times: u64,
    /// What the log makes of its rows.
    #[serde(flatten)]
    pub used: Used,
    /// Rows that were left out, by reason.
    pub left_out: Vec<(String, u64)>,
    /// What each column was taken for, in words.
    pub columns: Vec<(String, String)>,
    /// The columns that are not looked at, and why.
    pub ignored: Vec<(String, String)>,
}

impl UsersReport {
    /// Counts a row that is left out.
    pub fn leave_out(&mut self, reason: String) {
        match self.left_out.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.left_out.push((reason, 1)),
        }
    }

    /// The report as lines of text; none if no table was read.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if self.files.is_empty() {
            return Vec::new();
        }
        let Used { with_events, after_the_log, superseded, events_before, events_with } = self.used;
        let mut lines: Vec<String> = self.files.iter().map(|file| format!("users: {file}")).collect();
        let times = match self.time.as_str() {
            "" => String::new(),
            time => format!(", {} times (column {time})", self.times),
        };
        lines.push(format!(
            "{} rows of {} users (column {}){times}; {} of them without events",
            self.rows,
            self.users,
            self.user,
            self.users - with_events
        ));
        if self.users > 0 && with_events * 10 < self.users {
            lines.push(format!(
                "warning: {with_events} of {} users of the table have events; are the ids the same as in the log?",
                self.users
            ));
        }
        if events_with == 0 && events_before > 0 {
            lines.push(format!(
                "warning: no event is learnt with what is known of its user: all {events_before} are before the first row of \
                 theirs; give rows of earlier times, or leave out ingest.users.time if a row holds at all times"
            ));
        } else if events_before > 0 {
            let of = events_before + events_with;
            lines.push(format!(
                "  {events_before} of {of} events of these users are before their first row: learnt without a profile"
            ));
        }
        if after_the_log > 0 {
            lines.push(format!(
                "  {after_the_log} rows are of after the log's end: no event is learnt with them, though the last one of a user is \
                 their profile"
            ));
        }
        if superseded > 0 {
            lines.push(format!(
                "  {superseded} rows are followed by another one of their user before any event: no event is learnt with them"
            ));
        }
        lines.extend(self.left_out.iter().map(|(reason, count)| format!("  left out {count}: {reason}")));
        lines.extend(self.columns.iter().map(|(name, what)| format!("  {name}: {what}")));
        lines.extend(self.ignored.iter().map(|(name, why)| format!("  ignored {name}: {why}")));
        lines
    }
}
