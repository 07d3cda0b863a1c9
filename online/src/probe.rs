//! `--health-check`: requests `/health` from the service of a config, over plain TCP or TLS.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::tls::unverified;

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What the service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP over plain TCP.
    Plain,
    /// HTTP over TLS.
    Tls,
}

/// Why a service is not well.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {source}")]
pub struct Unwell {
    /// Where it should be.
    address: String,
    /// What happened there.
    source: io::Error,
}

/// Requests `/health` from the service that listens on an address.
///
/// # Errors
/// [`Unwell`] if it can't be reached, or does not answer with 200.
pub fn health(listen: &str, speaks: Speaks) -> Result<(), Unwell> {
    let at = |address: &dyn ToString| {
        let address = address.to_string();
        move |source| Unwell { address, source }
    };
    let addresses: Vec<SocketAddr> = listen.to_socket_addrs().map_err(at(&listen))?.collect();
    let (address, stream) = connect(&addresses).map_err(at(&listen))?;
    let asked = match speaks {
        Speaks::Plain => ask(address, stream),
        Speaks::Tls => unverified::client(address, stream).and_then(|stream| ask(address, stream)),
    };
    asked.map_err(at(&address))
}

/// Asks over a stream.
fn ask(address: SocketAddr, mut stream: impl Read + Write) -> io::Result<()> {
    write!(stream, "GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    if status.contains(" 200 ") { Ok(()) } else { Err(io::Error::other(format!("answers {:?}", status.trim_end()))) }
}

/// A connection to the first of the addresses that has one.
fn connect(addresses: &[SocketAddr]) -> io::Result<(SocketAddr, TcpStream)> {
    let mut failure = io::Error::other("the host has no address");
    for &address in addresses {
        let address = reachable(address);
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                return Ok((address, stream));
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The address at which a service that listens on all interfaces answers this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
