//! The batch: event logs in, recommendation artifacts out.
//!
//! ```text
//! log ─▶ sources ─▶ rank (blend, ranker) ─▶ user tables ─▶ publish
//!                                   measure: evaluate, gate, tune
//! ```
//!
//! A stage is a function of its input and its settings: seeded, without a clock. The same log, settings and seed give a
//! byte-identical artifact for any number of threads, except for the graph's files and the time of the build.

pub mod backoff;
pub mod backup;
pub mod bulk;
pub mod capacity;
pub mod cholesky;
pub mod commands;
pub mod config;
pub mod durations;
pub mod erase;
pub mod fit;
pub mod log;
pub mod measure;
pub mod mirrored;
pub mod mlflow;
pub mod notices;
pub mod outcomes;
pub mod page;
pub mod progress;
pub mod publish;
pub mod rank;
pub mod report;
pub mod runs;
pub mod schedule;
pub mod score;
pub mod sources;
pub mod train;
pub mod trees;
pub mod user_tables;
pub mod wilson;
