//! Every copy of a stream, server by server.
//!
//! A consumer of one replica lives on one server and reads that server's copy. The cluster says
//! where it has put it and takes no wish, so consumers are made until every server has had one.

use std::collections::BTreeMap;

use async_nats::jetstream::consumer::{Consumer, DeliverPolicy, pull};
use futures::StreamExt;

use super::connect::Connection;
use super::log::millis;
use super::tail::{consumer, pairs};
use crate::domain::Sequence;
use crate::port::{Entry, ReadError, Tail};

/// Consumers that are made for each server at most. The cluster draws lots: with three servers
/// the chance to miss one so often is below one in a million.
const TRIES: usize = 40;

/// Messages asked for at once from each server.
const PULL_MESSAGES: usize = 1_024;

/// One server's copy of a stream, from its first message on.
pub struct JsCopy {
    // Kept as long as it is read.
    _consumer: Consumer<pull::Config>,
    messages: pull::Stream,
    remaining: u64,
}

/// Every server that keeps a stream, with its own copy.
///
/// # Errors
///
/// See [`ReadError`]; `Unavailable` when a server cannot be read now.
pub async fn copies(
    connection: &Connection,
    stream: &str,
) -> Result<Vec<(String, JsCopy)>, ReadError> {
    let context = &connection.jetstream;
    let unavailable = |error: crate::port::BoxError| ReadError::Unavailable(error);
    let info = context.get_stream(stream).await.map_err(|error| unavailable(error.into()))?;
    let cluster = info.cached_info().cluster.clone();
    let mut missing: Vec<String> = match cluster {
        Some(cluster) if cluster.name.is_some() => {
            let others = cluster.replicas.into_iter().map(|peer| peer.name);
            cluster.leader.into_iter().chain(others).collect()
        }
        // A server that is alone names no cluster.
        Some(_) | None => vec![connection.server().name],
    };
    let (all, alone) = (missing.len(), missing.len() == 1);
    let mut placed = BTreeMap::new();
    for _ in 0..all.saturating_mul(TRIES) {
        if missing.is_empty() {
            break;
        }
        let made = consumer(context, stream, ">", DeliverPolicy::All).await?;
        let server = server_of(&made).filter(|_| !alone).or_else(|| missing.first().cloned());
        let place = server.and_then(|server| missing.iter().position(|name| *name == server));
        let Some(place) = place else {
            let name = &made.cached_info().name;
            // It goes by itself when this does not arrive.
            let _ = info.delete_consumer(name).await;
            continue;
        };
        placed.insert(missing.remove(place), made);
    }
    if !missing.is_empty() {
        let why = format!("no reader can be placed on {}", missing.join(", "));
        return Err(unavailable(why.into()));
    }
    let mut copies = Vec::new();
    for (server, made) in placed {
        copies.push((server, JsCopy::open(made).await?));
    }
    Ok(copies)
}

/// Where the cluster has put a consumer.
fn server_of(made: &Consumer<pull::Config>) -> Option<String> {
    made.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone())
}

impl JsCopy {
    async fn open(consumer: Consumer<pull::Config>) -> Result<Self, ReadError> {
        let remaining = consumer.cached_info().num_pending;
        let messages = consumer.stream().max_messages_per_batch(PULL_MESSAGES).messages();
        let messages = messages.await.map_err(|error| ReadError::Unavailable(error.into()))?;
        Ok(Self { _consumer: consumer, messages, remaining })
    }
}

impl Tail for JsCopy {
    async fn next(&mut self, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::new();
        // At most what the server was asked for comes without a pause.
        while entries.len() < limit.min(PULL_MESSAGES) {
            let message = if entries.is_empty() {
                self.messages.next().await
            } else {
                let ready = tokio::task::unconstrained(self.messages.next());
                match futures::FutureExt::now_or_never(ready) {
                    Some(message) => message,
                    None => break,
                }
            };
            let gone = || ReadError::Unavailable("the reader of a copy is gone".into());
            let message = message.ok_or_else(gone)?;
            let message = message.map_err(|error| ReadError::Unavailable(error.into()))?;
            let info = message.info().map_err(ReadError::Unavailable)?;
            let (sequence, time) = (Sequence(info.stream_sequence), millis(info.published));
            self.remaining = info.pending;
            let async_nats::Message { subject, headers, payload, .. } = message.message;
            let headers = headers.as_ref().map(pairs).unwrap_or_default();
            let subject = subject.to_string();
            entries.push(Entry { sequence, subject, time, headers, payload });
        }
        Ok(entries)
    }

    fn remaining(&self) -> u64 {
        self.remaining
    }
}
