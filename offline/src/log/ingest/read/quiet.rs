//! Panics of libraries become errors about the file that is read.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Once;

use crate::log::ingest::IngestError;

thread_local! {
    static READING: Cell<Option<()>> = const { Cell::new(None) };
}

/// Calls a function that reads a file; if it panics, the error says so, and nothing is printed.
pub fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, IngestError>) -> Result<T, IngestError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if READING.get().is_none() {
                before(panic);
            }
        }));
    });
    let outer = READING.replace(Some(()));
    // What the function leaves half done is dropped with it.
    let read = catch_unwind(AssertUnwindSafe(read));
    READING.set(outer);
    read.unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let told = told.map(|told| format!(" ({told})")).unwrap_or_default();
        Err(IngestError::read(path, format!("reading it failed{told}; is the file damaged?")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_about_the_file() {
        let error = guarded::<()>(Path::new("log.parquet"), || panic!("no pages")).expect_err("panicked");
        assert_eq!(error.to_string(), "log.parquet: reading it failed (no pages); is the file damaged?");
        assert!(guarded(Path::new("log.parquet"), || Ok(1)).is_ok_and(|one| one == 1));
    }
}
