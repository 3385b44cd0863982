//! Snapshots in an object store.

use async_nats::jetstream::object_store::{GetErrorKind, ObjectStore};
use tokio::io::AsyncReadExt;

use super::connect::Connection;
use crate::port::{SnapshotError, Snapshots};
use crate::wire::Subjects;

/// The one object in the bucket: the last snapshot replaces the one before.
const OBJECT: &str = "market";

/// The snapshots of one market.
#[derive(Clone)]
pub struct ObjectSnapshots(ObjectStore);

impl ObjectSnapshots {
    /// The snapshots of a market.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] when the bucket cannot be reached.
    pub async fn open(connection: &Connection, subjects: &Subjects) -> Result<Self, SnapshotError> {
        let store = connection.jetstream.get_object_store(&subjects.bucket("snapshots")).await;
        store.map(Self).map_err(|error| SnapshotError(error.into()))
    }
}

impl Snapshots for ObjectSnapshots {
    async fn load(&self) -> Result<Option<Vec<u8>>, SnapshotError> {
        let mut object = match self.0.get(OBJECT).await {
            Ok(object) => object,
            Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SnapshotError(error.into())),
        };
        let mut bytes = Vec::new();
        // The client checks the digest of what it reads.
        object.read_to_end(&mut bytes).await.map_err(|error| SnapshotError(error.into()))?;
        Ok(Some(bytes))
    }

    async fn save(&self, bytes: Vec<u8>) -> Result<(), SnapshotError> {
        let saved = self.0.put(OBJECT, &mut bytes.as_slice()).await;
        saved.map(drop).map_err(|error| SnapshotError(error.into()))
    }
}
