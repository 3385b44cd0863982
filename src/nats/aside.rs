//! Reading an archive on a thread of its own.
//!
//! Whoever reads one first proves every file of it, which takes as long as the log is large; the
//! tasks of the process have leases to renew meanwhile.

use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::domain::Sequence;
use crate::port::{Entry, Older, ReadError};

/// Entries in one portion. The commits among them take a millisecond each to fold.
const READ_AT_ONCE: usize = 64;

/// Portions that are read before somebody takes them: enough that neither waits for the other, and
/// at most 64 MB of the largest commits.
const AHEAD: usize = 4;

/// A reader's place in what the server no longer has.
pub(super) struct Aside {
    portions: mpsc::Receiver<Result<Vec<Entry>, ReadError>>,
    is_done: bool,
}

impl Aside {
    /// Begins to read the entries whose subject matches `filter`, after `after` and up to `to`.
    pub(super) fn begin(
        older: Arc<dyn Older>,
        filter: &str,
        (after, to): (Sequence, Sequence),
    ) -> Result<Self, ReadError> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let filter = filter.to_owned();
        spawn(move || {
            let mut tail = match older.read(&filter, after, to) {
                Ok(tail) => tail,
                Err(error) => return drop(sender.blocking_send(Err(error))),
            };
            loop {
                let portion = tail.next(READ_AT_ONCE);
                let is_last = portion.as_ref().map_or(true, Vec::is_empty);
                // Nobody reads any more, or nothing comes any more.
                if sender.blocking_send(portion).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { portions: receiver, is_done: false })
    }

    /// Waits for the next portion; an empty one is the end, and comes from then on. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Vec<Entry>, ReadError> {
        if self.is_done {
            return Ok(Vec::new());
        }
        // A thread that is ahead would never have others take their turn.
        tokio::task::yield_now().await;
        let portion = self.portions.recv().await.unwrap_or_else(|| Err(gone()))?;
        self.is_done = portion.is_empty();
        Ok(portion)
    }
}

/// What somebody finds who looks into an archive.
pub(super) async fn aside<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let (sender, found) = oneshot::channel();
    spawn(move || drop(sender.send(look())))?;
    found.await.unwrap_or_else(|_| Err(gone()))
}

/// A thread that nobody waits for: a process that ends does not read an archive to its end.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), ReadError> {
    let spawned = thread::Builder::new().name("archive".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| ReadError::Unavailable(error.into()))
}

fn gone() -> ReadError {
    ReadError::Broken("whoever reads the archive is gone".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::*;
    use crate::domain::Timestamp;
    use crate::port::OlderTail;

    /// Far above what anything here takes: nobody who is kept from telling waits for ever.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// An archive that is read once it is told to be, up to the end or to a defect.
    #[derive(Debug)]
    struct Told(Mutex<Receiver<usize>>);

    impl Told {
        fn wait(&self) -> Result<Numbered, ReadError> {
            let entries = self.0.lock().unwrap().recv_timeout(PATIENCE);
            entries
                .map(|entries| Numbered { entries, read: 0 })
                .map_err(|error| ReadError::Broken(error.into()))
        }
    }

    impl Older for Told {
        fn read(
            &self,
            _filter: &str,
            _after: Sequence,
            _to: Sequence,
        ) -> Result<Box<dyn OlderTail>, ReadError> {
            Ok(Box::new(self.wait()?))
        }

        fn before(&self, _moment: Timestamp, to: Sequence) -> Result<Sequence, ReadError> {
            self.wait().map(|_| to)
        }
    }

    struct Numbered {
        entries: usize,
        read: usize,
    }

    impl OlderTail for Numbered {
        fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
            let some = limit.min(self.entries - self.read);
            let entries = (0..some).map(|_| {
                self.read += 1;
                Entry {
                    sequence: Sequence(self.read as u64),
                    subject: "a".to_owned(),
                    time: Timestamp(0),
                    headers: Vec::new(),
                    payload: bytes::Bytes::new(),
                }
            });
            Ok(entries.collect())
        }
    }

    /// On one thread: were the archive read there, nobody would be left to tell it to be.
    #[tokio::test(flavor = "current_thread")]
    async fn whoever_does_not_read_an_archive_does_not_wait_for_it() {
        let (tell, told) = channel();
        let older: Arc<dyn Older> = Arc::new(Told(Mutex::new(told)));
        let mut tail = Aside::begin(Arc::clone(&older), ">", (Sequence(0), Sequence(9))).unwrap();
        let all = 3 * READ_AT_ONCE * AHEAD;
        let reads = async {
            let mut read = Vec::new();
            loop {
                let mut portion = tail.next().await.unwrap();
                if portion.is_empty() {
                    // Whoever was interrupted where it goes on elsewhere asks again.
                    assert_eq!(tail.next().await.unwrap(), []);
                    return read;
                }
                read.append(&mut portion);
            }
        };
        let (read, ()) = tokio::join!(reads, async { tell.send(all).unwrap() });
        let sequences: Vec<_> = read.iter().map(|entry| entry.sequence.0).collect();
        assert_eq!(sequences, (1..=all as u64).collect::<Vec<_>>());

        let looks = aside(move || older.before(Timestamp(0), Sequence(7)));
        let (found, ()) = tokio::join!(looks, async { tell.send(0).unwrap() });
        assert_eq!(found.unwrap(), Sequence(7));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_wrong_with_an_archive_is_told_and_is_not_its_end() {
        let (tell, told) = channel();
        drop(tell);
        let older: Arc<dyn Older> = Arc::new(Told(Mutex::new(told)));
        let mut tail = Aside::begin(older, ">", (Sequence(0), Sequence(9))).unwrap();
        assert!(matches!(tail.next().await, Err(ReadError::Broken(_))));
        assert!(matches!(tail.next().await, Err(ReadError::Broken(_))), "nobody reads any more");
    }
}
