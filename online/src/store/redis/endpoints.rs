//! How to connect: the servers that the settings name, with user, password and TLS, and other nodes of their cluster,
//! which take the same.

use std::fs;
use std::io;
use std::path::Path;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates};
use shared::contract::url::RedisUrl;

/// Where a node of a cluster answers: host and port.
pub type Address = (String, u16);

/// The servers that the settings name.
pub struct Endpoints(Vec<Client>);

impl Endpoints {
    /// Reads the URLs.
    ///
    /// * `ca`: certificates in PEM, one of which must have signed those of `rediss://` servers; the system's if absent.
    ///
    /// # Errors
    /// [`RedisError`] for a URL or a file that can't be read.
    pub fn new(urls: &RedisUrl, ca: Option<&Path>) -> RedisResult<Self> {
        let root_cert = ca.map(|path| fs::read(path).map_err(|error| unreadable(path, &error))).transpose()?;
        let tls = TlsCertificates { client_tls: None, root_cert };
        // Another part of the process may have chosen the same already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |url: &str| {
            let info = url.into_connection_info()?;
            let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
            match info.addr() {
                ConnectionAddr::TcpTls { .. } => Client::build_with_tls(info, tls.clone()),
                _ => Client::open(info),
            }
        };
        Ok(Self(urls.expose().map(client).collect::<RedisResult<_>>()?))
    }

    /// The servers in the order of the settings.
    pub fn clients(&self) -> &[Client] {
        &self.0
    }

    /// A node of the cluster of the first server.
    pub fn node(&self, (host, port): &Address) -> RedisResult<Client> {
        let Some(first) = self.0.first() else { return Err(io::Error::other("no server is named").into()) };
        let info = first.get_connection_info().clone();
        let addr = match info.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host.clone(), *port),
        };
        Client::open(info.set_addr(addr))
    }
}

/// The host of a server; empty for a socket in the file system.
pub fn host(client: &Client) -> &str {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
        _ => "",
    }
}

fn unreadable(path: &Path, error: &io::Error) -> RedisError {
    io::Error::new(error.kind(), format!("store.ca {}: {error}", path.display())).into()
}
