//! TLS: connections that nobody on the way can read, with a certificate that is read again when it changes.
//!
//! In: the files of a certificate chain and its key, in PEM. Out: an encrypted stream for each connection. A new pair
//! is used by the handshakes that follow; connections go on with the pair that they began with. By rustls with ring: TLS
//! 1.2 and 1.3.

pub mod unverified;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::IntCounter;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::reload::{Files, ReadError};

/// How long a client may take for the handshake.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(5);

/// Why a certificate and its key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("tls: {0}; name both files by tls.certificate and tls.key, or none")]
    Read(#[from] ReadError),
    /// A file has something else.
    #[error("tls: {}: no {what} in PEM; it begins with `-----BEGIN {begin}-----`", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
        /// How that begins.
        begin: &'static str,
    },
    /// The two don't belong together, or are of a kind that is not known.
    #[error("tls: {} and {}: {source}", .certificate.display(), .key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}

/// The side of the service in handshakes.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    pair: Arc<Pair>,
    timeout: Duration,
    failures: IntCounter,
}

/// The certificate and key that are used now.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pair")
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// Reads a certificate chain and its key, which must belong together.
fn parse(
    [certificate, key]: [&Path; 2],
    [chain, secret]: &[Vec<u8>; 2],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let no = |path: &Path, what, begin| TlsError::Pem { path: path.to_owned(), what, begin };
    // What the parsers say of a line may quote it.
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| no(certificate, "certificate", "CERTIFICATE"))?;
    let secret = PrivateKeyDer::from_pem_slice(secret).map_err(|_| no(key, "private key", "PRIVATE KEY"))?;
    let pair = |source| TlsError::Pair { certificate: certificate.to_owned(), key: key.to_owned(), source };
    CertifiedKey::from_der(chain, secret, provider).map_err(pair)
}

impl Tls {
    /// Reads the files of a certificate chain and its key; [`Files::watch`] with [`Self::take`] follows them.
    ///
    /// * `longest`: an upper bound on the time of a handshake, beside that of this module.
    /// * `failures`: counts failed handshakes.
    ///
    /// # Errors
    /// [`TlsError`] says what is wrong with them.
    pub fn open(
        certificate: &Path,
        key: &Path,
        longest: Duration,
        failures: IntCounter,
    ) -> Result<(Self, Files<2>), TlsError> {
        let files = Files::read([certificate.to_owned(), key.to_owned()])?;
        let provider = Arc::new(ring::default_provider());
        let current = ArcSwap::from_pointee(parse([certificate, key], files.contents(), &provider)?);
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let pair = Arc::new(Pair { certificate, key, provider: provider.clone(), current });
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let versions = versions.expect("ring has the cipher suites of both versions");
        let mut config = versions.with_no_client_auth().with_cert_resolver(pair.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let timeout = longest.min(LONGEST_HANDSHAKE);
        Ok((Self { acceptor: TlsAcceptor::from(Arc::new(config)), pair, timeout, failures }, files))
    }

    /// Uses what the files have now for the handshakes that follow.
    ///
    /// # Errors
    /// [`TlsError`] if it can't be used; the pair before stays in use.
    pub fn take(&self, contents: &[Vec<u8>; 2]) -> Result<(), TlsError> {
        let Pair { certificate, key, provider, current } = &*self.pair;
        current.store(Arc::new(parse([certificate, key], contents, provider)?));
        tracing::info!(certificate = %certificate.display(), "certificate read");
        Ok(())
    }

    /// Shakes hands; `None` if the client speaks no TLS, wants what the service does not have, or takes too long.
    pub async fn accept(self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let error = match tokio::time::timeout(self.timeout, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => error,
            Err(_) => std::io::ErrorKind::TimedOut.into(),
        };
        self.failures.inc();
        tracing::debug!(%error, "TLS handshake failed");
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(name: &str) -> [Vec<u8>; 2] {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        [made.cert.pem().into_bytes(), made.signing_key.serialize_pem().into_bytes()]
    }

    #[test]
    fn only_a_certificate_and_its_own_key_are_a_pair_and_no_error_quotes_one() {
        let ([a, key_of_a], [_, key_of_b]) = (pem("a"), pem("b"));
        let provider = ring::default_provider();
        let read = |certificate: &[u8], key: &[u8]| {
            parse([Path::new("c.pem"), Path::new("k.pem")], &[certificate.to_vec(), key.to_vec()], &provider)
        };
        read(&a, &key_of_a).expect("a pair");
        let secret = String::from_utf8_lossy(&key_of_a).lines().nth(1).expect("a line").to_owned();
        for (certificate, key, named) in [
            (&a, &key_of_b, "c.pem and k.pem"),
            (&key_of_a, &a, "c.pem: no certificate"),
            (&a, &a, "k.pem: no private key"),
            (&a, &key_of_a[..60].to_vec(), "k.pem: no private key"),
            (&Vec::new(), &key_of_a, "c.pem: no certificate"),
        ] {
            let error = read(certificate, key).expect_err(named).to_string();
            assert!(error.contains(named) && !error.contains(&secret[..20]), "{error}");
        }
    }
}
