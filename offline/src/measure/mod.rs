//! Measuring models: figures on held-out events, the contest with the champion, and the search for better settings.

pub mod evaluate;
pub mod gate;
pub mod metrics;
pub mod tune;
