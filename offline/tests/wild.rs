//! What was found by reading public bug reports and real files: each case stays as a test, through `offline ingest`.
//!
//! A reading is right if it gives exactly the events that the file holds, or says what it left out and why.

mod about;
mod came_to_nothing;
mod columns;
mod copies;
mod encodings;
mod endings;
mod folders;
mod headers;
mod ids;
mod kinds;
mod now;
mod orders;
mod quotes;
mod reading;
mod schemas;
mod shown;
mod tables;
mod times;
mod told;
mod written;
