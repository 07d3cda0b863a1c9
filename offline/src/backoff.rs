//! How long to wait before what failed is tried again: `first · 2^(n-1)`, at most `cap`, then shortened by up to half.
//!
//! The shortening keeps what failed together from coming back together. It is drawn from a name, so that it is the same
//! when it is reckoned again. Source: Brooker, "Exponential Backoff and Jitter", 2015 ("equal jitter").

use std::time::Duration;

use sha2::{Digest, Sha256};

/// The pause after the failure number `failures`, from 1.
///
/// * `name`: what failed; another name draws another pause.
#[must_use]
pub fn pause(first: Duration, cap: Duration, failures: u32, name: &str) -> Duration {
    let doubled = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = first.checked_mul(doubled).unwrap_or(cap).min(cap);
    let digest = Sha256::digest(format!("{name} {failures}"));
    let drawn = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    whole.mul_f64(0.5 + 0.5 * f64::from(drawn) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_cap_and_is_shortened_by_half_at_most() {
        let (first, cap) = (Duration::from_secs(60), Duration::from_secs(300));
        for (failures, whole) in [(1, 60), (2, 120), (3, 240), (4, 300), (5, 300), (40, 300), (u32::MAX, 300)] {
            let drawn = pause(first, cap, failures, "nightly").as_secs_f64();
            assert!((0.5 * f64::from(whole)..=f64::from(whole)).contains(&drawn), "{failures}: {drawn}");
        }
    }

    #[test]
    fn a_pause_is_the_same_again_and_another_one_for_another_name() {
        let of = |name| pause(Duration::from_secs(60), Duration::from_secs(60), 1, name);
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert_eq!(pause(Duration::ZERO, Duration::ZERO, 3, "a"), Duration::ZERO);
    }
}
