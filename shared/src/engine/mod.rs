//! The engine: [`recommend::recommend`] answers a query with a slate, from a [`snapshot`] and the user's [`state`].
//!
//! ```text
//! state (batch record + live history) ─▶ history ─▶ retrieve (every source) ─▶ blend ─▶ rank ─▶ slate
//! ```

pub mod ann;
pub mod attribution;
pub mod dense;
pub mod factors;
pub mod filter;
pub mod history;
pub mod home;
pub mod item_set;
mod join;
pub mod keys;
mod load;
pub mod packed;
mod patch;
pub mod profiles;
pub mod question;
pub mod rank;
pub mod recommend;
pub mod record;
pub mod rerank;
pub mod retention;
pub mod retrieve;
pub mod rules;
pub mod seen;
pub mod segments;
pub mod select;
pub mod served;
pub mod slate;
pub mod snapshot;
pub mod stages;
pub mod state;
pub mod tabular;
pub mod topk;
pub mod values;
pub mod why;
