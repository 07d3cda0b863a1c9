//! Stage two, ranking: the features of the best candidates, and the models that score them.
//!
//! ```text
//! shortlist ─▶ features: a row per candidate ─▶ matrix ─▶ trees or linear ─▶ scores
//! ```

pub mod binned;
pub mod cascade;
pub mod contributions;
pub mod features;
pub mod linear;
pub mod matrix;
pub mod trees;
