//! Snapshots in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::port::{SnapshotError, Snapshots};

/// The snapshots of a market, in memory. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct ModelSnapshots {
    kept: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    way: Arc<tokio::sync::Mutex<()>>,
}

impl ModelSnapshots {
    /// Nothing is kept any more until the guard is dropped; whoever saves waits.
    pub async fn hold_up(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.way).lock_owned().await
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots for ModelSnapshots {
    async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.kept().get(name).cloned())
    }

    async fn save(&self, name: &str, bytes: Vec<u8>) -> Result<(), SnapshotError> {
        let _passing = self.way.lock().await;
        self.kept().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn names(&self) -> Result<Vec<String>, SnapshotError> {
        Ok(self.kept().keys().cloned().collect())
    }
}
