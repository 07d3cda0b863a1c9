//! The service: answers `GET /recommendations` from an artifact and from what the user did a second ago.
//!
//! ```text
//! client ─▶ api ─▶ recommender ─▶ store (one round trip) ─▶ shared::engine::recommend ─▶ slate
//! client ─▶ api ─▶ events ─▶ fsynced event log ─▶ store (real-time history)
//! client ─▶ api ─▶ events ─▶ fsynced event log ─▶ catalogue (what is said of items) ─▶ champion
//! slates, and what users do ─▶ outcomes ─▶ slate log, metrics
//! offline ─▶ artifacts/champion ─▶ champion (hot swap)
//! offline ─▶ object store ─▶ objects ─▶ the artifacts folder;  the event log ─▶ objects ─▶ object store ─▶ offline
//! ```
//!
//! [`shop::start`] puts it together, for each of several [`tenants`]; [`service::start`] opens the addresses; the binary adds arguments, logging and signals.

pub mod api;
pub mod auth;
pub mod background;
pub mod batch;
pub mod catalogue;
pub mod champion;
pub mod compare;
pub mod config;
pub mod connections;
pub mod doors;
pub mod events;
pub mod filters;
pub mod lookup;
pub mod metrics;
pub mod models;
pub mod named_filters;
pub mod objects;
pub mod outcomes;
pub mod per_snapshot;
pub mod probe;
pub mod recommender;
pub mod reload;
pub mod remember;
pub mod rules;
pub mod scenarios;
pub mod service;
pub mod shadow;
pub mod shop;
pub mod store;
pub mod tenants;
pub mod tls;
pub mod traces;
