//! A notice as JSON, signed so that its receiver knows who sent it.
//!
//! `Tandem-Signature: t=<seconds>,v1=<hex>`, where v1 is HMAC-SHA256 with the shared secret over `<seconds>.<body>`. A
//! receiver computes it from the bytes of the body, compares in constant time, and refuses what is older than some
//! minutes. `Tandem-Notice` is the id of the notice: what came twice has the same.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Notice;
use super::secret::Secret;

/// The header of the signature.
pub const SIGNATURE: &str = "tandem-signature";
/// The header of the id.
pub const NOTICE: &str = "tandem-notice";

/// The body of a notice.
#[must_use]
pub fn body(notice: &Notice) -> Vec<u8> {
    serde_json::to_vec(notice).expect("a notice has only texts and numbers")
}

/// The signature of a body at a time, in seconds since the epoch.
#[must_use]
pub fn signature(secret: &Secret, seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let digest = shared::contract::artifact::manifest::hex(&mac.finalize().into_bytes());
    format!("t={seconds},v1={digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_other_tools() {
        // printf '1764292267.{"id":"1"}' | openssl dgst -sha256 -hmac secret
        let expected = "t=1764292267,v1=3fbc8608a6c3227cdc042fa7c23bf16e156c5a57e3fa55a9b4bb60f0520d62f2";
        assert_eq!(signature(&Secret::from("secret"), 1_764_292_267, b"{\"id\":\"1\"}"), expected);
    }
}
