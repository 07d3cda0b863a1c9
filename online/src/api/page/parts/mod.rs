//! What pages are made of: a function each, from data to markup.

pub mod controls;
pub mod history;
pub mod item;
pub mod picture;
pub mod pipeline;
pub mod plot;
pub mod search;
pub mod slate;
pub mod why;
pub mod words;
