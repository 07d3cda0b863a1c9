//! The second stage: what is known of each candidate, and the models that score it.
//!
//! ```text
//! shortlist ─▶ features: a row a candidate ─▶ matrix ─▶ trees or linear ─▶ scores
//! ```

pub mod features;
pub mod linear;
pub mod matrix;
pub mod trees;
