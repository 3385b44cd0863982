//! Where states are kept between starts.

use std::future::Future;

use super::log::BoxError;

/// A place for the snapshots of one market, each under a name.
pub trait Snapshots: Clone + Send + Sync + 'static {
    /// What was kept last under a name.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; whoever gets one folds the log.
    fn load(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, SnapshotError>> + Send;

    /// Keeps one, instead of what had that name.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; nothing is lost but time.
    fn save(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), SnapshotError>> + Send;

    /// Every name, in no order.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    fn names(&self) -> impl Future<Output = Result<Vec<String>, SnapshotError>> + Send;
}

/// A snapshot could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot store cannot be reached")]
pub struct SnapshotError(#[source] pub BoxError);
