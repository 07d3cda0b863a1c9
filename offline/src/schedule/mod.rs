//! The scheduler: jobs at their times, each a process of its own, for years.
//!
//! So far: which jobs, and when.

pub mod config;
pub mod times;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::config::Plan;

    /// The plan of a text.
    pub fn plan(text: &str) -> Plan {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("writes");
        Plan::load(file.path()).unwrap_or_else(|error| panic!("{error}"))
    }
}
