//! A plain HTTP/1.1 client that can also send what a good client would not.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The ids of a slate or a list.
    pub fn items(&self) -> Vec<String> {
        let json = self.json();
        let items = json["items"].as_array().unwrap_or_else(|| panic!("no items: {json}"));
        items.iter().map(|item| item["item_id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Asserts a problem document with this status that names this field.
    pub fn assert_problem(&self, status: u16, field: Option<&str>) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{text}");
        assert_eq!(problem["field"].as_str(), field, "{text}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{text}");
    }
}

/// A client of one address; each request has its own connection.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request; `Err` when the connection fails.
    pub fn send(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> std::io::Result<Answer> {
        self.send_head(method, target, &format!("content-length: {}\r\n{headers}", body.len()), body)
    }

    /// Sends a request whose length, if it has one, is among its headers.
    pub fn send_head(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> std::io::Result<Answer> {
        let stream = self.connect()?;
        let mut writer = stream.try_clone()?;
        write!(writer, "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")?;
        writer.write_all(body)?;
        read(&mut BufReader::new(stream))
    }

    /// A connection on which nothing is sent yet.
    pub fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(stream)
    }

    pub fn get(&self, target: &str) -> Answer {
        self.send("GET", target, "", b"").unwrap_or_else(|error| panic!("GET {target}: {error}"))
    }

    pub fn try_post(&self, target: &str, body: &str) -> std::io::Result<Answer> {
        self.send("POST", target, "content-type: application/json\r\n", body.as_bytes())
    }

    pub fn post(&self, target: &str, body: &str) -> Answer {
        self.try_post(target, body).unwrap_or_else(|error| panic!("POST {target}: {error}"))
    }

    /// The value of a metric, with its labels as they are printed; 0 if it is not there yet.
    pub fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.get("/metrics").body).expect("text");
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |value| value.parse().expect("a number"))
    }
}

/// Reads an answer off a connection.
pub fn read(stream: &mut impl BufRead) -> std::io::Result<Answer> {
    let invalid = |text: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, text.to_owned());
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| invalid(&line))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    match length {
        Some(length) => {
            answer.body = vec![0; length];
            stream.read_exact(&mut answer.body)?;
        }
        None => {
            stream.read_to_end(&mut answer.body)?;
        }
    }
    Ok(answer)
}
