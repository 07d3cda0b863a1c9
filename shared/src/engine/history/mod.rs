//! What is computed from a history alone: its distinct items with their weights, its current session, its repeats.

pub mod past;
pub mod recent;

pub use past::Past;
pub use recent::{Recent, current_session};
