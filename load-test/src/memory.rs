//! How much memory the service holds, as its `/metrics` say.

use crate::client::{Call, ClientError, Connection};

/// The metric of the memory that the service holds.
const METRIC: &str = "process_resident_memory_bytes";

/// Why the memory is not known.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The metrics can't be read.
    #[error(transparent)]
    Metrics(#[from] ClientError),
    /// The metrics are not those of the service.
    #[error("/metrics has no {METRIC}; is this the service?")]
    Missing,
}

/// The resident memory of the service, in bytes.
///
/// # Errors
/// [`MemoryError`] if the metrics don't say.
pub async fn resident_bytes(connection: &mut Connection) -> Result<f64, MemoryError> {
    let (_, body) = connection.fetch(&Call::get("/metrics")).await?;
    let text = String::from_utf8_lossy(&body);
    let value = text.lines().find_map(|line| line.strip_prefix(METRIC)?.trim().parse().ok());
    value.ok_or(MemoryError::Missing)
}
