//! Snapshots in an object store.

use std::time::Duration;

use async_nats::jetstream::object_store::{GetErrorKind, Object, ObjectInfo, ObjectStore};
use futures::TryStreamExt;
use tokio::io::AsyncReadExt;

use super::connect::Connection;
use crate::port::{SnapshotError, Snapshots};
use crate::wire::Subjects;

/// How long the next bytes of an object may take. Those of one that was replaced meanwhile are
/// gone: they never come, and nobody says so.
const STALLED: Duration = Duration::from_secs(3);

/// How often an object is read that was replaced while it was read.
const ATTEMPTS: usize = 3;

/// Bytes asked for at once: a chunk of the store.
const CHUNK: usize = 128 * 1024;

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
        for _ in 0..ATTEMPTS {
            let mut object = match self.0.get(name).await {
                Ok(object) => object,
                Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(SnapshotError(error.into())),
            };
            if let Some(bytes) = read_whole(&mut object).await? {
                return Ok(Some(bytes));
            }
        }
        Err(SnapshotError("it is replaced faster than it can be read".into()))
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

/// All bytes of an object; none when they stop coming.
async fn read_whole(object: &mut Object) -> Result<Option<Vec<u8>>, SnapshotError> {
    let mut bytes = Vec::new();
    loop {
        bytes.reserve(CHUNK);
        // The client checks the digest of what it reads.
        match tokio::time::timeout(STALLED, object.read_buf(&mut bytes)).await {
            Ok(Ok(0)) => return Ok(Some(bytes)),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(SnapshotError(error.into())),
            Err(_) => return Ok(None),
        }
    }
}
