//! What the batch and the service agree on, and the engine they both run.
//!
//! | folder | what it holds |
//! |---|---|
//! | [`contract`] | ids, events, API types, settings, the event log's files, the files of an artifact |
//! | [`tables`] | the tables of an artifact, one source file each, with their columns, checks and look-ups |
//! | [`engine`] | the pure function from a loaded artifact, a user's state and a query to a slate |
//! | `objects` | artifacts and event logs in an object store, as folders that mirror it |
//!
//! The batch (`offline`) makes the tables of an artifact, the service (`online`) loads them as a snapshot, and
//! [`engine::recommend::recommend`] answers a query from it: the same function for the evaluation, the trainer and the
//! service, so that the measured quality is the served quality.
//!
//! Pure CPU: no sockets, no clock, no async runtime. Files are read only from a path that is handed in. `objects` alone
//! speaks to a network, on its caller's runtime.
//! Without the feature `engine` only identifiers, events, API types and URLs remain; the feature `settings` adds the
//! code by which both programs read their settings, and `objects` that of object stores.

pub mod contract;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "objects")]
pub mod objects;
#[cfg(feature = "engine")]
pub mod tables;
