//! `kassa doctor`: what the attached server is, and what a power cut would lose.

mod durability;
mod movement;
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

/// How much of a stream may be used before somebody should know. Units: per cent.
const FULL_PERCENT: u64 = 70;

/// Streams that refuse what comes when they are full, instead of forgetting what is old: beside
/// the log.
const FILLS: [&str; 2] = ["COMMANDS", "TIMERS"];

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
        look_at_room(&connected, &mut findings).await?;
        let sync = sync(session).await;
        let (state, text) = durability::of(facts.replicas, &sync);
        findings.add("power cut", state, text);
        movement::look_at_roles(&connected, &mut findings).await?;
        movement::look_at_commands(&connected, &mut findings).await?;
        movement::look_at_views(&connected, &mut findings).await?;
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
    let text = format!("{} messages, {} bytes in the log", facts.messages, facts.bytes);
    findings.add("log", State::Ok, text);
}

/// A stream that is full refuses whatever comes.
async fn look_at_room(connected: &Connected, findings: &mut Findings) -> Result<(), Failure> {
    let mut room = true;
    let others = FILLS.map(|stream| connected.subjects.stream(stream));
    for name in std::iter::once(newest(connected).await?.stream).chain(others) {
        let facts = stream_facts(&connected.connection, &name).await;
        let facts = facts.map_err(anyhow::Error::from)?;
        let used = facts.max_bytes.and_then(|max| facts.bytes.saturating_mul(100).checked_div(max));
        if let Some(percent) = used.filter(|percent| FULL_PERCENT <= *percent) {
            room = false;
            findings.add("room", State::Warn, format!("{name} is {percent} % full"));
        }
    }
    if room {
        let text = format!("no stream is {FULL_PERCENT} % full");
        findings.add("room", State::Ok, text);
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
