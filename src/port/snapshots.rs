//! Where states are kept between starts.

use std::future::Future;

use super::log::BoxError;

/// A place for the last snapshot of one market.
pub trait Snapshots: Clone + Send + Sync + 'static {
    /// The last one that was kept.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; whoever gets one folds the log.
    fn load(&self) -> impl Future<Output = Result<Option<Vec<u8>>, SnapshotError>> + Send;

    /// Keeps one instead of the last.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; nothing is lost but time at the next start.
    fn save(&self, bytes: Vec<u8>) -> impl Future<Output = Result<(), SnapshotError>> + Send;
}

/// A snapshot could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot store cannot be reached")]
pub struct SnapshotError(#[source] pub BoxError);
