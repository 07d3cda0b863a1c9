//! New API keys. In: whose, and what it may do. Out: the key, which is kept nowhere, and its entry for the file.

use std::fmt::Write as _;

use super::keys::{digest, is_name};
use super::limits::HIGHEST;
use super::scopes::Scope;

/// What every key begins with, so that scanners for leaked secrets know one when they see it.
const PREFIX: &str = "tandem_";

/// A key that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Order {
    /// Whose it is, such as `shop`; 1 to 64 letters, digits or any of `-_.`.
    #[arg(long, value_parser = name)]
    pub name: String,
    /// What it may do, separated by commas.
    #[arg(long, value_delimiter = ',', required = true, value_enum)]
    pub scopes: Vec<Scope>,
    /// How many requests a second it may send; without it as many as the service can answer.
    #[arg(long, value_name = "REQUESTS", value_parser = clap::value_parser!(u32).range(1..=i64::from(HIGHEST)))]
    pub rate: Option<u32>,
    /// How many of them at once; without it those of a second.
    #[arg(long, value_name = "REQUESTS", requires = "rate",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(HIGHEST)))]
    pub burst: Option<u32>,
}

fn name(text: &str) -> Result<String, &'static str> {
    if is_name(text) { Ok(text.to_owned()) } else { Err("1 to 64 ASCII letters, digits or any of `-_.`") }
}

/// A new key.
pub struct Issued {
    /// The key itself.
    pub secret: String,
    /// Its entry for the file of keys.
    pub entry: String,
}

/// Makes a key of 256 random bits.
///
/// # Errors
/// [`getrandom::Error`] if the system has no randomness.
pub fn issue(order: &Order) -> Result<Issued, getrandom::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    let secret = format!("{PREFIX}{}", hex::encode(random));
    let Order { name, scopes, rate, burst } = order;
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let sha256 = hex::encode(digest(secret.as_bytes()));
    let mut entry = format!("[[keys]]\nname = \"{name}\"\nscopes = {scopes:?}\nsha256 = \"{sha256}\"\n");
    for (key, number) in [("rate", rate), ("burst", burst)] {
        if let Some(number) = number {
            // Writing to a string can't fail.
            let _ = writeln!(entry, "{key} = {number}");
        }
    }
    Ok(Issued { secret, entry })
}
