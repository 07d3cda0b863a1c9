//! What a history says by itself: its distinct items with what each counts, its current session, its repeats.

pub mod past;
pub mod recent;

pub use past::Past;
pub use recent::{Recent, current_session};
