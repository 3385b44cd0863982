//! `kassa attention`: what needs a human.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output::{Show, table};
use super::session::Session;
use super::when;
use crate::domain::Sequence;
use crate::port::{Log, Tail};
use crate::view::attention::AttentionItem;

/// Items taken from the stream at once.
const READ_AT_ONCE: usize = 256;

#[derive(Debug, Subcommand)]
pub(super) enum AttentionCommand {
    /// Show every item, oldest first
    List,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Items(Vec<AttentionItem>);

impl Show for Items {
    fn table(&self) -> String {
        let row = |item: &AttentionItem| {
            vec![
                when::written(item.raised_at_ms),
                item.kind.clone(),
                item.id.clone(),
                item.source.clone(),
                item.reason.clone(),
            ]
        };
        table(&["RAISED", "KIND", "ABOUT", "SOURCE", "REASON"], self.0.iter().map(row))
    }
}

pub(super) async fn attention(session: &Session, command: AttentionCommand) -> Result<(), Failure> {
    let AttentionCommand::List = command;
    let connected = session.connect().await?;
    let log = connected.stream("ATTENTION").await?;
    let filter = connected.subjects.every_attention();
    let mut tail = log.follow(&filter, Sequence::START).await.map_err(anyhow::Error::from)?;
    let position = connected.subjects.attention_position();
    let mut items = Vec::new();
    while 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await.map_err(anyhow::Error::from)? {
            if entry.subject != position {
                items.push(serde_json::from_slice(&entry.payload).map_err(anyhow::Error::from)?);
            }
        }
    }
    session.show(&Items(items))
}
