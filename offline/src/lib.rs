//! The batch: event logs in, recommendation artifacts out.
//!
//! ```text
//! ingest ─▶ interactions ─▶ popularity, item_knn, als ─▶ blend ─▶ user tables ─▶ evaluate ─▶ publish
//! ```
//!
//! A stage is a function of its input and its settings: seeded, without a clock. The same log, settings and seed give a
//! byte-identical artifact whatever the number of threads, the graph's files and the time of the build excepted.

pub mod commands;
pub mod config;
pub mod cuts;
pub mod evaluate;
pub mod export;
pub mod fit;
pub mod gate;
pub mod generate;
pub mod ingest;
pub mod interactions;
pub mod knobs;
pub mod linear;
pub mod parquet;
pub mod progress;
pub mod publish;
pub mod ranges;
pub mod ranker;
pub mod rows;
pub mod sources;
pub mod split;
pub mod train;
pub mod trees;
pub mod tune;
pub mod user_tables;
