//! The span that a request comes from, as its `traceparent` header says.
//!
//! ```text
//! traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//!              version  trace                       span            flags: the last bit says that it is recorded
//! ```
//!
//! Source: W3C, "Trace Context" (recommendation, 2021), section 3.2.

use axum::http::HeaderMap;

/// The trace that a request is in, and the span that asked, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The id of the trace.
    pub trace: u128,
    /// The id of the span.
    pub span: Option<u64>,
}

impl Parent {
    /// Reads the header, and whether the caller is recorded; `None` where there is none, or what it says is none.
    pub fn of(headers: &HeaderMap) -> Option<(Self, bool)> {
        let mut given = headers.get_all("traceparent").iter();
        let (header, None) = (given.next()?, given.next()) else { return None };
        read(header.to_str().ok()?)
    }
}

fn read(text: &str) -> Option<(Parent, bool)> {
    let (version, rest) = text.split_once('-')?;
    let version = hex(version, 2)?;
    // Later versions may say more behind what this one says.
    let known = if version == 0 {
        rest
    } else {
        rest.get(..52).filter(|_| matches!(rest.as_bytes().get(52), None | Some(b'-')))?
    };
    let mut parts = known.split('-');
    let (trace, span, flags) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
    let whole = version != 0xff && trace != 0 && span != 0 && parts.next().is_none();
    whole.then_some((Parent { trace, span: Some(span as u64) }, flags & 1 == 1))
}

/// The number of so many hexadecimal digits, which are small letters.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;

    #[test]
    fn trace_span_and_whether_it_is_recorded_are_read() {
        let parent = Parent { trace: TRACE, span: Some(0xb7ad_6b71_6920_3331) };
        assert_eq!(read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), Some((parent, true)));
        assert_eq!(read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"), Some((parent, false)));
        assert_eq!(read("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"), Some((parent, true)));
    }

    #[test]
    fn what_the_recommendation_calls_invalid_is_passed_over() {
        for wrong in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "cc-äf7651916cd43dd8448eb211c80319c-b7ad6b71692033ä31-01",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
