//! What a server is, and what it really promises.

use std::time::Duration;

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{ApiError, call};
use super::connect::Connection;

/// How long servers have to answer a question that goes to all of them.
const EVERYBODY: Duration = Duration::from_millis(750);

/// The server we are connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The cluster it is in, when it is in one.
    pub cluster: Option<String>,
    /// The largest message it takes. Units: bytes.
    pub max_payload: usize,
}

/// How a stream is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamFacts {
    /// How many servers keep it.
    pub replicas: u64,
    /// The server that writes it, when it is kept by several.
    pub leader: Option<String>,
    /// Servers that keep it and are not up to date now.
    pub behind: Vec<String>,
    /// Messages in it.
    pub messages: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// The most bytes it may have; none when only the disk limits it.
    pub max_bytes: Option<u64>,
}

/// When one server calls a write durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncFacts {
    /// The server.
    pub server: String,
    /// Whether every write is on the disk before it is acknowledged.
    pub always: bool,
    /// Otherwise, how often it is brought there. Units: seconds.
    pub every_s: u64,
}

impl Connection {
    /// The server we are connected to.
    #[must_use]
    pub fn server(&self) -> ServerFacts {
        let info = self.client.server_info();
        ServerFacts {
            name: info.server_name.clone(),
            version: info.version.clone(),
            cluster: info.cluster.clone(),
            max_payload: info.max_payload,
        }
    }

    /// How long a question and its answer take.
    pub async fn round_trip(&self) -> Option<Duration> {
        let asked = tokio::time::Instant::now();
        self.client.flush().await.ok()?;
        Some(asked.elapsed())
    }
}

/// How a stream is kept.
///
/// # Errors
///
/// [`ApiError`].
pub async fn stream_facts(connection: &Connection, stream: &str) -> Result<StreamFacts, ApiError> {
    #[derive(Deserialize)]
    struct Info {
        config: Config,
        state: State,
        cluster: Option<Cluster>,
    }
    #[derive(Deserialize)]
    struct Config {
        num_replicas: u64,
        max_bytes: i64,
    }
    #[derive(Deserialize)]
    struct State {
        messages: u64,
        bytes: u64,
    }
    #[derive(Deserialize)]
    struct Cluster {
        leader: Option<String>,
        #[serde(default)]
        replicas: Vec<Peer>,
    }
    #[derive(Deserialize)]
    struct Peer {
        name: String,
        #[serde(default)]
        current: bool,
        #[serde(default)]
        offline: bool,
    }
    let Info { config, state, cluster } =
        call(connection, &format!("STREAM.INFO.{stream}"), &json!({})).await?;
    let (leader, peers) =
        cluster.map_or((None, Vec::new()), |found| (found.leader, found.replicas));
    let behind = peers.into_iter().filter(|peer| !peer.current || peer.offline);
    Ok(StreamFacts {
        replicas: config.num_replicas,
        leader,
        behind: behind.map(|peer| peer.name).collect(),
        messages: state.messages,
        bytes: state.bytes,
        max_bytes: u64::try_from(config.max_bytes).ok(),
    })
}

/// When each server calls a write durable. Only the system account is told: for any other the
/// list is empty.
pub async fn sync_facts(system: &Connection) -> Vec<SyncFacts> {
    let inbox = system.client.new_inbox();
    let Ok(mut answers) = system.client.subscribe(inbox.clone()).await else { return Vec::new() };
    let asked =
        system.client.publish_with_reply("$SYS.REQ.SERVER.PING.JSZ", inbox, "{}".into()).await;
    let mut facts = Vec::new();
    if asked.is_err() {
        return facts;
    }
    let deadline = tokio::time::Instant::now() + EVERYBODY;
    while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, answers.next()).await {
        let Ok(answer) = serde_json::from_slice::<Value>(&answer.payload) else { continue };
        let text = |path| answer.pointer(path).and_then(Value::as_str).map(ToOwned::to_owned);
        let Some(config) = answer.pointer("/data/config") else { continue };
        let nanos = config.get("sync_interval").and_then(Value::as_u64).unwrap_or_default();
        facts.push(SyncFacts {
            server: text("/server/name").unwrap_or_default(),
            always: config.get("sync_always").and_then(Value::as_bool).unwrap_or_default(),
            every_s: Duration::from_nanos(nanos).as_secs(),
        });
    }
    facts.sort_by(|one, other| one.server.cmp(&other.server));
    facts
}
