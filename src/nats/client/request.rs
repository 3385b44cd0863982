//! One message, and what comes back.

use std::time::Duration;

use async_nats::{HeaderMap, Message, Request, RequestErrorKind, StatusCode};
use bytes::Bytes;

use super::Client;
use crate::nats::api::violated;
use crate::port::Unanswered;

impl Client {
    pub(super) async fn request(
        &self,
        subject: String,
        payload: Bytes,
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<Message, Unanswered> {
        let request = Request::new().payload(payload).headers(headers).timeout(Some(timeout));
        let nobody = || Unanswered::Unknown("nobody answers for this market just now".into());
        let violations = self.connection.violations();
        let answer = tokio::select! {
            biased;
            answer = self.connection.client.send_request(subject.clone(), request) => answer,
            () = violated(violations, &subject) => return Err(Unanswered::Denied { subject }),
        };
        match answer {
            Ok(message) if message.status == Some(StatusCode::NO_RESPONDERS) => Err(nobody()),
            Ok(message) => Ok(message),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::NoResponders => nobody(),
                RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                    Unanswered::Unsendable(error.into())
                }
                RequestErrorKind::TimedOut | RequestErrorKind::Other => {
                    Unanswered::Unknown(error.into())
                }
            }),
        }
    }
}
