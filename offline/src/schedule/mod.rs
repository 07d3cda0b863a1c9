//! The scheduler: jobs at their times, each a process of its own, for years.
//!
//! ```text
//! clock ─▶ due ─▶ state.json ─▶ supervisor ─▶ `offline run ...`
//!                                   │ ended.json, and the batch's record
//!          state.json ◀─ settle ◀───┘
//!              └─▶ notices, /metrics, /jobs, --status
//! ```
//!
//! `due` and `settle` are pure rules over what is known ([`state`]); `lead` is the loop that looks, decides, writes down
//! and only then acts. Everything that is done can be done again: see [`runs`] for why a run is begun once.

pub mod asked;
pub mod config;
mod due;
pub mod http;
pub mod lead;
pub mod lock;
pub mod metrics;
mod report;
pub mod runs;
pub mod serve;
mod settle;
pub mod state;
pub mod status;
pub mod times;
pub mod view;

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
