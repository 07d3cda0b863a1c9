//! What batch, service and clients agree on: names, formats and parameters, and nothing that computes an answer.

pub mod api;
#[cfg(feature = "engine")]
pub mod artifact;
pub mod complaint;
pub mod erasure;
pub mod event;
#[cfg(feature = "engine")]
pub mod event_log;
pub mod expression;
mod given;
pub mod home;
pub mod id;
#[cfg(feature = "engine")]
pub mod impression;
#[cfg(feature = "engine")]
pub mod item_change;
pub mod kind;
pub mod merge;
pub mod name;
#[cfg(feature = "settings")]
pub mod nearest;
#[cfg(feature = "engine")]
pub mod params;
pub mod profile;
pub mod seen;
pub mod served;
#[cfg(feature = "settings")]
pub mod settings;
#[cfg(feature = "engine")]
pub mod slate_log;
#[cfg(feature = "engine")]
pub mod source;
pub mod time;
pub mod url;
