//! What is computed from a history alone: what of it was taken back, its distinct items
//! with their weights, its current session, its repeats.

pub mod past;
pub mod recent;
pub mod resolve;

pub use past::Past;
pub use recent::{Recent, current_session};
