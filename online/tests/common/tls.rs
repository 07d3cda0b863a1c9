//! Certificates that are made for a test, and a client that trusts one of them alone.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::PATIENCE;
use super::http::{self, Answer};

/// A self-signed certificate of `localhost`.
pub struct Certificate {
    pub pem: String,
    pub key: String,
    der: CertificateDer<'static>,
}

pub fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    Certificate { pem: made.cert.pem(), key: made.signing_key.serialize_pem(), der: made.cert.der().clone() }
}

/// A connection that stays open between requests.
pub struct Connection(BufReader<StreamOwned<ClientConnection, TcpStream>>);

/// Connects, offering the protocols `alpn`; `Err` if the service shows another certificate than the trusted one.
pub fn connect(address: SocketAddr, trusted: &Certificate, alpn: &[&str]) -> io::Result<Connection> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = "localhost".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(Connection(BufReader::new(StreamOwned::new(client, stream))))
}

impl Connection {
    pub fn get(&mut self, target: &str) -> io::Result<Answer> {
        let stream = self.0.get_mut();
        write!(stream, "GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        stream.flush()?;
        http::read(&mut self.0)
    }
}
