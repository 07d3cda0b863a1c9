//! The bytes of a key with a text in Redis 7, as its `used_memory` counts them.
//!
//! ```text
//! key      text of the name                                       allocated(header + name + 1)
//! value    object and text, in one block up to 44 bytes           allocated(16 + 3 + value + 1)
//!          beyond in two                                          allocated(16) + allocated(header + value + 1)
//! tables   an entry, and a slot in an array of 2^n                allocated(24) + 8 · 2^n / keys
//!          once more for a key with a lifetime
//! ```
//!
//! A header has 1 byte for names below 32 bytes, 3 below 256, and 5 below 65,536. While a table of 2^n slots grows, the next
//! one of 2^(n+1) is there too. A node of a cluster takes 16 bytes more a key.
//!
//! Source: `sds.h`, `object.c` and `dict.c` of Redis 7.0; size classes of jemalloc 5 with a quantum of 16.

/// Whether keys have a lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// They do: they stand in a second table.
    Bounded,
    /// They do not.
    Endless,
}

/// The bytes of an object's head.
const OBJECT: usize = 16;
/// The bytes of an entry of a table: key, value, next.
const ENTRY: usize = 24;
/// The longest text that lies in one block with its object.
const EMBEDDED: usize = 44;

/// The bytes of a block of at least `bytes`: multiples of 16 up to 128, then four sizes up to each power of two.
#[must_use]
pub fn allocated(bytes: usize) -> usize {
    match bytes {
        0..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => bytes.next_multiple_of(bytes.next_power_of_two() / 8),
    }
}

/// A text with its header and the byte behind it.
fn text(bytes: usize) -> usize {
    let header = match bytes {
        0..32 => 1,
        32..256 => 3,
        256..65_536 => 5,
        _ => 9,
    };
    allocated(header + bytes + 1)
}

/// The bytes of `keys` keys with names and values of these lengths, in tables of their own.
#[must_use]
pub fn keys(keys: u64, name: usize, value: usize, lifetime: Lifetime) -> u64 {
    let value = if value <= EMBEDDED { allocated(OBJECT + 3 + value + 1) } else { allocated(OBJECT) + text(value) };
    let tables = if lifetime == Lifetime::Bounded { 2 } else { 1 };
    let key = text(name) + value + tables * allocated(ENTRY);
    keys * key as u64 + tables as u64 * 8 * keys.next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_sizes_of_jemalloc() {
        let sizes = [(1, 8), (24, 32), (128, 128), (129, 160), (600, 640), (1443, 1536), (1793, 2048)];
        for (bytes, block) in sizes {
            assert_eq!(allocated(bytes), block, "{bytes}");
        }
    }

    #[test]
    fn a_key_is_the_sum_of_its_blocks() {
        // Name 32, object 16, text 640, two entries of 32, two slots of 8.
        assert_eq!(keys(1, 24, 594, Lifetime::Bounded), 32 + 16 + 640 + 2 * 32 + 2 * 8);
        // Name 48, one block of 48; three keys in four slots.
        assert_eq!(keys(3, 43, 20, Lifetime::Endless), 3 * (48 + 48 + 32) + 4 * 8);
    }
}
