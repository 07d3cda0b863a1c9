//! The Redis that user records are copied to: one server, or the nodes of a Redis Cluster.

use std::fs;
use std::io;
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterConnection, cluster_pipe};
use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError, RedisResult,
    TlsCertificates, Value, cmd,
};

use crate::config::PublishConfig;

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may take for a batch: one that is stopped must not hold the artifacts folder for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to Redis.
pub struct Servers {
    /// The first server of the settings that answered.
    first: Client,
    to: To,
    /// How long an answer is waited for.
    patience: Duration,
}

enum To {
    One(Connection),
    Cluster(Box<ClusterConnection>),
}

impl Servers {
    /// Connects to the servers of `publish.redis_url`, and asks for an answer.
    ///
    /// # Errors
    /// [`RedisError`] when none can be reached or answers in time, or they are several and none of a cluster.
    pub fn connect(config: &PublishConfig) -> RedisResult<Self> {
        Self::connect_within(config, ANSWER_TIMEOUT)
    }

    fn connect_within(config: &PublishConfig, patience: Duration) -> RedisResult<Self> {
        let tls = TlsCertificates { client_tls: None, root_cert: roots(config)? };
        // Another part of the process may have chosen the same already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clients: Vec<Client> = config
            .redis_url
            .expose()
            .map(|url| client(url.into_connection_info()?, &tls))
            .collect::<RedisResult<_>>()?;
        let mut result = Err(RedisError::from((ErrorKind::InvalidClientConfig, "no server is named")));
        for first in clients.iter().cloned() {
            let (connection, is_cluster) = match open(&first, patience).and_then(introduced) {
                Ok(answered) => answered,
                Err(error) => {
                    result = Err(error);
                    continue;
                }
            };
            let to = match (is_cluster, clients.len()) {
                (true, _) => {
                    let nodes = clients.iter().map(|client| client.get_connection_info().clone());
                    let mut cluster =
                        ClusterClient::builder(nodes).connection_timeout(CONNECT_TIMEOUT).response_timeout(patience);
                    if tls.root_cert.is_some() {
                        cluster = cluster.certs(tls.clone());
                    }
                    To::Cluster(Box::new(cluster.build()?.get_connection()?))
                }
                (false, 1) => To::One(connection),
                (false, _) => {
                    let why = "several URLs must be those of nodes of a cluster, and this is none";
                    return Err(RedisError::from((ErrorKind::InvalidClientConfig, why)));
                }
            };
            return Ok(Self { first, to, patience });
        }
        result
    }

    /// Sends commands of one key each, those of each server in one round trip.
    ///
    /// # Errors
    /// [`RedisError`] for the first that fails.
    pub fn send(&mut self, commands: Vec<Cmd>) -> RedisResult<()> {
        match &mut self.to {
            _ if commands.is_empty() => Ok(()),
            To::One(connection) => {
                let mut pipeline = redis::pipe();
                commands.into_iter().for_each(|command| {
                    pipeline.add_command(command).ignore();
                });
                pipeline.exec(connection)
            }
            To::Cluster(connection) => {
                let mut pipeline = cluster_pipe();
                commands.into_iter().for_each(|command| {
                    pipeline.add_command(command).ignore();
                });
                pipeline.exec(connection)
            }
        }
    }

    /// A connection to each server that has keys of its own.
    ///
    /// # Errors
    /// [`RedisError`] when one can't be reached.
    pub fn primaries(&self) -> RedisResult<Vec<Connection>> {
        let mut connection = open(&self.first, self.patience)?;
        if matches!(self.to, To::One(_)) {
            return Ok(vec![connection]);
        }
        // First slot, last slot, the primary, replicas.
        let Value::Array(rows) = cmd("CLUSTER").arg("SLOTS").query(&mut connection)? else { return Ok(Vec::new()) };
        let info = self.first.get_connection_info();
        let mut addresses: Vec<ConnectionAddr> = Vec::new();
        for row in rows {
            let Value::Array(row) = row else { continue };
            let Some(Value::Array(node)) = row.get(2) else { continue };
            let (Some(host), Some(Value::Int(port))) = (node.first(), node.get(1)) else { continue };
            let host = match host {
                Value::BulkString(host) => String::from_utf8_lossy(host).into_owned(),
                _ => String::new(),
            };
            let address = at(info.addr(), host, u16::try_from(*port).unwrap_or_default());
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let connect = |address| open(&Client::open(info.clone().set_addr(address))?, self.patience);
        addresses.into_iter().map(connect).collect()
    }
}

/// Connects to a server.
///
/// * `patience`: how long each of its answers is waited for.
fn open(client: &Client, patience: Duration) -> RedisResult<Connection> {
    let connection = client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
    connection.set_read_timeout(Some(patience))?;
    connection.set_write_timeout(Some(patience))?;
    Ok(connection)
}

/// Asks a server for an answer, and whether it is of a cluster.
fn introduced(mut connection: Connection) -> RedisResult<(Connection, bool)> {
    cmd("PING").query::<()>(&mut connection)?;
    let is_cluster = match cmd("CLUSTER").arg("SLOTS").query::<Value>(&mut connection) {
        Ok(_) => true,
        Err(error) if error.is_io_error() => return Err(error),
        // Cluster support is disabled.
        Err(_) => false,
    };
    Ok((connection, is_cluster))
}

/// A node of the cluster of a server. An empty host is that of the server.
fn at(server: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    let or = |own: &String| if host.is_empty() { own.clone() } else { host.clone() };
    match server {
        ConnectionAddr::TcpTls { host: own, insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host: or(own), port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        ConnectionAddr::Tcp(own, _) => ConnectionAddr::Tcp(or(own), port),
        _ => ConnectionAddr::Tcp(host, port),
    }
}

/// Why a server can't be used, in words.
#[must_use]
pub fn reason(error: &RedisError) -> String {
    // The system says that a resource is temporarily unavailable.
    if error.is_timeout() { "gave no answer in time".to_owned() } else { error.to_string() }
}

fn client(info: ConnectionInfo, tls: &TlsCertificates) -> RedisResult<Client> {
    match info.addr() {
        ConnectionAddr::TcpTls { .. } => Client::build_with_tls(info, tls.clone()),
        _ => Client::open(info),
    }
}

/// The certificates of `publish.ca`; absent for those of the system.
fn roots(config: &PublishConfig) -> RedisResult<Option<Vec<u8>>> {
    let path = &config.ca;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let told = |error: io::Error| io::Error::new(error.kind(), format!("publish.ca {}: {error}", path.display()));
    Ok(Some(fs::read(path).map_err(told)?))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::path::PathBuf;

    use super::*;

    /// A server that answers so many commands, and then nothing more, as one that is stopped.
    fn stopping(answers: usize) -> PublishConfig {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("redis://{}/", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let mut left = answers;
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut bytes = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut bytes) {
                    let commands = bytes[..read].iter().filter(|&&byte| byte == b'*').count().min(left);
                    left -= commands;
                    if stream.write_all(&b"+OK\r\n".repeat(commands)).is_err() {
                        break;
                    }
                }
            }
        });
        PublishConfig { keep: 1, redis_url: url.into(), ca: PathBuf::new(), prefix: "shop".to_owned() }
    }

    #[test]
    fn a_redis_that_answers_no_more_is_an_error_and_is_not_waited_for_without_end() {
        // Two commands introduce the client.
        for answers in [2, 3] {
            let patience = Duration::from_millis(100);
            let error = Servers::connect_within(&stopping(answers), patience).err();
            assert_eq!(error.map(|error| reason(&error)).as_deref(), Some("gave no answer in time"), "after {answers}");
        }
    }
}
