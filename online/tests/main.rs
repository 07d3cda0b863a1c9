//! All tests of the service: one binary to compile and to link. `cargo test -p online --test main golden::` runs those of
//! one file.

mod common;

mod binary;
mod catalogue;
mod clients;
mod description;
mod event_log;
mod feeds;
mod golden;
mod gorse;
mod histories;
mod home;
mod inputs;
mod items;
mod merges;
mod outcomes;
mod page;
mod personalize;
mod profiles;
mod redis_service;
mod requests;
mod row_stores;
mod secrets;
mod security;
mod segment;
mod service;
mod shadow;
mod shutdown;
mod stores;
mod tenants;
mod users;
