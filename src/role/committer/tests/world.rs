//! Everything around the committer, in memory, and senders that insist on an answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::domain::fixtures::T0;
use crate::domain::market::{Intent, Request};
use crate::domain::{CommandId, Market, Policy, Sequence};
use crate::engine::Candidate;
use crate::port::model::{ModelClock, ModelLease, ModelLog, ModelSnapshots};
use crate::port::testing::Dice;
use crate::port::{AnswerTo, Arrived, Asks, Batch, Came, Clock, Log, Message, ReadError, Replies};
use crate::role::committer::{Bounds, CannotAct, Ports, Rules, Settings, run};
use crate::wire::{
    Arrival, Encoding, Outcome, Outgoing, Subjects, headers, kassa_type, read_commands,
    write_command,
};

/// How long an order keeps its stock here: a few seconds of virtual time.
const HOLD: Duration = Duration::from_secs(3);

const LEASE: &str = "main.committer";

/// Requested commands in memory. Those that are handed to a committer that is gone are lost.
#[derive(Clone, Default)]
pub(super) struct ModelAsks {
    waiting: Arc<Mutex<VecDeque<Arrived>>>,
    grown: Arc<Notify>,
}

impl ModelAsks {
    fn push(&self, arrived: Vec<Arrived>) {
        self.waiting.lock().unwrap().extend(arrived);
        self.grown.notify_one();
    }
}

impl Asks for ModelAsks {
    async fn serve(
        &self,
        arrived: mpsc::Sender<Arrived>,
        stop: CancellationToken,
    ) -> Result<(), ReadError> {
        loop {
            let next = self.waiting.lock().unwrap().pop_front();
            let Some(next) = next else {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    () = self.grown.notified() => continue,
                }
            };
            if arrived.send(next).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Answers in memory; one in ten is lost on its way.
#[derive(Clone)]
pub(super) struct ModelReplies {
    told: Arc<Mutex<HashMap<String, Vec<Outcome>>>>,
    dice: Arc<Mutex<Dice>>,
}

impl Replies for ModelReplies {
    fn send(&self, answers: Vec<(AnswerTo, Outcome)>) {
        let mut told = self.told.lock().unwrap();
        for (to, outcome) in answers {
            if !self.dice.lock().unwrap().chance(10) {
                told.entry(to.subject).or_default().push(outcome);
            }
        }
    }
}

/// One market and its surroundings.
#[derive(Clone)]
pub(super) struct World {
    pub(super) events: ModelLog,
    pub(super) commands: ModelLog,
    pub(super) lease: ModelLease,
    pub(super) clock: ModelClock,
    pub(super) subjects: Subjects,
    /// Commits between two snapshots; few, so that there are many.
    pub(super) snapshot_every: u64,
    pub(super) snapshots: ModelSnapshots,
    asks: ModelAsks,
    replies: ModelReplies,
}

/// A committer that was started.
pub(super) struct Instance {
    pub(super) stop: CancellationToken,
    pub(super) task: JoinHandle<Result<(), CannotAct>>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let clock = ModelClock::at(T0);
        let dice = Arc::new(Mutex::new(Dice::new(!seed)));
        Self {
            events: ModelLog::new(clock.clone()),
            commands: ModelLog::new(clock.clone()),
            lease: ModelLease::new(clock.clone(), Duration::from_secs(3)),
            subjects: Subjects::of("main".parse().unwrap()),
            snapshot_every: 7,
            snapshots: ModelSnapshots::default(),
            asks: ModelAsks::default(),
            replies: ModelReplies { told: Arc::default(), dice },
            clock,
        }
    }

    /// Starts a committer beside those there are.
    pub(super) fn start(&self, name: usize) -> Instance {
        self.start_by(name, &self.clock)
    }

    /// Starts one on a machine with a clock of its own.
    pub(super) fn start_by(&self, name: usize, clock: &impl Clock) -> Instance {
        let ports = Ports {
            events: self.events.clone(),
            commands: self.commands.clone(),
            candidate: Candidate {
                lease: self.lease.clone(),
                key: LEASE.to_owned(),
                holder: format!("committer-{name}"),
            },
            asks: self.asks.clone(),
            snapshots: self.snapshots.clone(),
            clock: clock.clone(),
            replies: self.replies.clone(),
        };
        let settings = Settings {
            subjects: self.subjects.clone(),
            rules: Rules {
                policy: Policy { hold: HOLD, ..Policy::default() },
                // Small, so that commits fill up and what does not fit waits.
                bounds: Bounds { commands: 6, bytes: 2_000, skus: 6 },
                decide: Market::decide,
                snapshot_every: self.snapshot_every,
            },
            queue: 16,
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move { run(&ports, &settings, &stopped).await });
        Instance { stop, task }
    }

    /// Has the lease given to whoever wants it, as when its holder hangs.
    pub(super) fn take_lease_away(&self) {
        self.lease.expire(LEASE);
    }

    /// The machine clock and virtual time go alike.
    pub(super) async fn tick(self) {
        let step = Duration::from_millis(10);
        loop {
            tokio::time::sleep(step).await;
            self.clock.advance(step);
        }
    }

    /// Sends a command, asked or published as chance has it, until an answer comes.
    pub(super) async fn insist(
        &self,
        id: CommandId,
        request: &Request,
        dice: &mut Dice,
    ) -> Outcome {
        let Intent::Command(command) = &request.intent else { unreachable!() };
        let encoding = if dice.chance(50) { Encoding::Json } else { Encoding::MessagePack };
        let payload = write_command(&Outgoing { id, command, trace: None }, encoding).unwrap();
        let kassa_type = kassa_type(command.kind());
        let reply_to = format!("_INBOX.{id}");
        for _ in 0..300 {
            if dice.chance(50) {
                let subject = self.subjects.ask(&request.source, command.kind());
                let arrival = Arrival {
                    subject: &subject,
                    content_type: Some(encoding.content_type()),
                    kassa_type: Some(&kassa_type),
                    reply_to: None,
                    traceparent: None,
                    payload: &payload,
                    asked_at: self.clock.now(),
                    command_seq: None,
                };
                let received = read_commands(&arrival, &self.subjects);
                // Alone in its message, it has no part to be told by.
                let came = Came::Asked(0);
                self.asks.push(Arrived::all(received, came, Some((&reply_to, encoding))));
            } else {
                let message = Message {
                    subject: self.subjects.command(&request.source, command.kind()),
                    headers: vec![
                        (headers::CONTENT_TYPE, encoding.content_type().to_owned()),
                        (headers::KASSA_TYPE, kassa_type.clone()),
                        (headers::KASSA_REPLY_TO, reply_to.clone()),
                    ],
                    payload: payload.clone(),
                    ..Message::default()
                };
                let batch = Batch::of(vec![message]);
                self.commands.commit(&batch).await.unwrap();
            }
            if let Some(outcome) = self.answer(&reply_to).await {
                return outcome;
            }
        }
        panic!("{id} is not answered, however often it is sent");
    }

    async fn answer(&self, reply_to: &str) -> Option<Outcome> {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let told = self.replies.told.lock().unwrap();
            if let Some(outcomes) = told.get(reply_to) {
                return outcomes.last().cloned();
            }
        }
        None
    }

    /// Every answer that anybody got.
    pub(super) fn told(&self) -> Vec<Outcome> {
        self.replies.told.lock().unwrap().values().flatten().cloned().collect()
    }

    /// The position up to which published commands are decided, at least.
    pub(super) async fn commands_end(&self) -> Sequence {
        self.commands.end().await.unwrap()
    }
}
