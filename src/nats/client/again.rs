//! A command that was published once, sent again as it was.

use async_nats::HeaderMap;

use super::{ASK_TIMEOUT, Client};
use crate::port::{Entry, Unanswered};
use crate::wire::{Encoding, Outcome, headers};

impl Client {
    /// Requests what was published as `entry`, byte for byte, from the source it came from; the
    /// outcomes are of each command in it.
    ///
    /// # Errors
    ///
    /// [`Unanswered`]; `Unknown` says that it may have been decided.
    pub async fn again(&self, entry: &Entry) -> Result<Vec<Outcome>, Unanswered> {
        let subject = self.subjects.ask_instead_of(&entry.subject);
        let subject = subject.ok_or_else(|| {
            Unanswered::Unsendable(format!("{} is no subject of a command", entry.subject).into())
        })?;
        let mut along = HeaderMap::new();
        for name in [headers::CONTENT_TYPE, headers::KASSA_TYPE, headers::TRACEPARENT] {
            if let Some(value) = entry.header(name) {
                along.insert(name, value);
            }
        }
        let reply = self.request(subject, entry.payload.clone(), along, ASK_TIMEOUT).await?;
        // As the committer answers whoever announced none.
        let encoding = entry.header(headers::CONTENT_TYPE).and_then(Encoding::from_content_type);
        let encoding = encoding.unwrap_or(Encoding::Json);
        let one = encoding.read::<Outcome>(&reply.payload).map(|outcome| vec![outcome]);
        one.or_else(|_| encoding.read::<Vec<Outcome>>(&reply.payload))
            .map_err(|error| Unanswered::Unknown(error.into()))
    }
}
