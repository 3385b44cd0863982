//! `kassa doctor`: what the attached server is, and what a power cut would lose.

mod provider;

use serde::Serialize;

use super::codes::Code;
use super::dev::DevState;
use super::failure::Failure;
use super::log::newest;
use super::output::{Show, table};
use super::session::{Connected, Session, connection_options};
use super::streams::planned_as_replicated;
use crate::nats::provision::Change;
use crate::nats::{
    Connection, ConnectionOptions, StreamFacts, SyncFacts, api_level, stream_facts, sync_facts,
};
use crate::port::Log;
use crate::wire::Subjects;

/// How much of a stream may be used before somebody should know. Units: per cent.
const FULL_PERCENT: u64 = 70;

/// One finding.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    finding: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, state: State, finding: impl Into<String>) {
        self.0.push(Finding { check, state, finding: finding.into() });
    }
}

impl Show for Findings {
    fn table(&self) -> String {
        let row = |found: &Finding| {
            let state = match found.state {
                State::Ok => "ok",
                State::Warn => "WARN",
                State::Fail => "FAIL",
            };
            vec![found.check.to_owned(), state.to_owned(), found.finding.clone()]
        };
        table(&["CHECK", "STATE", "FINDING"], self.0.iter().map(row))
    }
}

pub(super) async fn doctor(session: &Session) -> Result<(), Failure> {
    let connected = session.connect().await?;
    let mut findings = Findings(Vec::new());
    look_at_server(&connected, &mut findings).await?;
    provider::look_at_provider(session, &mut findings).await;
    let missing = look_at_streams(session, &connected, &mut findings).await?;
    if !missing {
        let log = newest(&connected).await?.stream;
        let facts = stream_facts(&connected.connection, &log).await.map_err(anyhow::Error::from)?;
        look_at_copies(&facts, &mut findings);
        let sync = sync(session).await;
        look_at_durability(&facts, &sync, &mut findings);
        look_at_roles(&connected, &mut findings).await?;
    }
    session.show(&findings)?;
    match findings.0.iter().find(|found| found.state == State::Fail) {
        Some(found) => Err(Failure::new(Code::CheckFailed, found.finding.clone())),
        None => Ok(()),
    }
}

async fn look_at_server(connected: &Connected, findings: &mut Findings) -> Result<(), Failure> {
    let server = connected.connection.server();
    let trip = connected.connection.round_trip().await;
    let trip = trip.map_or_else(|| "no answer".to_owned(), |trip| format!("{trip:.1?}"));
    let cluster = server.cluster.map_or_else(String::new, |name| format!(", cluster {name}"));
    let text =
        format!("nats-server {} ({}{cluster}), round trip {trip}", server.version, server.name);
    findings.add("server", State::Ok, text);
    let level = api_level(&connected.connection).await.map_err(anyhow::Error::from)?;
    findings.add("api level", State::Ok, format!("{level}, at least 4 is needed"));
    Ok(())
}

/// Says whether the log is missing.
async fn look_at_streams(
    session: &Session,
    connected: &Connected,
    findings: &mut Findings,
) -> Result<bool, Failure> {
    let planned = planned_as_replicated(&connected.connection, &session.config.market).await?;
    let mut missing = false;
    for item in &planned {
        let stream = &item.asset.stream;
        match &item.change {
            Change::None => {}
            Change::Create => {
                missing = true;
                findings.add("streams", State::Fail, format!("{stream} is missing"));
            }
            Change::Update(differences) => {
                let fields: Vec<_> = differences.iter().map(|d| d.field.as_str()).collect();
                let text = format!("{stream} differs from its file in {}", fields.join(", "));
                findings.add("streams", State::Fail, text);
            }
        }
    }
    if planned.iter().all(|item| item.change == Change::None) {
        findings.add("streams", State::Ok, format!("{} as their files say", planned.len()));
    }
    Ok(missing)
}

fn look_at_copies(facts: &StreamFacts, findings: &mut Findings) {
    let replicas = facts.replicas;
    if replicas < 3 {
        let text = format!("{replicas}: a machine that does not come back takes the log with it");
        findings.add("copies", State::Warn, text);
    } else if facts.behind.is_empty() {
        findings.add("copies", State::Ok, format!("{replicas}, all up to date"));
    } else {
        let text = format!("{replicas}, not up to date: {}", facts.behind.join(", "));
        findings.add("copies", State::Warn, text);
    }
    let used = facts.max_bytes.and_then(|max| facts.bytes.saturating_mul(100).checked_div(max));
    match used {
        Some(percent) if FULL_PERCENT <= percent => {
            findings.add("room", State::Warn, format!("the log is {percent} % full"));
        }
        _ => {
            let text = format!("{} messages, {} bytes in the log", facts.messages, facts.bytes);
            findings.add("room", State::Ok, text);
        }
    }
}

/// Says plainly what a power cut would lose.
fn look_at_durability(facts: &StreamFacts, sync: &[SyncFacts], findings: &mut Findings) {
    let lazy: Vec<_> = sync.iter().filter(|server| !server.always).collect();
    let (state, text) = if sync.is_empty() {
        let text = "unknown: only the system account is told (nats.system_user and \
                    nats.system_password). Unless every server has `sync_interval: always`, a \
                    power cut loses acknowledged orders";
        (State::Warn, text.to_owned())
    } else if let Some(server) = lazy.first() {
        let text = if facts.replicas < 3 {
            format!(
                "a power cut loses what was acknowledged in the last {} s, and may lose whole \
                 streams: set `sync_interval: always` on {}",
                server.every_s, server.server
            )
        } else {
            format!(
                "a power cut of one machine loses nothing, one of all machines at once up to \
                 {} s of acknowledged orders: set `sync_interval: always`",
                server.every_s
            )
        };
        (State::Warn, text)
    } else {
        (State::Ok, "a power cut loses nothing that was acknowledged".to_owned())
    };
    findings.add("power cut", state, text);
}

/// The holders of leases: one for each thing that only one process may do at a time.
const ROLES: [&str; 8] =
    ["committer", "orders", "stock", "metrics", "payer", "retry-scheduler", "feed", "attention"];

async fn look_at_roles(connected: &Connected, findings: &mut Findings) -> Result<(), Failure> {
    let leases = connected.bucket_log(Subjects::lease_bucket()).await?;
    let end = connected.events().await?.end().await.map_err(anyhow::Error::from)?;
    for role in ROLES {
        let key = connected.subjects.lease_key(role);
        let subject = Subjects::bucket_key(Subjects::lease_bucket(), &key);
        let entry = leases.last(&subject).await.map_err(anyhow::Error::from)?;
        let holder = entry.as_ref().map(|entry| String::from_utf8_lossy(&entry.payload));
        match holder.filter(|holder| !holder.is_empty()) {
            Some(holder) => findings.add("role", State::Ok, format!("{role}: {holder}")),
            None => findings.add("role", State::Warn, format!("{role}: nobody")),
        }
    }
    provider::look_at_circuits(connected, findings).await?;
    for view in ["orders", "stock"] {
        let reader = connected.view(view).await?;
        let position = reader.position().await.map_err(anyhow::Error::from)?;
        // The last messages of the log may be ledger entries, which no view waits for.
        let text = format!("{view} reflects {position}, the log ends at {end}");
        findings.add("view", State::Ok, text);
    }
    Ok(())
}

/// What the system account says, when we may ask it.
async fn sync(session: &Session) -> Vec<SyncFacts> {
    let nats = &session.config.nats;
    let configured = nats.system_user.clone().zip(nats.system_password.clone());
    let options = match configured {
        Some((user, password)) => ConnectionOptions {
            user: Some(user),
            password: Some(secrecy::ExposeSecret::expose_secret(&password).to_owned()),
            creds: None,
            nkey: None,
            ..connection_options(nats, "kassa doctor")
        },
        // The server of `kassa dev` tells whoever may read its folder.
        None => match DevState::of(&session.environment.folders, &nats.url) {
            Some(dev) => ConnectionOptions {
                user: Some(dev.system_user),
                password: Some(dev.system_password),
                ..connection_options(nats, "kassa doctor")
            },
            None => return Vec::new(),
        },
    };
    match Connection::open(&options).await {
        Ok(system) => sync_facts(&system).await,
        Err(_) => Vec::new(),
    }
}
