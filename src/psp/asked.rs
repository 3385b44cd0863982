//! What was asked, and what came of it.

use serde_json::Value;

use super::fault::Fault;
use super::form::Form;
use super::method::Telling;
use super::records::Line;

/// One call, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The name of this request.
    pub(super) request: String,
    /// The address without its query.
    pub(super) endpoint: String,
    /// The object in the address; empty when there is none.
    pub(super) id: String,
    pub(super) form: Form,
    /// The idempotency key.
    pub(super) key: Option<String>,
    /// The code with which a payment is declined by chance, if it is.
    pub(super) unlucky: Option<String>,
}

/// A call that is carried out as soon as its line is written.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) line: Line,
    pub(super) answer: Result<Value, Fault>,
    pub(super) telling: Telling,
}

impl Done {
    /// Nothing came of it, and the same key is told the same again.
    pub(super) fn refused(now_ms: u64, fault: Fault) -> Self {
        Self { line: Line::of_answer(now_ms), answer: Err(fault), telling: Telling::Answered }
    }
}
