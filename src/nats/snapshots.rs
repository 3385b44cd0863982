//! Snapshots in an object store.

use async_nats::jetstream::object_store::{GetErrorKind, ObjectInfo, ObjectStore};
use futures::TryStreamExt;
use tokio::io::AsyncReadExt;

use super::connect::Connection;
use crate::port::{SnapshotError, Snapshots};
use crate::wire::Subjects;

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
    async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        let mut object = match self.0.get(name).await {
            Ok(object) => object,
            Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SnapshotError(error.into())),
        };
        let mut bytes = Vec::new();
        // The client checks the digest of what it reads.
        object.read_to_end(&mut bytes).await.map_err(|error| SnapshotError(error.into()))?;
        Ok(Some(bytes))
    }

    async fn save(&self, name: &str, bytes: Vec<u8>) -> Result<(), SnapshotError> {
        let saved = self.0.put(name, &mut bytes.as_slice()).await;
        saved.map(drop).map_err(|error| SnapshotError(error.into()))
    }

    async fn names(&self) -> Result<Vec<String>, SnapshotError> {
        let listed = self.0.list().await.map_err(|error| SnapshotError(error.into()))?;
        let objects: Result<Vec<ObjectInfo>, _> = listed.try_collect().await;
        let objects = objects.map_err(|error| SnapshotError(error.into()))?;
        Ok(objects.into_iter().map(|object| object.name).collect())
    }
}
