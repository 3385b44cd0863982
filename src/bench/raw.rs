//! The ceiling: what the server does with batches of nothing in particular.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;

use super::world::World;
use crate::nats::{JsLog, Scratch};
use crate::port::{Batch, Log, Message};

/// The stream that is written.
pub(super) const RAW_STREAM: &str = "KASSA_RAW";

/// Messages in a batch: the most the server takes.
const BATCH: usize = 1_000;

/// Atomic batches of 1,000 messages of 160 bytes, one after the other, for `duration`: messages a
/// second.
///
/// # Errors
///
/// What keeps the stream from being made or written.
pub(super) async fn raw_batch_rate(
    world: &mut World,
    replicas: u64,
    duration: Duration,
) -> anyhow::Result<f64> {
    let connection = &world.connect("bench raw").await?;
    let config = json!({
        "name": RAW_STREAM, "subjects": ["kassa-raw.>"], "storage": "file",
        "num_replicas": replicas, "allow_atomic": true,
    });
    let scratch = Scratch::create(connection, RAW_STREAM, &config).await?;
    // What it is held against is staged there too.
    world.stage();
    let log = JsLog::open(connection, RAW_STREAM.to_owned()).await?;
    let payload = Bytes::from_static(&[0x5a; 160]);
    let message = |number: usize| Message {
        subject: format!("kassa-raw.{number}"),
        payload: payload.clone(),
        ..Message::default()
    };
    let batch = Batch::of((0..BATCH).map(message).collect());
    // The first one pays for what is made only once.
    log.commit(&batch).await?;
    let started = Instant::now();
    let mut messages = 0_u32;
    while started.elapsed() < duration {
        log.commit(&batch).await?;
        messages = messages.saturating_add(u32::try_from(BATCH)?);
    }
    let rate = f64::from(messages) / started.elapsed().as_secs_f64();
    scratch.delete().await?;
    Ok(rate)
}
