//! From standby to active and back.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::doubt::Doubtful;
use super::fit::{CannotAct, check_clock, check_commands};
use super::intake::{Intake, follow_commands};
use super::machine::Committer;
use super::open::open;
use super::rules::Rules;
use super::state::{NAME, follow, load, read_to_end};
use super::steady::SteadyClock;
use crate::engine::{Candidate, Ended, Error, Machine, drive};
use crate::port::{Arrived, Asks, Clock, Lease, Log, ReadError, Replies, Snapshots, Tail};
use crate::role::let_go::let_go;
use crate::telemetry;
use crate::wire::{Snapshot, Subjects};

/// The world a committer lives in.
#[derive(Clone)]
pub struct Ports<L, K, A, S, C, R> {
    /// The log.
    pub events: L,
    /// The command stream.
    pub commands: L,
    /// Who may be active.
    pub candidate: Candidate<K>,
    /// Requested commands.
    pub asks: A,
    /// Where states are kept.
    pub snapshots: S,
    /// The time.
    pub clock: C,
    /// The way back.
    pub replies: R,
}

/// How a committer is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The names of its market.
    pub subjects: Subjects,
    /// What it goes by.
    pub rules: Rules,
    /// Commands that may wait for their decision. What comes beyond is answered "busy", or stays
    /// in the command stream.
    pub queue: usize,
}

/// Pause before a role that lost its server, or its lease, looks again.
const PAUSE: Duration = Duration::from_millis(250);

/// Is a committer until `stop`.
///
/// # Errors
///
/// See [`CannotAct`]: only what waiting does not mend.
pub async fn run<L, K, A, S, C, R>(
    ports: &Ports<L, K, A, S, C, R>,
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<(), CannotAct>
where
    L: Log,
    K: Lease,
    A: Asks,
    S: Snapshots,
    C: Clock,
    R: Replies + Clone,
{
    loop {
        let mut state = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            state = load((&ports.events, &settings.subjects), &ports.snapshots) => state,
        };
        let acquired = tokio::select! {
            () = stop.cancelled() => None,
            acquired = stand_by(&ports.events, settings, &mut state, &ports.candidate) => {
                Some(acquired)
            }
        };
        let revision = match acquired {
            Some(Ok(revision)) => revision,
            None => {
                let_go(state);
                return Ok(());
            }
            Some(Err(error)) => {
                let_go(state);
                wait_or_fail(error.into()).await?;
                continue;
            }
        };
        let (done, abort) = (CancellationToken::new(), CancellationToken::new());
        let active = async {
            let acted = act(ports, settings, state, (stop, &abort)).await;
            done.cancel();
            if let Some(metrics) = telemetry::metrics() {
                metrics.command_age().nothing();
            }
            acted
        };
        let keep = ports.candidate.keep(revision, &done, &abort);
        let (acted, ()) = tokio::join!(active, keep);
        match acted {
            Ok(Acted::Drained(last)) => {
                // Somebody else may act by now: what is kept here takes seconds when it is large.
                last.keep((&ports.events, &ports.snapshots), &settings.subjects).await;
                return Ok(());
            }
            Ok(Acted::Ended(Ended::Superseded)) => {
                warn!("somebody else writes; standing by");
                if let Some(metrics) = telemetry::metrics() {
                    metrics.fenced("committer");
                }
            }
            Ok(Acted::Ended(Ended::Aborted | Ended::Drained)) => {
                warn!("no longer active; standing by");
            }
            Ok(Acted::Ended(Ended::Lost)) => {}
            Err(error) => wait_or_fail(error).await?,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How a committer acted.
enum Acted {
    /// Until its input ended; everything is in the log.
    Drained(Box<Last>),
    /// Until something else ended it.
    Ended(Ended),
}

/// What a committer that has stopped leaves behind.
pub(super) struct Last {
    pub(super) state: Snapshot,
    /// The snapshot that is being written.
    pub(super) keeping: JoinHandle<()>,
}

impl Last {
    /// Keeps its state, for as long as the process has, and unless somebody else acts by then:
    /// that one keeps its own, and two who keep theirs at once leave bytes behind that nobody
    /// names.
    pub(super) async fn keep(
        self,
        (events, snapshots): (&impl Log, &impl Snapshots),
        subjects: &Subjects,
    ) {
        // One that is being written must not come after this one.
        let _ = self.keeping.await;
        let head = self.state.chain.head;
        let Some(bytes) = packed(self.state).await else { return };
        match events.last(&subjects.commit()).await {
            Ok(Some(last)) if last.sequence == head => {
                save(snapshots, bytes).await;
            }
            Ok(_) => info!("somebody else acts, and keeps the state from now on"),
            Err(error) => not_kept(&error),
        }
    }
}

/// Waiting mends what the server's absence causes; nothing else.
async fn wait_or_fail(error: CannotAct) -> Result<(), CannotAct> {
    match error {
        CannotAct::Engine(Error::Read(ReadError::Unavailable(cause))) => {
            warn!(%cause, "the server is away");
            tokio::time::sleep(PAUSE).await;
            Ok(())
        }
        CannotAct::Engine(_)
        | CannotAct::Clock { .. }
        | CannotAct::CommandsBehind { .. }
        | CannotAct::Reader(_) => Err(error),
    }
}

/// Follows the log until the lease is ours; returns its revision.
async fn stand_by<L: Log, K: Lease>(
    events: &L,
    settings: &Settings,
    state: &mut Snapshot,
    candidate: &Candidate<K>,
) -> Result<u64, Error> {
    let subjects = &settings.subjects;
    read_to_end(events, subjects, state).await?;
    let mut tail = events.follow(&subjects.commit(), state.chain.head).await?;
    let acquired = candidate.acquire();
    tokio::pin!(acquired);
    loop {
        tokio::select! {
            biased;
            revision = &mut acquired => return Ok(revision?),
            entries = tail.next(64) => for entry in entries? {
                follow(events, subjects, state, (entry.sequence, &entry.payload)).await?;
            },
        }
    }
}

/// Opens the market and commits until the input ends or the lease is lost.
async fn act<L, K, A, S, C, R>(
    ports: &Ports<L, K, A, S, C, R>,
    settings: &Settings,
    mut state: Snapshot,
    (stop, abort): (&CancellationToken, &CancellationToken),
) -> Result<Acted, CannotAct>
where
    L: Log,
    K: Lease,
    A: Asks,
    S: Snapshots,
    C: Clock,
    R: Replies + Clone,
{
    let Ports { commands, asks, snapshots, replies, .. } = ports;
    let events = &Doubtful(ports.events.clone());
    let subjects = &settings.subjects;
    let opened = async {
        check_clock(&ports.candidate, &ports.clock).await?;
        // Only a clock that was proved is one to go by.
        let clock = SteadyClock::start(ports.clock.clone(), abort.clone());
        read_to_end(events, subjects, &mut state).await?;
        check_commands(commands, state.chain.position, abort).await?;
        let opened = open(events, subjects, &mut state, &clock, abort).await?;
        Ok(opened.then_some(clock))
    };
    let opened: Result<_, CannotAct> = opened.await;
    let clock = &match opened {
        Ok(Some(clock)) => clock,
        failed => {
            let_go(state);
            return failed.map(|_| Acted::Ended(Ended::Aborted));
        }
    };
    let epoch = state.chain.epoch;
    info!(epoch, number = state.chain.number, orders = state.market.open_orders(), "active");
    let (sender, receiver) = mpsc::channel::<Arrived>(settings.queue);
    let mut intake = Intake(receiver);
    let (keeper, kept) = mpsc::channel(1);
    // Whoever goes away takes the readers along.
    let readers_stop = stop.child_token();
    let _drop_guard = readers_stop.clone().drop_guard();
    let published = {
        let (commands, subjects) = (commands.clone(), subjects.clone());
        let (position, ends) = (state.chain.position, (sender.clone(), readers_stop.clone()));
        // One reader that ends, however it ends, ends the input of both.
        let ended = readers_stop.clone().drop_guard();
        tokio::spawn(async move {
            let _ended = ended;
            follow_commands(&commands, &subjects, position, ends).await
        })
    };
    let requested = {
        let (asks, stop) = (asks.clone(), readers_stop.clone());
        let ended = readers_stop.clone().drop_guard();
        tokio::spawn(async move {
            let _ended = ended;
            asks.serve(sender, stop).await
        })
    };
    let keeping = tokio::spawn(keep_snapshots(snapshots.clone(), kept));
    let rules = settings.rules.clone();
    let outlet = (clock.clone(), replies.clone());
    let mut machine = Committer::new(
        state,
        rules.clone(),
        subjects.clone(),
        outlet.clone(),
        Some(keeper.clone()),
    );
    let ended = loop {
        match drive(&mut machine, &mut intake, events, abort).await {
            Ok(Ended::Lost) => {
                warn!("a commit was lost; deciding again what it held");
                let open_commands = machine.into_open();
                let mut state = load((events, subjects), snapshots).await;
                let opened = open(events, subjects, &mut state, clock, abort).await;
                if !matches!(opened, Ok(true)) {
                    let_go(state);
                    return Ok(opened.map(|_| Acted::Ended(Ended::Aborted))?);
                }
                let (rules, outlet) = (rules.clone(), outlet.clone());
                machine =
                    Committer::new(state, rules, subjects.clone(), outlet, Some(keeper.clone()));
                if let Err(error) = machine.take_in(open_commands).await {
                    break Err(error);
                }
            }
            ended => break ended,
        }
    };
    drop(keeper);
    if !matches!(ended, Ok(Ended::Drained)) {
        let_go(machine);
        return Ok(ended.map(Acted::Ended)?);
    }
    let state = machine.into_state();
    for reader in [published, requested] {
        // A reader that failed ended the input, and its failure is ours.
        if let Err(error) = reader.await.map_err(CannotAct::Reader).and_then(|read| Ok(read?)) {
            let_go(state);
            return Err(error);
        }
    }
    info!(number = state.chain.number, "handing over");
    Ok(Acted::Drained(Box::new(Last { state, keeping })))
}

/// Writes the snapshots it is given, one after the other.
async fn keep_snapshots(snapshots: impl Snapshots, mut kept: mpsc::Receiver<Snapshot>) {
    while let Some(snapshot) = kept.recv().await {
        if let Some(bytes) = packed(snapshot).await {
            save(&snapshots, bytes).await;
        }
    }
}

/// The bytes of a snapshot; none when it cannot be packed.
async fn packed(snapshot: Snapshot) -> Option<Vec<u8>> {
    // Packing a large state takes long enough to keep others waiting.
    let packed = spawn_blocking(move || snapshot.encode()).await;
    let packed = packed.map_err(|error| error.to_string());
    let packed = packed.and_then(|bytes| bytes.map_err(|error| error.to_string()));
    packed.inspect_err(not_kept).ok()
}

async fn save(snapshots: &impl Snapshots, bytes: Vec<u8>) {
    if let Err(error) = snapshots.save(NAME, bytes).await {
        not_kept(&error);
    }
}

fn not_kept(error: &impl std::fmt::Display) {
    warn!(%error, "a snapshot was not kept; the next start folds more of the log");
}
