//! The variables that say whose stores are asked, and where.
//!
//! The clients take them as they are: an empty one for a value, and an address without a scheme for one that a request can
//! be sent to, which ends in a panic. So they are read here.

use std::ffi::OsString;
use std::str::FromStr;

use url::Url;

/// The settings that a vendor's variables make, without the empty ones and without space around a value.
///
/// * `names`: whole names, or the beginning that they share, with the `_` at its end: `AWS_`.
/// * `all`: the environment.
///
/// # Errors
/// The variable that can't be meant, and what it should be.
pub(super) fn settings<K: FromStr>(
    names: &[&str],
    all: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(K, String)>, String> {
    let mut settings = Vec::new();
    for (name, value) in all {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str().map(str::trim)) else { continue };
        let is_own = |own: &&str| name == *own || own.ends_with('_') && name.starts_with(*own);
        if value.is_empty() || !names.iter().any(is_own) {
            continue;
        }
        let Ok(key) = name.to_ascii_lowercase().parse() else { continue };
        if value.chars().any(char::is_control) {
            return Err(format!(
                "the variable {name} has a line break or another control character in it; set it anew"
            ));
        }
        if is_address(name) && !reaches(value) {
            return Err(format!(
                "the variable {name} is no address; give http://HOST:PORT or https://HOST, or unset it"
            ));
        }
        settings.push((key, value.to_owned()));
    }
    Ok(settings)
}

/// Whether a variable is where requests go to.
fn is_address(name: &str) -> bool {
    let is_switch = name.starts_with("AZURE_USE_");
    !is_switch && (name.contains("ENDPOINT") || name.ends_with("_BASE_URL") || name.ends_with("_SERVICE_URL"))
}

fn reaches(value: &str) -> bool {
    value.parse::<Url>().is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
}

#[cfg(test)]
mod tests {
    use object_store::aws::AmazonS3ConfigKey;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Vec<(AmazonS3ConfigKey, String)>, String> {
        settings(&["AWS_"], pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
    }

    #[test]
    fn empty_variables_are_unset_and_space_around_a_value_is_not_meant() {
        let read = read(&[
            ("AWS_ENDPOINT_URL", ""),
            ("AWS_REGION", " "),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000 "),
            ("AWS_ACCESS_KEY_ID", "key\n"),
            ("GOOGLE_BASE_URL", "nothing"),
            ("AWS_OF_ANOTHER_PROGRAM", "x"),
        ]);
        let expected = [
            (AmazonS3ConfigKey::S3Endpoint, "http://127.0.0.1:9000".to_owned()),
            (AmazonS3ConfigKey::AccessKeyId, "key".to_owned()),
        ];
        assert_eq!(read, Ok(expected.into()));
    }

    #[test]
    fn an_address_that_is_none_is_refused_by_the_name_of_its_variable() {
        for wrong in ["127.0.0.1:9000", "store:9000", "/data", "ftp://store"] {
            let error = read(&[("AWS_ENDPOINT_URL", wrong)]).expect_err("no address");
            assert!(error.contains("AWS_ENDPOINT_URL") && error.contains("http://HOST:PORT"), "{error}");
        }
        let error = read(&[("AWS_SESSION_TOKEN", "a\nb")]).expect_err("two lines");
        assert!(error.contains("AWS_SESSION_TOKEN") && !error.contains("a\nb"), "{error}");
    }
}
