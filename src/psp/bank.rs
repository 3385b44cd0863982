//! Carries calls out: once for each key, whatever becomes of their answers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use super::asked::{Asked, Done};
use super::books::Books;
use super::chance::Chance;
use super::fault::Fault;
use super::listing::expand;
use super::method::Telling;
use super::outage::Weather;
use super::records::{Line, Open, Saved, What};
use super::render::Render;
use super::settings::Settings;
use super::{intents, refunds};

/// What a call does, as a function of the books.
pub(super) type Work = fn(&Books, &Asked, u64) -> Result<Done, Fault>;

/// An answer on its way.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) should_retry: Option<bool>,
    /// The request that was answered so first, when this is a repetition.
    pub(super) replayed: Option<String>,
    /// The connection is cut instead.
    pub(super) cut: bool,
}

impl Reply {
    pub(super) fn of(answer: Result<Value, Fault>) -> Self {
        let (status, body, should_retry) = match answer {
            Ok(object) => (200, object, None),
            Err(fault) => (fault.status, fault.body(), fault.should_retry),
        };
        Self { status, body: body.to_string(), should_retry, replayed: None, cut: false }
    }

    fn again(saved: &Saved) -> Self {
        Self {
            status: saved.status,
            body: saved.body.clone(),
            // Asked again, it would be told the same.
            should_retry: (500 <= saved.status).then_some(false),
            replayed: Some(saved.request.clone()),
            cut: false,
        }
    }
}

/// How far a call came in one go.
enum Step {
    /// It is carried out.
    Done(Reply, Telling),
    /// It is carried out later.
    Later(std::time::Duration),
}

/// The provider behind its door.
pub(super) struct Bank {
    pub(super) settings: Settings,
    pub(super) weather: Weather,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    chance: Chance,
    books: Mutex<Books>,
    in_flight: Mutex<HashSet<String>>,
    told: Option<UnboundedSender<Value>>,
    /// For tasks that outlive a call.
    me: Weak<Self>,
}

/// A key whose call is under way.
struct Claim<'a> {
    bank: &'a Bank,
    key: String,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        locked(&self.bank.in_flight).remove(&self.key);
    }
}

impl Bank {
    pub(super) fn open(
        settings: Settings,
        books: Books,
        told: Option<UnboundedSender<Value>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            chance: Chance::new(settings.moods.seed),
            settings,
            weather: Weather::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            books: Mutex::new(books),
            in_flight: Mutex::default(),
            told,
        })
    }

    pub(super) fn now_ms(&self) -> u64 {
        (self.settings.clock)()
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        locked(&self.books)
    }

    /// Looks something up.
    pub(super) async fn look(
        &self,
        asked: &Asked,
        work: impl FnOnce(&Books) -> Result<Value, Fault>,
    ) -> Reply {
        let call = self.chance.call();
        if let Err(fault) = self.taken(&call) {
            return Reply::of(Err(fault));
        }
        tokio::time::sleep(self.chance.latency(&self.settings.moods, &call)).await;
        if self.chance.happens(self.settings.moods.errors, "errors", &call) {
            return Reply::of(Err(Fault::internal()));
        }
        let books = self.books();
        let found = work(&books).and_then(|mut object| {
            let resolve = |id: &str| books.object(id);
            expand(&resolve, &mut object, &asked.form.list("expand"))?;
            Ok(object)
        });
        Reply { cut: self.is_lost(&call), ..Reply::of(found) }
    }

    /// Carries a call out, to its end even when its caller is gone.
    pub(super) async fn act(self: Arc<Self>, asked: Asked, work: Work) -> Reply {
        let bank = Arc::clone(&self);
        let acting = self.tasks.spawn(async move {
            let call = bank.chance.call();
            let reply = bank.carry_out(asked, work, &call).await;
            reply.unwrap_or_else(|fault| Reply::of(Err(fault)))
        });
        acting.await.unwrap_or_else(|_| Reply::of(Err(Fault::internal())))
    }

    async fn carry_out(&self, mut asked: Asked, work: Work, call: &[u8]) -> Result<Reply, Fault> {
        self.taken(call)?;
        let claim = match self.claim(&asked)? {
            Ok(claim) => claim,
            Err(reply) => return Ok(Reply { cut: self.is_lost(call), ..reply }),
        };
        asked.unlucky = self.unlucky(asked.key.as_deref().map_or(call, str::as_bytes));
        tokio::time::sleep(self.chance.latency(&self.settings.moods, call)).await;
        let (mut reply, telling) = match self.step(&asked, work, call, false)? {
            Step::Done(reply, telling) => (reply, telling),
            Step::Later(after) => {
                tokio::time::sleep(after).await;
                match self.step(&asked, work, call, true)? {
                    Step::Done(reply, telling) => (reply, telling),
                    Step::Later(_) => return Err(Fault::internal()),
                }
            }
        };
        reply.cut = self.is_lost(call);
        match telling {
            Telling::Silent => reply.cut = true,
            Telling::Slow(after) => tokio::time::sleep(after).await,
            Telling::Answered | Telling::Error | Telling::Late(_) => {}
        }
        drop(claim);
        Ok(reply)
    }

    /// Carries a call out and writes it down, unless it is one for later.
    fn step(&self, asked: &Asked, work: Work, call: &[u8], late: bool) -> Result<Step, Fault> {
        let now_ms = self.now_ms();
        let mut books = self.books();
        let mut done = work(&books, asked, now_ms)?;
        if let (Telling::Late(after), false) = (done.telling, late) {
            return Ok(Step::Later(after));
        }
        if let Ok(object) = &mut done.answer {
            let line = &done.line;
            let resolve = |id: &str| new_object(line, id).or_else(|| books.object(id));
            expand(&resolve, object, &asked.form.list("expand"))?;
        }
        if self.chance.happens(self.settings.moods.errors, "errors", call) {
            // Every other one is carried out: the answer does not tell.
            let carried_out = self.chance.happens(50_000, "errors carried out", call);
            let refused = || Done::refused(now_ms, Fault::internal());
            done = if carried_out { done } else { refused() };
            done.answer = Err(Fault::internal());
        }
        if done.telling == Telling::Error {
            done.answer = Err(Fault::internal());
        }
        let reply = Reply::of(done.answer);
        let mut line = done.line;
        line.key.clone_from(&asked.key);
        line.saved = asked.key.as_ref().map(|_| Saved {
            endpoint: asked.endpoint.clone(),
            fingerprint: asked.form.fingerprint(),
            status: reply.status,
            body: reply.body.clone(),
            request: asked.request.clone(),
        });
        self.book(&mut books, line)?;
        Ok(Step::Done(reply, done.telling))
    }

    /// Writes a line down, tells it, and sees to what it leaves open.
    fn book(&self, books: &mut Books, line: Line) -> Result<(), Fault> {
        let open = left_open(&line);
        let events = books.book(line).map_err(|failure| {
            // Nothing was answered and nothing is applied: the caller may ask again.
            error!("{failure}: {:?}", std::error::Error::source(&failure));
            Fault::internal()
        })?;
        for event in events {
            // Without anybody to tell, nobody is told.
            let _ = self.told.as_ref().map(|told| told.send(event));
        }
        if let Some(open) = open {
            self.settle_later(open);
        }
        Ok(())
    }

    /// Sees to everything that was left open when the provider stopped.
    pub(super) fn settle_rest(&self) {
        let open = self.books().left_open();
        for open in open {
            self.settle_later(open);
        }
    }

    fn settle_later(&self, open: Open) {
        let Some(bank) = self.me.upgrade() else { return };
        self.tasks.spawn(async move {
            tokio::select! {
                () = bank.stop.cancelled() => {}
                () = tokio::time::sleep(bank.settings.settles_after) => {
                    let mut books = bank.books();
                    let line = match &open {
                        Open::Intent(id) => intents::settle(&books, id, bank.now_ms()),
                        Open::Refund(id) => refunds::settle(&books, id, bank.now_ms()),
                    };
                    // A line that cannot be written was logged, and stays open until a restart.
                    let _ = line.map(|line| bank.book(&mut books, line));
                }
            }
        });
    }

    /// Tells the events again that match.
    pub(super) fn tell_again(&self, wanted: impl Fn(&Value) -> bool) -> usize {
        let books = self.books();
        let Some(told) = &self.told else { return 0 };
        let events = books.events().iter().filter(|event| wanted(event));
        events.filter(|event| told.send((*event).clone()).is_ok()).count()
    }

    /// Whether a call is taken at all.
    fn taken(&self, call: &[u8]) -> Result<(), Fault> {
        if self.weather.now().is_some() {
            return Err(Fault::outage());
        }
        if self.chance.happens(self.settings.moods.rate_limited, "rate limited", call) {
            return Err(Fault::busy());
        }
        Ok(())
    }

    fn is_lost(&self, call: &[u8]) -> bool {
        self.chance.happens(self.settings.moods.answers_lost, "answer lost", call)
    }

    /// The code with which a payment is declined by chance, if it is.
    fn unlucky(&self, what: &[u8]) -> Option<String> {
        let moods = &self.settings.moods;
        if !self.chance.happens(moods.declined, "declined", what) {
            return None;
        }
        let code = self.chance.pick(&moods.decline_codes, "code", what);
        Some(code.cloned().unwrap_or_else(|| "generic_decline".to_owned()))
    }

    /// Claims the key of a call, so that it is carried out once. The inner error is the answer
    /// that was given first.
    fn claim(&self, asked: &Asked) -> Result<Result<Option<Claim<'_>>, Reply>, Fault> {
        let Some(key) = &asked.key else { return Ok(Ok(None)) };
        let mut in_flight = locked(&self.in_flight);
        if in_flight.contains(key) {
            return Err(Fault::key_in_use(key));
        }
        let keeps_ms = u64::try_from(self.settings.idempotency.as_millis()).unwrap_or(u64::MAX);
        if let Some(saved) = self.books().kept(key, self.now_ms(), keeps_ms) {
            if saved.endpoint != asked.endpoint {
                let endpoints = (asked.endpoint.as_str(), saved.endpoint.as_str());
                return Err(Fault::key_reused(key, Some(endpoints)));
            }
            if saved.fingerprint != asked.form.fingerprint() {
                return Err(Fault::key_reused(key, None));
            }
            return Ok(Err(Reply::again(saved)));
        }
        in_flight.insert(key.clone());
        Ok(Ok(Some(Claim { bank: self, key: key.clone() })))
    }
}

/// What a line leaves open, if anything.
fn left_open(line: &Line) -> Option<Open> {
    match line.what {
        What::Processing => line.intent.as_ref().and_then(Open::of_intent),
        What::Refund | What::RefundPending => line.refund.as_ref().and_then(Open::of_refund),
        What::Created
        | What::Capture
        | What::Decline
        | What::Action
        | What::Canceled
        | What::RefundFailed
        | What::Refused => None,
    }
}

/// An object that a line is about to bring.
fn new_object(line: &Line, id: &str) -> Option<Value> {
    let is_it = |object: &dyn Render| (object.id() == id).then(|| object.render());
    line.intent
        .as_ref()
        .and_then(|intent| is_it(intent))
        .or_else(|| line.charge.as_ref().and_then(|charge| is_it(charge)))
        .or_else(|| line.refund.as_ref().and_then(|refund| is_it(refund)))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
