//! Microseconds of Serenade's predictions, prefix by prefix, on one thread: what its own evaluator times.
//!
//! Arguments: train and test as `SessionId ItemId Time` with a header, separated by tabs, in order.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use serenade::vmisknn::predict;
use serenade::vmisknn::vmis_index::VMISIndex;

/// Nearest sessions, the latest sessions of an item, items of a session that are looked at, items wanted.
const NEAREST: usize = 500;
const LATEST: usize = 1000;
const SESSION: usize = 9;
const WANTED: usize = 21;
const CUT_OFF: usize = 20;

/// The items of each session.
fn sessions(path: &str) -> Vec<Vec<u64>> {
    let mut sessions: Vec<(String, Vec<u64>)> = Vec::new();
    for line in fs::read_to_string(path).expect("reads").lines().skip(1) {
        let mut columns = line.split('\t');
        let (session, item) = (columns.next().expect("a session"), columns.next().expect("an item"));
        let item = item.parse().expect("a number");
        match sessions.last_mut() {
            Some((last, items)) if last == session => items.push(item),
            _ => sessions.push((session.to_owned(), vec![item])),
        }
    }
    sessions.into_iter().map(|(_, items)| items).collect()
}

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [train, test] = &files[..] else { panic!("give train and test") };
    let index = VMISIndex::new_from_csv(train, LATEST, 1.0);
    let sessions = sessions(test);
    let prefixes: Vec<(&[u64], u64)> = sessions
        .iter()
        .flat_map(|items| (1..items.len()).map(move |end| (&items[end.saturating_sub(SESSION)..end], items[end])))
        .collect();
    // The first pass warms caches up.
    for pass in ["warm-up", "measured"] {
        let (mut nanos, mut hits, mut reciprocal) = (Vec::with_capacity(prefixes.len()), 0, 0.0);
        for &(prefix, target) in &prefixes {
            let start = Instant::now();
            let found = black_box(predict(&index, black_box(prefix), NEAREST, LATEST, WANTED, false));
            nanos.push(start.elapsed().as_nanos() as u64);
            // Serenade orders scores from high to low.
            let place = found.into_sorted_vec().iter().take(CUT_OFF).position(|scored| scored.id == target);
            if let Some(place) = place {
                hits += 1;
                reciprocal += 1.0 / (place + 1) as f64;
            }
        }
        nanos.sort_unstable();
        let micros = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
        let mean = nanos.iter().sum::<u64>() as f64 / 1000.0 / nanos.len() as f64;
        let cases = prefixes.len() as f64;
        println!(
            "serenade {pass}: {} prefixes, {mean:.1} microseconds each (p50 {:.1}, p99.5 {:.1}), HR@20 {:.4}, MRR@20 {:.4}",
            prefixes.len(), micros(0.5), micros(0.995), f64::from(hits) / cases, reciprocal / cases,
        );
    }
}
