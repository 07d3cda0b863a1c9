//! What every fuzz target does with bytes, and what it begins with; `README.md` says how they are run.
//!
//! A target calls the product's own functions. It fails by a panic: that of the product, or that of a claim which holds
//! whatever the bytes are, such as "what is written reads back as it was". `online/tests/inputs.rs` compiles these modules, too,
//! so that stable tests run them over their seeds.

pub mod event;
pub mod event_log;
pub mod expression;
pub mod id;
pub mod keys;
pub mod manifest;
pub mod model;
pub mod query;
pub mod rows;
mod scratch;
mod shop;
pub mod store_value;
pub mod tables;
pub mod url;

/// A target.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it does with bytes.
    pub run: fn(&[u8]),
    /// The bytes that it begins with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident),*) => { &[$(Target { name: stringify!($name), run: $name::run, seeds: $name::seeds },)*] };
}

/// All targets.
pub const TARGETS: &[Target] =
    targets![event, event_log, expression, id, keys, manifest, model, query, rows, store_value, tables, url];

/// Writes the seeds of a target to where libFuzzer looks for what it begins with.
#[cfg(not(test))]
pub fn plant(target: &str, seeds: Vec<Vec<u8>>) {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&corpus).expect("a folder");
    for (at, seed) in seeds.into_iter().enumerate() {
        std::fs::write(corpus.join(format!("seed-{at}")), seed).expect("writes");
    }
}

/// Texts as seeds.
fn texts<const N: usize>(texts: [&str; N]) -> Vec<Vec<u8>> {
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
