//! Snapshots in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::port::{SnapshotError, Snapshots};

/// The snapshots of a market, in memory. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct ModelSnapshots(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl ModelSnapshots {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots for ModelSnapshots {
    async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.kept().get(name).cloned())
    }

    async fn save(&self, name: &str, bytes: Vec<u8>) -> Result<(), SnapshotError> {
        self.kept().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn names(&self) -> Result<Vec<String>, SnapshotError> {
        Ok(self.kept().keys().cloned().collect())
    }
}
