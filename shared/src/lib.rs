//! What the batch and the service agree on, and the engine they both run.
//!
//! The batch (`offline`) makes the [`tables`] of an [`artifact`], the service (`online`) loads them as a [`snapshot`], and
//! [`recommend::recommend`] answers a query from it: the same function for the evaluation, the trainer and the
//! service, so that the measured quality is the served quality.
//!
//! Pure CPU: no sockets, no clock, no async runtime. Files are read only from a path that is handed in.
//! Without the feature `engine` only the identifiers, events, API types and URLs remain; the feature `settings` adds how both
//! programs read their settings.

pub mod api;
pub mod event;
pub mod id;
pub mod url;

#[cfg(feature = "engine")]
pub mod ann;
#[cfg(feature = "engine")]
pub mod artifact;
#[cfg(feature = "engine")]
pub mod dense;
#[cfg(feature = "engine")]
pub mod event_log;
#[cfg(feature = "engine")]
pub mod factors;
#[cfg(feature = "engine")]
pub mod filter;
#[cfg(feature = "engine")]
pub mod history;
#[cfg(feature = "engine")]
pub mod keys;
#[cfg(feature = "engine")]
mod load;
#[cfg(feature = "engine")]
pub mod params;
#[cfg(feature = "engine")]
pub mod question;
#[cfg(feature = "engine")]
pub mod rank;
#[cfg(feature = "engine")]
pub mod recommend;
#[cfg(feature = "engine")]
pub mod retrieve;
#[cfg(feature = "settings")]
pub mod settings;
#[cfg(feature = "engine")]
pub mod slate;
#[cfg(feature = "engine")]
pub mod snapshot;
#[cfg(feature = "engine")]
pub mod source;
#[cfg(feature = "engine")]
pub mod state;
#[cfg(feature = "engine")]
pub mod tables;
#[cfg(feature = "engine")]
pub mod topk;
