//! What the batch and the service agree on, and the engine they both run.
//!
//! The batch (`offline`) writes an [`artifact`], the service (`online`) loads it as a [`snapshot`], and
//! [`recommend::recommend`] answers a query from it: the same function for the evaluation, the trainer and the
//! service, so that the measured quality is the served quality.
//!
//! Pure CPU: no sockets, no clock, no async runtime. Files are read only from a path that is handed in.
//! Without the feature `engine` only the identifiers, events, API types and URLs remain.

pub mod api;
pub mod event;
pub mod id;
pub mod url;

#[cfg(feature = "engine")]
pub mod ann;
#[cfg(feature = "engine")]
pub mod artifact;
#[cfg(feature = "engine")]
pub mod factors;
#[cfg(feature = "engine")]
pub mod features;
#[cfg(feature = "engine")]
pub mod keys;
#[cfg(feature = "engine")]
pub mod linear;
#[cfg(feature = "engine")]
pub mod matrix;
#[cfg(feature = "engine")]
pub mod params;
#[cfg(feature = "engine")]
pub mod recommend;
#[cfg(feature = "engine")]
pub mod rerank;
#[cfg(feature = "engine")]
pub mod retrieve;
#[cfg(feature = "engine")]
pub mod schema;
#[cfg(feature = "engine")]
pub mod slate;
#[cfg(feature = "engine")]
pub mod snapshot;
#[cfg(feature = "engine")]
pub mod state;
#[cfg(feature = "engine")]
pub mod topk;
#[cfg(feature = "engine")]
pub mod trees;
