//! Which folder an argument means: a path, or the mirror of an object store.

use std::ffi::OsString;
use std::path::PathBuf;

use shared::objects::{Location, ObjectsError};

/// The variable that names the folder of mirrors.
const CACHE: &str = "TANDEM_CACHE";

/// The folder that an argument means: a path, or the mirror of a store.
///
/// * `variable`: the environment of the process that works in it.
///
/// # Errors
/// What is wrong with a URL.
pub fn mirrored(text: &str, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
    if !Location::is_meant(text) {
        return Ok(PathBuf::from(text));
    }
    let location: Location = text.parse().map_err(|error: ObjectsError| format!("{error}, or the path of a folder"))?;
    Ok(mirror_of(&location, variable))
}

/// The folder that mirrors a store: in `TANDEM_CACHE`, or where the system keeps what can be had again.
pub fn mirror_of(location: &Location, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let home = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = home(CACHE)
        .or_else(|| home("XDG_CACHE_HOME").map(|cache| cache.join("tandem")))
        .or_else(|| home("HOME").map(|home| home.join(".cache/tandem")))
        .unwrap_or_else(|| std::env::temp_dir().join("tandem"));
    cache.join(location.folder_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_folder_of_its_own_and_a_path_is_a_path() {
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/shop"));
        assert_eq!(mirrored("artifacts", home), Ok(PathBuf::from("artifacts")));
        let mirror = mirrored("s3://shop/a", home).expect("a folder");
        assert!(mirror.to_string_lossy().starts_with("/home/shop/.cache/tandem/s3---shop-a-"), "{}", mirror.display());
        assert!(mirrored("http://shop/a", home).expect_err("is none").contains("s3://BUCKET/PREFIX"));
        let cache = |name: &str| (name == CACHE).then(|| OsString::from("/cache"));
        assert!(mirrored("s3://shop/a", cache).expect("a folder").starts_with("/cache"));
    }
}
