//! Bytes and names: how facts and requests look outside this process.
//!
//! Subjects are spelled here and nowhere else. Whatever is written here is read by every later
//! build: a shape changes by a new version with an upcaster, never in place.

mod alias;
mod chain;
mod command;
mod commit;
mod encoding;
mod event;
mod feed;
mod fingerprint;
mod head;
pub mod headers;
mod ledger;
mod milestone;
mod outcome;
mod pack;
mod position;
mod schema;
mod snapshot;
mod subject;
mod timer;
mod verify;

pub use alias::{Alias, Building};
pub use chain::{Chain, Hash};
pub use command::{
    Arrival, COMMAND_BYTES_MAX, COMMANDS_PER_MESSAGE_MAX, Envelope, Outgoing, Received, kassa_type,
    read_commands, write_command, write_commands,
};
pub use commit::{COMMIT_TYPE, Commit, CommitDraft, CommitHead, DecodeError, Mark, UnreadCommit};
pub use encoding::{Encoding, EncodingError};
pub use event::{SHAPES, event_as_json};
pub use feed::feed_message;
pub use fingerprint::fingerprint_of;
pub use head::{Head, HeadError, NoKey, PublicKey, SignedHead, SigningKey};
pub use ledger::Ledger;
pub use milestone::Milestone;
pub use outcome::{Outcome, OutcomeKind};
pub use position::{Position, Reflected};
pub use schema::{PayloadSchema, asyncapi, schemas};
pub use snapshot::{BadSnapshot, FoldError, LOGIC, Snapshot, Unkept};
pub use subject::{InvalidMarketName, MarketName, Subjects};
pub use timer::{RetryDue, rfc3339};
pub use verify::{Certificate, Newer, ReadHead, Stored, Verified, Verifier};
