//! The values of a view as they change, wherever the view is read from.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::Failure;
use super::session::Connected;
use crate::domain::Sequence;
use crate::engine::{Aliases, Live, Moves, Watch};
use crate::nats::JsLog;
use crate::port::Log;

type Tail = <JsLog as Log>::Tail;

/// What matches in a view, and every change of it.
pub(super) struct ViewWatch<'a> {
    connected: &'a Connected,
    view: &'static str,
    keys: String,
    aliases: Aliases<JsLog>,
    moves: Moves<Tail>,
    watch: Watch<Tail>,
    /// The last event of each value that was shown: where the view is read from next, it is there
    /// again.
    shown: HashMap<String, u64>,
}

impl<'a> ViewWatch<'a> {
    /// Watches the values under the keys that match.
    ///
    /// # Errors
    ///
    /// When the view cannot be read.
    pub(super) async fn open(
        connected: &'a Connected,
        (view, keys): (&'static str, &str),
    ) -> Result<Self, Failure> {
        let aliases = connected.aliases().await?;
        let live = aliases.live(view).await.map_err(anyhow::Error::from)?;
        let moves = aliases.moves(view, &live).await.map_err(anyhow::Error::from)?;
        let watch = watch(connected, &live, keys).await?;
        let (keys, shown) = (keys.to_owned(), HashMap::new());
        Ok(Self { connected, view, keys, aliases, moves, watch, shown })
    }

    /// Waits for values that were not shown yet.
    ///
    /// # Errors
    ///
    /// When the view cannot be read.
    pub(super) async fn next<V: DeserializeOwned>(&mut self) -> Result<Vec<V>, Failure> {
        loop {
            let values = tokio::select! {
                values = self.watch.next::<Value>() => values.map_err(anyhow::Error::from)?,
                moved = self.moves.away() => {
                    moved.map_err(anyhow::Error::from)?;
                    self.reopen().await?;
                    continue;
                }
            };
            let unseen = values.into_iter().filter_map(|(key, value)| {
                let (value, shown) = (value?, self.shown.entry(key).or_default());
                let event_seq = value.get("event_seq").and_then(Value::as_u64).unwrap_or_default();
                (*shown < event_seq).then(|| {
                    *shown = event_seq;
                    serde_json::from_value(value)
                })
            });
            let unseen: Result<Vec<V>, _> = unseen.collect();
            let unseen = unseen.map_err(anyhow::Error::from)?;
            if !unseen.is_empty() {
                return Ok(unseen);
            }
        }
    }

    async fn reopen(&mut self) -> Result<(), Failure> {
        let live = self.aliases.live(self.view).await.map_err(anyhow::Error::from)?;
        let moves = self.aliases.moves(self.view, &live).await;
        self.moves = moves.map_err(anyhow::Error::from)?;
        self.watch = watch(self.connected, &live, &self.keys).await?;
        Ok(())
    }
}

async fn watch(connected: &Connected, live: &Live, keys: &str) -> Result<Watch<Tail>, Failure> {
    let reader = connected.reader(live.alias.bucket.clone()).await?;
    Ok(reader.watch(keys, Sequence::START).await.map_err(anyhow::Error::from)?)
}
