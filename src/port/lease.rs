//! Who is active, when only one may be.

use std::future::Future;

use super::log::BoxError;
use crate::domain::Timestamp;

/// A set of leases that expire unless they are renewed.
///
/// A lease keeps order, it does not keep safe: two holders are normal for a moment, and the fence
/// on every commit makes the late one harmless.
pub trait Lease: Clone + Send + Sync + 'static {
    /// Takes the lease of `key`, when nobody has it.
    ///
    /// # Errors
    ///
    /// See [`LeaseError`].
    fn acquire(
        &self,
        key: &str,
        holder: &str,
    ) -> impl Future<Output = Result<u64, LeaseError>> + Send;

    /// Keeps it. `revision` is what the last call returned.
    ///
    /// # Errors
    ///
    /// See [`LeaseError`]; `Taken` when it is no longer ours.
    fn renew(
        &self,
        key: &str,
        holder: &str,
        revision: u64,
    ) -> impl Future<Output = Result<u64, LeaseError>> + Send;

    /// When it was last taken or renewed, by the clock of whoever keeps leases.
    ///
    /// # Errors
    ///
    /// See [`LeaseError`]; `Taken` when nobody has it.
    fn written(&self, key: &str) -> impl Future<Output = Result<Timestamp, LeaseError>> + Send;

    /// Gives it up, so that a standby need not wait for it to expire.
    ///
    /// # Errors
    ///
    /// See [`LeaseError`].
    fn release(
        &self,
        key: &str,
        revision: u64,
    ) -> impl Future<Output = Result<(), LeaseError>> + Send;

    /// Waits until `key` may be free: given up, expired, or unknown again.
    ///
    /// # Errors
    ///
    /// See [`LeaseError`].
    fn freed(&self, key: &str) -> impl Future<Output = Result<(), LeaseError>> + Send;
}

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else has it.
    #[error("somebody else holds the lease")]
    Taken,
    /// These credentials may not take it.
    #[error("the lease may not be taken")]
    Denied(#[source] BoxError),
    /// It cannot be told just now.
    #[error("the lease cannot be reached")]
    Unavailable(#[source] BoxError),
}
