//! Where a store is: a URL, and the client that it stands for.

use std::env::vars_os;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use sha2::{Digest, Sha256};
use url::Url;

use super::variables::settings;
use super::{ObjectsError, Remote};
use crate::contract::artifact::manifest::hex;
use crate::contract::url::without_user_info;

/// How long one request may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the store may send nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one request may take, with its body; a long download goes on from where it was cut.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
/// How often a request is tried again, and for how long.
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(5), base: 2.0 },
    max_retries: 6,
    retry_timeout: Duration::from_secs(60),
};

/// The schemes of stores.
const SCHEMES: [&str; 9] = ["s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "https"];

/// A bucket and a prefix in it: `s3://bucket/prefix`. Credentials, region and endpoint come from the variables that the
/// vendor's own tools read: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`
/// and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    url: Url,
}

impl Location {
    /// Whether a text is meant as the URL of a store, and not as a path.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let one_slash = |scheme: &&str| text.strip_prefix(*scheme).is_some_and(|rest| rest.starts_with(":/"));
        text.contains("://") || SCHEMES.iter().any(one_slash)
    }

    /// A name for a folder that mirrors it, different for each.
    #[must_use]
    pub fn folder_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
        let text = self.to_string();
        let readable: String = text.chars().map(plain).collect();
        format!("{readable}-{}", &hex(&Sha256::digest(&text))[..8])
    }

    /// The client. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ObjectsError::Variable`] names one that is not what it should be, [`ObjectsError::Location`] says what doesn't fit.
    pub fn open(&self) -> Result<Remote, ObjectsError> {
        let refused = |source: object_store::Error| self.refused(source.to_string());
        let unfit = |reason: String| ObjectsError::Variable { location: self.to_string(), reason };
        let (scheme, prefix) = ObjectStoreScheme::parse(&self.url).map_err(|error| self.refused(error.to_string()))?;
        // Another part of the process may have chosen the same already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(READ_TIMEOUT)
            .with_timeout(REQUEST_TIMEOUT)
            .with_allow_http(true);
        let url = self.url.as_str();
        let store: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::AmazonS3 => Arc::new(
                settings(&["AWS_"], vars_os())
                    .map_err(unfit)?
                    .into_iter()
                    .fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value))
                    .with_url(url)
                    .with_retry(RETRIES)
                    .with_client_options(client)
                    .build()
                    .map_err(refused)?,
            ),
            ObjectStoreScheme::GoogleCloudStorage => Arc::new(
                settings(&["GOOGLE_", "SERVICE_ACCOUNT"], vars_os())
                    .map_err(unfit)?
                    .into_iter()
                    .fold(GoogleCloudStorageBuilder::new(), |builder, (key, value)| builder.with_config(key, value))
                    .with_url(url)
                    .with_retry(RETRIES)
                    .with_client_options(client)
                    .build()
                    .map_err(refused)?,
            ),
            ObjectStoreScheme::MicrosoftAzure => Arc::new(
                settings(&["AZURE_", "IDENTITY_ENDPOINT"], vars_os())
                    .map_err(unfit)?
                    .into_iter()
                    .fold(MicrosoftAzureBuilder::new(), |builder, (key, value)| builder.with_config(key, value))
                    .with_url(url)
                    .with_retry(RETRIES)
                    .with_client_options(client)
                    .build()
                    .map_err(refused)?,
            ),
            _ => return Err(self.refused("no store of this kind is known".to_owned())),
        };
        Ok(Remote::new(store, prefix, self.to_string()))
    }

    fn refused(&self, reason: String) -> ObjectsError {
        ObjectsError::Location { text: self.to_string(), reason }
    }
}

impl FromStr for Location {
    type Err = ObjectsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = without_user_info(text);
        let refused = |reason: String| ObjectsError::Location { text: shown.to_string(), reason };
        if let Some((scheme, rest)) = text.trim().split_once(":/").filter(|(_, rest)| !rest.starts_with('/')) {
            return Err(refused(format!("a URL has two slashes: {scheme}://{rest}")));
        }
        let mut url: Url = text.trim().parse().map_err(|error: url::ParseError| refused(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(refused("credentials and options belong in variables such as AWS_ACCESS_KEY_ID".to_owned()));
        }
        let path = url.path().trim_matches('/').to_owned();
        url.set_path(&path);
        match ObjectStoreScheme::parse(&url) {
            Ok((
                ObjectStoreScheme::AmazonS3 | ObjectStoreScheme::GoogleCloudStorage | ObjectStoreScheme::MicrosoftAzure,
                prefix,
            )) => {
                Path::parse(prefix).map_err(|error| refused(error.to_string()))?;
                Ok(Self { url })
            }
            _ => Err(refused("no URL of a store".to_owned())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_prefix_without_secrets() {
        let of = |text: &str| text.parse::<Location>();
        assert_eq!(of("s3://shop/artifacts/").expect("a location").to_string(), "s3://shop/artifacts");
        for text in ["gs://shop/a", "az://shop/a", "s3://shop"] {
            assert_eq!(of(text).expect("a location").to_string(), text);
        }
        for text in
            ["artifacts", "http://shop/a", "file:///tmp/a", "s3://key:secret@shop/a", "s3://shop/a?b=c", "s3://"]
        {
            let error = of(text).expect_err("no location").to_string();
            assert!(error.contains("s3://BUCKET/PREFIX") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_url_with_a_slash_too_few_is_no_path() {
        for text in ["s3:/shop/a", "gs:/shop", "https:/shop.s3.amazonaws.com/a"] {
            assert!(Location::is_meant(text), "{text}");
            let error = text.parse::<Location>().expect_err("one slash").to_string();
            assert!(error.contains(&text.replacen(":/", "://", 1)), "{error}");
        }
        assert!(!Location::is_meant("data/s3:/x") && !Location::is_meant("C:/x"));
    }

    #[test]
    fn each_location_has_a_folder_of_its_own() {
        let name = |text: &str| text.parse::<Location>().expect("a location").folder_name();
        assert!(name("s3://shop/a").starts_with("s3---shop-a-"));
        assert_ne!(name("s3://shop/a-b"), name("s3://shop/a/b"));
        assert_eq!(name("s3://shop/a"), name("s3://shop/a/"));
    }
}
