//! Who asks an MLflow server: as its official client reads it, so that what works there works here.
//!
//! Source: `mlflow/utils/rest_utils.py`, `http_request`, and `mlflow/utils/credentials.py`, `read_mlflow_creds`: user and
//! password if both are given, else the token.

use reqwest::Url;
use reqwest::blocking::RequestBuilder;

/// Who asks. It does not print: passwords belong in no log.
pub enum Login {
    /// Anybody.
    None,
    /// A user.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// The bearer of a token.
    Token(String),
}

impl Login {
    /// User and password of the URL; else those of `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`; else the token
    /// of `MLFLOW_TRACKING_TOKEN`.
    ///
    /// * `variable`: the value of a variable of the environment.
    pub fn of(url: &Url, variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
        if !url.username().is_empty() {
            return Self::Basic {
                user: decoded(url.username()),
                password: decoded(url.password().unwrap_or_default()),
            };
        }
        let both = variable("MLFLOW_TRACKING_USERNAME").zip(variable("MLFLOW_TRACKING_PASSWORD"));
        match (both, variable("MLFLOW_TRACKING_TOKEN")) {
            (Some((user, password)), _) => Self::Basic { user, password },
            (None, Some(token)) => Self::Token(token),
            (None, None) => Self::None,
        }
    }

    /// A request with the header that says so.
    pub fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic { user, password } => request.basic_auth(user, Some(password)),
            Self::Token(token) => request.bearer_auth(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;

    /// The header by which a server knows who asked.
    fn heard(userinfo: &str, variables: &[(&str, &str)]) -> Option<String> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let lines = BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("writes");
            head.iter().find_map(|line| line.strip_prefix("authorization: ").map(str::to_owned))
        });
        let url: Url = format!("http://{userinfo}{address}/").parse().expect("a URL");
        let value = |name: &str| variables.iter().find(|own| own.0 == name).map(|own| own.1.to_owned());
        let login = Login::of(&url, value);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = reqwest::blocking::Client::new().get(format!("http://{address}/"));
        login.sign(plain).send().expect("an answer");
        server.join().expect("no panic")
    }

    #[test]
    fn the_server_hears_who_asks_as_from_the_official_client() {
        const USER: (&str, &str) = ("MLFLOW_TRACKING_USERNAME", "ana");
        const PASSWORD: (&str, &str) = ("MLFLOW_TRACKING_PASSWORD", "s:cret");
        const TOKEN: (&str, &str) = ("MLFLOW_TRACKING_TOKEN", "t0ken");
        // printf 'ana:s:cret' | base64
        let basic = Some("Basic YW5hOnM6Y3JldA==");
        assert_eq!(heard("", &[]), None);
        assert_eq!(heard("", &[USER, PASSWORD]).as_deref(), basic);
        assert_eq!(heard("", &[USER, PASSWORD, TOKEN]).as_deref(), basic);
        assert_eq!(heard("", &[TOKEN]).as_deref(), Some("Bearer t0ken"));
        assert_eq!(heard("", &[USER, TOKEN]).as_deref(), Some("Bearer t0ken"), "half a login is none");
        assert_eq!(heard("", &[("MLFLOW_TRACKING_USERNAME", ""), PASSWORD]), None);
        assert_eq!(heard("ana:s%3Acret@", &[TOKEN]).as_deref(), basic, "the URL comes first");
    }
}
