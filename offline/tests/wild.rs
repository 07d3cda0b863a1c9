//! What was found by reading public bug reports and real files: each case stays as a test, through `offline ingest`.
//!
//! A reading is right if it gives exactly the events that the file holds, or says what it left out and why.

mod support;

#[path = "wild/about.rs"]
mod about;
#[path = "wild/came_to_nothing.rs"]
mod came_to_nothing;
#[path = "wild/columns.rs"]
mod columns;
#[path = "wild/copies.rs"]
mod copies;
#[path = "wild/encodings.rs"]
mod encodings;
#[path = "wild/endings.rs"]
mod endings;
#[path = "wild/folders.rs"]
mod folders;
#[path = "wild/headers.rs"]
mod headers;
#[path = "wild/ids.rs"]
mod ids;
#[path = "wild/kinds.rs"]
mod kinds;
#[path = "wild/now.rs"]
mod now;
#[path = "wild/orders.rs"]
mod orders;
#[path = "wild/quotes.rs"]
mod quotes;
#[path = "wild/reading.rs"]
mod reading;
#[path = "wild/schemas.rs"]
mod schemas;
#[path = "wild/shown.rs"]
mod shown;
#[path = "wild/tables.rs"]
mod tables;
#[path = "wild/times.rs"]
mod times;
#[path = "wild/told.rs"]
mod told;
#[path = "wild/written.rs"]
mod written;
