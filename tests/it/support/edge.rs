//! An edge service of another language, for all we know.

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use kassa::domain::CommandKind;
use kassa::wire::{Encoding, Outgoing, Subjects, headers, kassa_type, write_commands};

use super::buyers::Buyer;
use super::shop::Shop;

/// An edge that speaks NATS and nothing of ours.
pub(crate) struct Edge {
    pub(crate) nats: async_nats::Client,
    pub(crate) subjects: Subjects,
    pub(crate) encoding: Encoding,
}

impl Edge {
    pub(crate) async fn of(shop: &Shop, encoding: Encoding) -> Self {
        let nats = async_nats::connect(shop.nats.url()).await.unwrap();
        Self { nats, subjects: shop.subjects.clone(), encoding }
    }

    pub(crate) fn headers(&self, kind: CommandKind) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(headers::CONTENT_TYPE, self.encoding.content_type());
        headers.insert(headers::KASSA_TYPE, kassa_type(kind));
        headers
    }

    pub(crate) fn place(&self, buyers: &[Buyer]) -> Bytes {
        let outgoing: Vec<_> = buyers
            .iter()
            .map(|buyer| Outgoing { id: buyer.id, command: &buyer.command, trace: None })
            .collect();
        write_commands(&outgoing, self.encoding).unwrap()
    }

    pub(crate) async fn request(&self, payload: Bytes) -> Message {
        self.request_with(payload, self.headers(CommandKind::PlaceOrder)).await
    }

    /// Requests with headers of the test's own.
    pub(crate) async fn request_with(&self, payload: Bytes, headers: HeaderMap) -> Message {
        let subject = self.subjects.ask(&"web".parse().unwrap(), CommandKind::PlaceOrder);
        self.nats.request_with_headers(subject, headers, payload).await.unwrap()
    }

    /// Publishes; returns the command's place and where its outcome will come.
    pub(crate) async fn publish(
        &self,
        payload: Bytes,
        headers: HeaderMap,
    ) -> (u64, async_nats::Subscriber) {
        let mut headers = headers;
        let inbox = self.nats.new_inbox();
        let outcomes = self.nats.subscribe(inbox.clone()).await.unwrap();
        headers.insert(headers::KASSA_REPLY_TO, inbox.as_str());
        let subject = self.subjects.command(&"web".parse().unwrap(), CommandKind::PlaceOrder);
        let stream = async_nats::jetstream::new(self.nats.clone());
        let stored = stream.publish_with_headers(subject, headers, payload).await.unwrap();
        (stored.await.unwrap().sequence, outcomes)
    }
}
