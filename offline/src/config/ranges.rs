//! The check of a setting's range, and the error that names the setting.

/// A setting that is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value}: must be {expected}")]
pub struct OutOfRange {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub expected: &'static str,
}

/// Refuses a value that is not in its range.
///
/// # Errors
/// [`OutOfRange`] where `fits` is false.
pub fn range(fits: bool, key: &'static str, value: impl ToString, expected: &'static str) -> Result<(), OutOfRange> {
    if fits { Ok(()) } else { Err(OutOfRange { key, value: value.to_string(), expected }) }
}
