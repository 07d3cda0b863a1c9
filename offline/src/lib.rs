//! The batch: event logs in, recommendation artifacts out.
//!
//! ```text
//! ingest ─▶ interactions ─▶ popularity, item_knn, als ─▶ blend ─▶ user tables ─▶ evaluate ─▶ publish
//! ```
//!
//! A stage is a function of its input and its settings: seeded, without a clock. The same log, settings and seed give a
//! byte-identical artifact whatever the number of threads, the graph's files and the time of the build excepted.

pub mod als;
pub mod commands;
pub mod config;
pub mod content;
pub mod evaluate;
pub mod export;
pub mod gate;
pub mod generate;
pub mod ingest;
pub mod interactions;
pub mod item_knn;
pub mod linear;
pub mod popularity;
pub mod progress;
pub mod publish;
pub mod ranker;
pub mod repeat;
pub mod rows;
pub mod session_knn;
pub mod slim;
pub mod sources;
pub mod split;
pub mod statistics;
pub mod train;
pub mod trees;
pub mod tune;
pub mod user_tables;
