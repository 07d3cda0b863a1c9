//! What nobody may read: URLs with tokens in them, passwords, keys. It comes from the environment or from a file, and is
//! printed as `(secret)`.

use std::fmt;
use std::fs;
use std::path::Path;

/// A secret. It can't be serialised, and does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, to be used in one place.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads a secret from a variable of the environment, else from a file; `None` if neither is named.
    ///
    /// # Errors
    /// What is missing, and where it was looked for.
    pub fn read(variable: &str, file: &Path) -> Result<Option<Self>, String> {
        let text = match (variable, file.as_os_str().is_empty()) {
            ("", true) => return Ok(None),
            ("", false) => fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
            (name, true) => {
                std::env::var(name).map_err(|_| format!("the environment has no variable {name}; set it"))?
            }
            _ => return Err("a variable and a file are named; one of them must go".to_owned()),
        };
        match text.trim() {
            "" => Err(format!("{}{} is empty", variable, file.display())),
            text => Ok(Some(Self(text.to_owned()))),
        }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// Shorter ones would take half of every text with them.
const SHORTEST: usize = 6;
/// Parts of names of variables whose values are secret.
const TELLING: [&str; 6] = ["PASSWORD", "SECRET", "TOKEN", "KEY", "URL", "CREDENTIAL"];

/// Takes secrets out of texts that were written by others: what a run printed, what a receiver answered.
#[derive(Debug, Clone, Default)]
pub struct Redaction(Vec<Secret>);

impl Redaction {
    /// Takes out some secrets, and the values of variables of the environment whose names tell that they are some.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let telling = |(name, value): (String, String)| {
            let name = name.to_ascii_uppercase();
            TELLING.iter().any(|part| name.contains(part)).then_some(Secret(value))
        };
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut all: Vec<Secret> = secrets.into_iter().chain(variables.filter_map(telling)).collect();
        all.retain(|secret| secret.0.len() >= SHORTEST);
        // One may be a part of another.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        Self(all)
    }

    /// A text without them, and without users and passwords of URLs.
    #[must_use]
    pub fn of(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for Secret(secret) in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "(secret)");
            }
        }
        shared::contract::url::without_user_info(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_and_is_taken_out_of_texts() {
        let secret = Secret::from("https://hooks.slack.com/services/T0/B0/xyz");
        assert_eq!(format!("{secret:?}"), "(secret)");
        let redaction = Redaction::new([secret, Secret::from("xyz/and more"), Secret::from("short")]);
        let text = "POST https://hooks.slack.com/services/T0/B0/xyz/and more failed: short";
        assert_eq!(redaction.of(text), "POST (secret)/and more failed: short");
        assert_eq!(redaction.of("redis://:pw@h/1 is away"), "redis://h/1 is away");
    }

    #[test]
    fn a_secret_comes_from_one_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, "from a file\n").expect("writes");
        assert_eq!(Secret::read("", &file), Ok(Some(Secret::from("from a file"))));
        assert_eq!(Secret::read("", Path::new("")), Ok(None));
        assert!(Secret::read("TANDEM_NO_SUCH", Path::new("")).expect_err("absent").contains("TANDEM_NO_SUCH; set it"));
        assert!(Secret::read("A", &file).expect_err("two").contains("one of them"));
        std::fs::write(&file, "\n").expect("writes");
        assert!(Secret::read("", &file).expect_err("empty").contains("is empty"));
    }
}
