//! What was found by reading public bug reports and real files: each case stays as a test, through `offline ingest`.
//!
//! A reading is right if it gives exactly the events that the file holds, or says what it left out and why.

mod support;

#[path = "hunt/copies.rs"]
mod copies;
#[path = "hunt/encodings.rs"]
mod encodings;
#[path = "hunt/endings.rs"]
mod endings;
#[path = "hunt/ids.rs"]
mod ids;
#[path = "hunt/kinds.rs"]
mod kinds;
#[path = "hunt/now.rs"]
mod now;
#[path = "hunt/quotes.rs"]
mod quotes;
#[path = "hunt/reading.rs"]
mod reading;
#[path = "hunt/schemas.rs"]
mod schemas;
#[path = "hunt/tables.rs"]
mod tables;
#[path = "hunt/times.rs"]
mod times;
#[path = "hunt/told.rs"]
mod told;
