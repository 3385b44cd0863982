//! A snapshot in memory.

use std::sync::{Arc, Mutex, PoisonError};

use crate::port::{SnapshotError, Snapshots};

/// The last snapshot, in memory. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct ModelSnapshots(Arc<Mutex<Option<Vec<u8>>>>);

impl Snapshots for ModelSnapshots {
    async fn load(&self) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn save(&self, bytes: Vec<u8>) -> Result<(), SnapshotError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        Ok(())
    }
}
