//! The streams that one log consists of.
//!
//! Only the newest is written. Those before it are sealed and listen to a subject of their own, so
//! that the next one can have theirs; what is stored in them keeps its subjects.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{ApiError, call};
use super::codes;
use super::connect::Connection;
use crate::domain::Sequence;
use crate::port::{MissingLog, Older, ReadError};
use crate::wire::Subjects;

/// One stream of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Counted from 1.
    pub number: u32,
    /// Its name.
    pub stream: String,
    /// The first sequence that belongs into it.
    pub first: Sequence,
    /// The last one in it; that before the first while there is none.
    pub last: Sequence,
    /// Whether nothing can be written any more.
    pub closed: bool,
    /// Messages in it.
    pub messages: u64,
    /// Bytes in it.
    pub bytes: u64,
}

/// The streams of a log, oldest first; none when the market has none.
///
/// # Errors
///
/// [`ApiError`].
pub async fn segments(
    connection: &Connection,
    subjects: &Subjects,
) -> Result<Vec<Segment>, ApiError> {
    #[derive(Deserialize)]
    struct Names {
        streams: Option<Vec<String>>,
    }
    let filter = json!({"subject": subjects.every_event()});
    let names: Names = call(connection, "STREAM.NAMES", &filter).await?;
    let mut found = Vec::new();
    for stream in names.streams.unwrap_or_default() {
        let Some(number) = subjects.segment_number(&stream) else { continue };
        found.extend(segment(connection, subjects, number).await?);
    }
    found.sort_by_key(|segment| segment.number);
    // A copy that was told of the end too late may have stored what came behind it.
    let mut before = None::<Sequence>;
    for segment in found.iter_mut().rev() {
        segment.last = before.map_or(segment.last, |next| segment.last.min(next));
        before = Some(Sequence(segment.first.0.saturating_sub(1)));
    }
    Ok(found)
}

/// One stream of a log; none when there is no such stream.
async fn segment(
    connection: &Connection,
    subjects: &Subjects,
    number: u32,
) -> Result<Option<Segment>, ApiError> {
    #[derive(Deserialize)]
    struct Info {
        config: Config,
        state: State,
    }
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        subjects: Vec<String>,
        #[serde(default)]
        sealed: bool,
        #[serde(default)]
        first_seq: u64,
    }
    #[derive(Deserialize)]
    struct State {
        messages: u64,
        bytes: u64,
        last_seq: u64,
    }
    let stream = subjects.segment(number);
    let info = call::<Info>(connection, &format!("STREAM.INFO.{stream}"), &json!({})).await;
    let Info { config, state } = match info {
        Err(ApiError::Refused { code: codes::STREAM_NOT_FOUND, .. }) => return Ok(None),
        info => info?,
    };
    Ok(Some(Segment {
        number,
        stream,
        first: Sequence(config.first_seq.max(1)),
        last: Sequence(state.last_seq),
        closed: config.sealed || !config.subjects.contains(&subjects.commit()),
        messages: state.messages,
        bytes: state.bytes,
    }))
}

/// Ends a stream of a log: from then on nothing is written, and its subjects are free.
///
/// # Errors
///
/// [`ApiError`].
pub async fn close(
    connection: &Connection,
    subjects: &Subjects,
    segment: &Segment,
) -> Result<(), ApiError> {
    let mut config = config(connection, &segment.stream).await?;
    if let Some(fields) = config.as_object_mut() {
        fields.insert("subjects".to_owned(), json!([subjects.parked(segment.number)]));
        // What a copy still had on its way is refused where it would be stored.
        fields.insert("sealed".to_owned(), true.into());
    }
    let function = format!("STREAM.UPDATE.{}", segment.stream);
    call::<Value>(connection, &function, &config).await.map(drop)
}

/// Begins the stream behind a closed one: the settings are the same, and so is the counting.
///
/// # Errors
///
/// [`ApiError`].
pub async fn begin_behind(
    connection: &Connection,
    subjects: &Subjects,
    closed: &Segment,
) -> Result<(), ApiError> {
    let stream = subjects.segment(closed.number.saturating_add(1));
    let mut config = config(connection, &closed.stream).await?;
    if let Some(fields) = config.as_object_mut() {
        fields.insert("name".to_owned(), stream.clone().into());
        let own = [subjects.commit(), format!("{}*", subjects.stock_prefix())];
        fields.insert("subjects".to_owned(), json!(own));
        fields.insert("first_seq".to_owned(), closed.last.next().0.into());
        fields.insert("sealed".to_owned(), false.into());
        // What the server notes there is about the other one.
        fields.remove("metadata");
    }
    call::<Value>(connection, &format!("STREAM.CREATE.{stream}"), &config).await.map(drop)
}

/// Deletes a closed stream with everything in it.
///
/// # Errors
///
/// [`ApiError`].
pub async fn delete(connection: &Connection, closed: &Segment) -> Result<(), ApiError> {
    let function = format!("STREAM.DELETE.{}", closed.stream);
    call::<Value>(connection, &function, &json!({})).await.map(drop)
}

async fn config(connection: &Connection, stream: &str) -> Result<Value, ApiError> {
    let mut info: Value = call(connection, &format!("STREAM.INFO.{stream}"), &json!({})).await?;
    Ok(info.get_mut("config").map(Value::take).unwrap_or_default())
}

/// The streams of one market's log, as far as somebody looked, and what was before them.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) connection: Connection,
    pub(super) subjects: Subjects,
    pub(super) older: Option<Arc<dyn Older>>,
    /// The name of the first stream.
    pub(super) name: String,
    known: Mutex<Vec<Segment>>,
}

impl Segments {
    pub(super) fn of(
        connection: &Connection,
        subjects: &Subjects,
        older: Option<Arc<dyn Older>>,
    ) -> Self {
        let (connection, subjects) = (connection.clone(), subjects.clone());
        let name = subjects.segment(1);
        Self { connection, subjects, older, name, known: Mutex::default() }
    }

    /// Looks which there are.
    pub(super) async fn look(&self) -> Result<Vec<Segment>, ReadError> {
        let refused = |error: ApiError| error.into_read_error(&self.subjects.segment(1));
        let mut found = self.known().clone();
        if let Some(newest) = found.last_mut().filter(|newest| !newest.closed) {
            let now = segment(&self.connection, &self.subjects, newest.number).await;
            if let Some(now) = now.map_err(refused)?.filter(|now| !now.closed) {
                // As long as somebody writes there, there is no other behind it.
                *newest = now;
                self.known().clone_from(&found);
                return Ok(found);
            }
        }
        let found = segments(&self.connection, &self.subjects).await.map_err(refused)?;
        if found.is_empty() {
            return Err(super::log::missing(&self.subjects.segment(1)));
        }
        self.known().clone_from(&found);
        Ok(found)
    }

    /// The first sequence of the stream that is written, as far as somebody looked.
    pub(super) fn first_written(&self) -> Sequence {
        self.known().last().map_or(Sequence::START, |newest| newest.first)
    }

    /// Forgets what is known, because it is no longer so.
    pub(super) fn forget(&self) {
        self.known().clear();
    }

    /// What was before the streams that there are.
    pub(super) fn older(&self, after: Sequence, to: Sequence) -> Result<Arc<dyn Older>, ReadError> {
        self.older.clone().ok_or_else(|| {
            let looked = "in an archive: `archive.dir` names no folder".to_owned();
            ReadError::Broken(MissingLog { first: after.next(), last: to, looked }.into())
        })
    }

    fn known(&self) -> MutexGuard<'_, Vec<Segment>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
