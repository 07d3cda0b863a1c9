//! Logs with a known truth, in random shapes and a share of them damaged: whatever a file is, reading it never panics, no
//! row is lost without a count, and no event is read that is not in the truth.
//!
//! `TANDEM_FUZZ_FILES=100000` makes more files. Each file has a seed of its own: a failing one is kept, named with its
//! seed, and made again alone by `TANDEM_FUZZ_SEED=<seed> TANDEM_FUZZ_FILES=1`.

mod bytes;
mod damage;
mod judge;
mod nested;
mod rows;
mod shape;
mod spoil;
mod truth;

use std::fs;
use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use damage::Damage;
use shape::Shape;

/// Files of an ordinary run.
const FILES: u64 = 300;
/// How many failures are told at most.
const TOLD: usize = 20;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// Makes the file of a seed in a folder and reads it; returns what is wrong with the reading.
fn fails(folder: &Path, seed: u64) -> Option<String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let shape = Shape::draw(&mut random);
    let truth = truth::draw(&shape, &mut random);
    let records = rows::records(&shape, &truth, &mut random);
    let (bytes, damage) = damage::written(&shape, &truth, records, &mut random);
    let own = folder.join(seed.to_string());
    fs::create_dir(&own).expect("a folder");
    let path = own.join(shape.name);
    fs::write(&path, bytes).expect("writes");
    let verdict = judge::verdict(&path, &truth, &damage);
    let wrong = verdict.err().map(|wrong| told(seed, &path, &shape, &damage, &wrong));
    if wrong.is_none() {
        fs::remove_dir_all(&own).expect("removes");
    }
    wrong
}

fn told(seed: u64, path: &Path, shape: &Shape, damage: &Damage, wrong: &str) -> String {
    format!("seed {seed}, {}: {wrong}\n  {shape:?}\n  damage: {}", path.display(), damage.what)
}

#[test]
fn no_event_is_made_up_and_no_row_is_lost() {
    let (first, files) = (number("TANDEM_FUZZ_SEED", 0), number("TANDEM_FUZZ_FILES", FILES));
    println!("seeds {first} to {}", first + files - 1);
    let folder = std::env::temp_dir().join(format!("tandem-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let wrong: Vec<String> = (first..first + files).into_par_iter().filter_map(|seed| fails(&folder, seed)).collect();
    if wrong.is_empty() {
        fs::remove_dir_all(&folder).expect("removes");
        return;
    }
    let shown = wrong.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("\n");
    panic!("{} of {files} files are read wrong; they are kept in {}\n{shown}", wrong.len(), folder.display());
}
