//! Scores rows of a table: fields ▶ columns ▶ features ▶ trees ▶ probability.
//!
//! What is measured is what is served: training, `score predict` and the service compute columns, features and scores
//! by the same functions.

pub mod calibration;
pub mod challenge;
pub mod clients;
pub mod column;
pub mod derive;
pub mod drift;
pub mod encoding;
pub mod feature;
pub mod history;
pub mod live;
pub mod manifest;
pub mod model;
pub mod schema;
pub mod value;
