//! From a request to what happens because of it.

use super::{Market, Settled, attention};
use crate::domain::event::CommandRejected;
use crate::domain::order::{Answer, Order};
use crate::domain::{
    Address, Command, CommandId, Event, Fingerprint, OrderId, Policy, RecordPayment, Recorded,
    Refusal, Sequence, Sku, Source, Text, Timestamp, TraceParent,
};

/// The only source whose word about money is taken.
const PAYER: &str = "payer";

/// A command as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its id, when it could be read.
    pub id: Option<CommandId>,
    /// Who sent it.
    pub source: Source,
    /// When it arrived: the time of its message, or the committer's clock for a request.
    pub asked_at: Timestamp,
    /// What its body was.
    pub body: Option<Fingerprint>,
    /// The trace it came in, when somebody keeps it.
    pub trace: Option<TraceParent>,
    /// Its place in the command stream, when it was published there.
    pub command_seq: Option<Sequence>,
    /// What is wanted.
    pub intent: Intent,
}

/// What a message asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// A command.
    Command(Command),
    /// Nothing that could be understood; it is refused, and its refusal recorded.
    Unusable {
        /// The type that was announced.
        kind: Text,
        /// What is wrong with it.
        refusal: Refusal,
    },
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Append these, all or none. A refusal is recorded too.
    Append {
        /// What is appended; at least one.
        records: Vec<Recorded>,
        /// The refusal, when it is one.
        refusal: Option<Refusal>,
    },
    /// Decided before, or so already: append nothing, answer as it was answered.
    Repeated {
        /// Where the outcome stands.
        at: Address,
        /// The refusal, when it was one.
        refusal: Option<Refusal>,
    },
}

/// How one command ends.
pub(super) enum Outcome {
    Append(Vec<Event>),
    Repeated(Address, Option<Refusal>),
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Append(events) => Self::Append(events),
            Answer::AlreadyApplied(at) => Self::Repeated(at, None),
        }
    }
}

/// Why a command was refused, and on what record.
pub(super) enum No {
    /// A `command_rejected` under its own id.
    Refused(Refusal),
    /// The id itself is at fault, so the refusal is recorded under none.
    BadId(Refusal),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Market {
    /// Decides a request at the moment `now`. Changes nothing: what it led to has to be evolved.
    #[must_use]
    pub fn decide(&self, request: &Request, now: Timestamp, policy: &Policy) -> Verdict {
        let decided = self.settled(request, now).unwrap_or_else(|| match &request.intent {
            Intent::Command(command) => self.decide_command(request, command, now, policy),
            Intent::Unusable { refusal, .. } => Err(No::Refused(refusal.clone())),
        });
        let (cause, event, refusal) = match decided {
            Ok(Outcome::Repeated(at, refusal)) => return Verdict::Repeated { at, refusal },
            Ok(Outcome::Append(events)) => {
                let refusal = match events.first() {
                    Some(Event::OrderRejected(rejected)) => Some(rejected.refusal.clone()),
                    _ => None,
                };
                return Verdict::Append { records: record(request, request.id, events), refusal };
            }
            Err(No::Refused(refusal)) => (request.id, rejected(request, &refusal), refusal),
            Err(No::BadId(refusal)) => (None, rejected(request, &refusal), refusal),
        };
        Verdict::Append { records: record(request, cause, vec![event]), refusal: Some(refusal) }
    }

    /// What the hold of an overdue order ending leads to.
    #[must_use]
    pub fn expire(&self, order_id: OrderId, source: &Source) -> Vec<Recorded> {
        let events =
            self.orders.get(&order_id).map_or_else(Vec::new, |order| order.expire(order_id));
        let unasked = |event| Recorded {
            event,
            cause: None,
            source: source.clone(),
            body: None,
            trace: None,
        };
        events.into_iter().map(unasked).collect()
    }

    /// The answer of a command that was decided before, or whose id cannot be used.
    fn settled(&self, request: &Request, now: Timestamp) -> Option<Result<Outcome, No>> {
        let id = request.id?;
        if let Some(no) = bad_age("command_id", id.made_at(), (request.asked_at, now)) {
            return Some(Err(No::BadId(no)));
        }
        let settled = self.memory.commands.get(&id)?;
        Some(same_body("command_id", settled, request).map_err(No::BadId))
    }

    fn decide_command(
        &self,
        request: &Request,
        command: &Command,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Outcome, No> {
        match command {
            Command::ListSku(list) => self.list_sku(list),
            Command::RepriceSku(reprice) => self.reprice_sku(reprice),
            Command::DelistSku(delist) => self.delist_sku(delist),
            Command::ReceiveStock(receive) => self.receive_stock(receive),
            Command::AdjustStock(adjust) => self.adjust_stock(adjust),
            Command::CountStock(count) => self.count_stock(count),
            Command::PlaceOrder(place) => self.place_order(request, place, now, policy),
            Command::RecordPayment(record) => self.record_payment(request, record, now, policy),
            Command::ChangePaymentMethod(change) => {
                Ok(self.known(change.order_id)?.change_payment_method(change)?.into())
            }
            Command::CancelOrder(cancel) => {
                Ok(self.known(cancel.order_id)?.cancel(cancel, now)?.into())
            }
            Command::FulfilOrder(fulfil) => Ok(self.known(fulfil.order_id)?.fulfil(fulfil)?.into()),
            Command::RefundOrder(refund) => {
                Ok(self.known(refund.order_id)?.refund(refund, now)?.into())
            }
            Command::RecordRefund(record) => {
                payer_only(request)?;
                let order = self.known(record.order_id)?;
                Ok(order.record_refund(record, now, policy)?.into())
            }
            Command::ReturnLines(back) => Ok(self.known(back.order_id)?.take_back(back)?.into()),
            Command::ReportFinding(report) => Ok(attention::reported(report)),
            Command::ResolveAttention(resolve) => self.resolve_attention(resolve, now),
        }
    }

    fn record_payment(
        &self,
        request: &Request,
        record: &RecordPayment,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Outcome, No> {
        payer_only(request)?;
        let is_there = |sku: &Sku, quantity| {
            self.items.get(sku).is_some_and(|item| item.stock.can_promise(quantity))
        };
        let order = self.known(record.order_id)?;
        Ok(order.record_payment(record, (now, policy), is_there)?.into())
    }

    pub(super) fn known(&self, order_id: OrderId) -> Result<&Order, Refusal> {
        self.orders.get(&order_id).ok_or(Refusal::UnknownOrder)
    }
}

fn payer_only(request: &Request) -> Result<(), Refusal> {
    if request.source.as_str() == PAYER {
        return Ok(());
    }
    Err(Refusal::Forbidden { source_name: Text::lossy(request.source.as_str()) })
}

/// Whether an id's age allows it to be used: older ones are no longer remembered.
///
/// A published command may have waited in its stream, and what was remembered when it arrived may
/// be forgotten by now: it is as old as it is when it is decided.
pub(super) fn bad_age(
    field: &str,
    made_at: Timestamp,
    (asked_at, now): (Timestamp, Timestamp),
) -> Option<Refusal> {
    let age = now.max(asked_at).since(made_at);
    if Policy::WINDOW < age {
        return Some(Refusal::StaleId {
            field: Text::lossy(field),
            age_hours: age.as_secs() / 3600,
            limit_hours: Policy::WINDOW.as_secs() / 3600,
        });
    }
    (asked_at.after(Policy::SKEW_MAX) < made_at).then(|| {
        let ahead = made_at.since(asked_at).as_secs();
        let limit = Policy::SKEW_MAX.as_secs();
        Refusal::invalid(field, &format!("is {ahead} s in the future, at most {limit} s allowed"))
    })
}

/// The answer given before, when the body is the same.
pub(super) fn same_body(
    field: &str,
    settled: &Settled,
    request: &Request,
) -> Result<Outcome, Refusal> {
    if settled.body == request.body {
        return Ok(Outcome::Repeated(settled.at, settled.refusal.as_deref().cloned()));
    }
    Err(Refusal::IdConflict { field: Text::lossy(field) })
}

fn rejected(request: &Request, refusal: &Refusal) -> Event {
    let kind = match &request.intent {
        Intent::Command(command) => Text::lossy(command.kind().name()),
        Intent::Unusable { kind, .. } => kind.clone(),
    };
    let command_seq = request.command_seq.map(|sequence| sequence.0);
    Event::CommandRejected(CommandRejected { kind, refusal: refusal.clone(), command_seq })
}

/// The events with their cause; the first one also says what was asked.
fn record(request: &Request, cause: Option<CommandId>, events: Vec<Event>) -> Vec<Recorded> {
    let mut body = cause.and(request.body);
    let mut recorded = |event| Recorded {
        event,
        cause,
        source: request.source.clone(),
        body: body.take(),
        trace: request.trace.clone(),
    };
    events.into_iter().map(&mut recorded).collect()
}
