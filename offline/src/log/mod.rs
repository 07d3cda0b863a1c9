//! Event logs: reading, generating and exporting them, cutting them in time, and their interactions and sessions.

pub mod baskets;
pub mod cuts;
pub mod export;
pub mod fields;
pub mod generate;
pub mod ingest;
pub mod interactions;
pub mod parquet;
pub mod profiles;
pub mod split;
pub mod with_events;
