//! Slots of Redis Cluster: of a key, and which node has them.
//!
//! Source: the specification of Redis Cluster, "Key distribution model" and `CLUSTER SLOTS`.

use crc16::{State, XMODEM};
use redis::Value;

use super::endpoints::Address;

/// The number of slots.
const SLOTS: u16 = 16_384;

/// The slot of a key: of its hash tag, if it has one.
pub fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    State::<XMODEM>::calculate(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// Some slots of one node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// The last of them.
    pub last: u16,
    /// The first of them.
    pub first: u16,
    /// The node that writes them.
    pub primary: Address,
}

/// Reads the answer to `CLUSTER SLOTS`, in the order of slots. Slots of a node whose host is not known are left out.
///
/// * `host`: of the server that answered, for nodes that know no host of their own.
pub fn ranges(answer: Value, host: &str) -> Vec<Range> {
    let Value::Array(rows) = answer else { return Vec::new() };
    let range = |row: Value| {
        let Value::Array(row) = row else { return None };
        let (Value::Int(first), Value::Int(last), Value::Array(node)) = (row.first()?, row.get(1)?, row.get(2)?) else {
            return None;
        };
        let host = match node.first()? {
            Value::BulkString(bytes) if !bytes.is_empty() => std::str::from_utf8(bytes).ok()?,
            _ => host,
        };
        let Value::Int(port) = node.get(1)? else { return None };
        let primary = (host.to_owned(), u16::try_from(*port).ok()?);
        (host != "?").then_some(Range { first: u16::try_from(*first).ok()?, last: u16::try_from(*last).ok()?, primary })
    };
    let mut ranges: Vec<Range> = rows.into_iter().filter_map(range).collect();
    ranges.sort_unstable();
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redis::cluster_routing::Slot;

    use super::*;

    #[test]
    fn the_slot_is_that_of_the_specification() {
        // CRC16 of "123456789" is 0x31C3.
        assert_eq!(slot("123456789"), 0x31C3);
        assert_eq!(slot("shop:{u1}:history"), slot("shop:{u1}:user:7"));
        assert_eq!(slot("shop:{u1}:history"), slot("u1"));
    }

    #[test]
    fn nodes_without_a_host_have_that_of_the_answer() {
        let node = |host: Value, port| Value::Array(vec![host, Value::Int(port)]);
        let row = |first, last, node| Value::Array(vec![Value::Int(first), Value::Int(last), node]);
        let answer = Value::Array(vec![
            row(8192, 16_383, node(Value::BulkString(b"b".to_vec()), 2)),
            row(0, 8191, node(Value::Nil, 1)),
            row(5, 6, node(Value::BulkString(b"?".to_vec()), 3)),
        ]);
        let range = |first, last, host: &str, port| Range { first, last, primary: (host.to_owned(), port) };
        assert_eq!(ranges(answer, "a"), [range(0, 8191, "a", 1), range(8192, 16_383, "b", 2)]);
    }

    proptest! {
        #[test]
        fn the_slot_is_that_of_the_client_library(key in "[a{}:]{0,12}") {
            prop_assert_eq!(Slot::new(slot(&key)), Some(Slot::for_key(&key)));
        }
    }
}
