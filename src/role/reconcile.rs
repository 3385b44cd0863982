//! Holding a provider's list against the log: every sum that moved there was recorded here, and
//! the other way round.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{Amount, Currency, Event, OrderId, Sequence, Timestamp, Token};
use crate::port::{Gateway, GatewayError, Log, Moved, Movement, Page, ReadError, Tail};
use crate::wire::{Commit, Subjects, UnreadCommit};

/// How far beyond the period both sides are read: what moved in it may have been recorded a day
/// later, when its outcome was unknown.
const SLACK: Duration = Duration::from_secs(25 * 60 * 60);

/// Pauses before a part of the list is asked for again: most answers that are lost are lost once.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Entries taken from the log at once.
const READ_AT_ONCE: usize = 256;

/// From when until before when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment in it.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Period {
    fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    fn wider(self) -> Self {
        Self { from: self.from.before(SLACK), until: self.until.after(SLACK) }
    }
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// The provider.
    pub connector: Token,
    /// From when.
    pub from_ms: Timestamp,
    /// Until before when.
    pub until_ms: Timestamp,
    /// Payments of the period that both sides have.
    pub payments: u64,
    /// Refunds of the period that both sides have.
    pub refunds: u64,
    /// What is not alike, in the order of time.
    pub differences: Vec<Difference>,
}

/// Something that is not alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What is wrong.
    pub kind: DifferenceKind,
    /// `payment` or `refund`.
    pub movement: &'static str,
    /// The provider's name for it.
    pub provider_ref: Token,
    /// When, by whoever has it.
    pub at_ms: Timestamp,
    /// What the log says; nothing when it is missing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<Sum>,
    /// What the provider says; nothing when it is missing there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Sum>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// In the log, and not at the provider.
    Missing,
    /// At the provider, and not in the log.
    Extra,
    /// At both, and not the same.
    Different,
}

/// A sum, and the order it was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// The order, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Units: minor units of `currency`.
    pub amount_minor: Amount,
    /// In which currency.
    pub currency: Currency,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// A commit cannot be understood.
    #[error(transparent)]
    Commit(#[from] UnreadCommit),
    /// The provider does not give its list.
    #[error("the provider does not give its list")]
    Provider(#[from] GatewayError),
}

/// By movement and the provider's name.
type Side = BTreeMap<(Movement, Token), (Timestamp, Sum)>;

/// Compares what moved in a period.
///
/// # Errors
///
/// See [`ReconcileError`]. A difference is no error.
pub async fn reconcile<L: Log, G: Gateway>(
    (log, subjects): (&L, &Subjects),
    gateway: &G,
    period: Period,
) -> Result<Reconciled, ReconcileError> {
    let connector = gateway.connector();
    // The provider first: what moves meanwhile is in the log by the time that is read.
    let theirs = listed(gateway, period.wider()).await?;
    let ours = recorded((log, subjects), &connector, period.wider()).await?;
    Ok(compare(connector, period, (&ours, &theirs)))
}

async fn listed<G: Gateway>(gateway: &G, period: Period) -> Result<Side, GatewayError> {
    let (mut side, mut after) = (Side::new(), None::<String>);
    loop {
        let page = insist(gateway, period, after.as_deref()).await?;
        for line in page.lines {
            let Moved { movement, provider_ref, order_id, amount, currency, at } = line;
            let sum = Sum { order_id, amount_minor: amount, currency };
            side.insert((movement, provider_ref), (at, sum));
        }
        after = page.next;
        if after.is_none() {
            return Ok(side);
        }
    }
}

/// A part of the list. One answer that does not come is no reason to begin again.
async fn insist<G: Gateway>(
    gateway: &G,
    period: Period,
    after: Option<&str>,
) -> Result<Page, GatewayError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        match gateway.list(period.from, period.until, after).await {
            Err(error @ (GatewayError::Unavailable(_) | GatewayError::Unreachable(_))) => {
                let pause = pauses.next().ok_or(error)?;
                tokio::time::sleep(pause).await;
            }
            answered => return answered,
        }
    }
}

async fn recorded<L: Log>(
    (log, subjects): (&L, &Subjects),
    connector: &Token,
    period: Period,
) -> Result<Side, ReconcileError> {
    let (side, refunds) = (Side::new(), BTreeMap::new());
    let mut heard = Heard { period, connector: connector.clone(), side, refunds };
    let mut tail = log.follow(&subjects.commit(), Sequence::START).await?;
    while 0 < tail.remaining() {
        for entry in tail.next(READ_AT_ONCE).await? {
            let commit = Commit::decode_at(entry.sequence, &entry.payload)?;
            for record in &commit.events {
                heard.hear(&record.event, commit.head.at);
            }
        }
    }
    Ok(heard.side)
}

/// What the log says moved in a period.
struct Heard {
    period: Period,
    connector: Token,
    side: Side,
    /// The provider's names for refunds, by order and number.
    refunds: BTreeMap<(OrderId, u16), Token>,
}

impl Heard {
    fn hear(&mut self, event: &Event, at: Timestamp) {
        let in_period = self.period.holds(at);
        if let Event::PaymentCaptured(e) = event
            && in_period
            && e.connector == self.connector
        {
            let key = (Movement::Captured, e.provider_ref.clone());
            self.put(key, at, (e.order_id, e.amount_minor, e.currency));
        } else if let Event::PaymentRefunded(e) = event
            && in_period
            && e.connector == self.connector
        {
            self.refunds.insert((e.order_id, e.refund), e.provider_ref.clone());
            let key = (Movement::Refunded, e.provider_ref.clone());
            self.put(key, at, (e.order_id, e.amount_minor, e.currency));
        } else if let Event::RefundFailed(e) = event
            && let Some(provider_ref) = self.refunds.remove(&(e.order_id, e.refund))
        {
            // It came back, whenever: the provider's list does not have it any more.
            self.side.remove(&(Movement::Refunded, provider_ref));
        }
    }

    fn put(
        &mut self,
        key: (Movement, Token),
        at: Timestamp,
        (order_id, amount_minor, currency): (OrderId, Amount, Currency),
    ) {
        let sum = Sum { order_id: Some(order_id), amount_minor, currency };
        self.side.insert(key, (at, sum));
    }
}

fn compare(connector: Token, period: Period, (ours, theirs): (&Side, &Side)) -> Reconciled {
    let mut reconciled = Reconciled {
        connector,
        from_ms: period.from,
        until_ms: period.until,
        payments: 0,
        refunds: 0,
        differences: Vec::new(),
    };
    for (key, (at, sum)) in theirs {
        let known = ours.get(key);
        let kind = match known {
            Some((_, same)) if is_same(same, sum) => {
                reconciled.count(key.0, period.holds(*at));
                continue;
            }
            Some(_) => DifferenceKind::Different,
            None => DifferenceKind::Extra,
        };
        let found = (known.map(|(_, ours)| ours.clone()), Some(sum.clone()));
        reconciled.tell((period, *at), kind, key, found);
    }
    for (key, (at, sum)) in ours.iter().filter(|(key, _)| !theirs.contains_key(key)) {
        let found = (Some(sum.clone()), None);
        reconciled.tell((period, *at), DifferenceKind::Missing, key, found);
    }
    reconciled.differences.sort_by_key(|difference| difference.at_ms);
    reconciled
}

/// A provider that was not told the order cannot contradict it.
fn is_same(ours: &Sum, theirs: &Sum) -> bool {
    ours.amount_minor == theirs.amount_minor
        && ours.currency == theirs.currency
        && (theirs.order_id.is_none() || theirs.order_id == ours.order_id)
}

impl Reconciled {
    const fn count(&mut self, movement: Movement, in_period: bool) {
        let count = match movement {
            _ if !in_period => return,
            Movement::Captured => &mut self.payments,
            Movement::Refunded => &mut self.refunds,
        };
        *count = count.saturating_add(1);
    }

    fn tell(
        &mut self,
        (period, at): (Period, Timestamp),
        kind: DifferenceKind,
        (movement, provider_ref): &(Movement, Token),
        (ours, theirs): (Option<Sum>, Option<Sum>),
    ) {
        if !period.holds(at) {
            return;
        }
        let movement = match movement {
            Movement::Captured => "payment",
            Movement::Refunded => "refund",
        };
        let (provider_ref, at_ms) = (provider_ref.clone(), at);
        self.differences.push(Difference { kind, movement, provider_ref, at_ms, ours, theirs });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{
        T0, amount, currency, hours, order, refund_fails, refunded, token,
    };
    use crate::domain::payment::DeclineClass;

    fn side(rows: &[(&str, u64, u64)]) -> Side {
        let row = |(name, minor, hour): &(&str, u64, u64)| {
            let order_id = Some(order(1));
            let sum = Sum { order_id, amount_minor: amount(*minor), currency: currency("EUR") };
            ((Movement::Captured, token(name)), (T0.after(hours(*hour)), sum))
        };
        rows.iter().map(row).collect()
    }

    /// What is told of the first day.
    fn told(ours: &[(&str, u64, u64)], theirs: &[(&str, u64, u64)]) -> (u64, Vec<String>) {
        let period = Period { from: T0, until: T0.after(hours(24)) };
        let found = compare(token("simulated"), period, (&side(ours), &side(theirs)));
        let told = found.differences.iter().map(|d| format!("{:?} {}", d.kind, d.provider_ref));
        (found.payments, told.collect())
    }

    #[test]
    fn what_both_sides_have_is_counted_and_nothing_is_told() {
        assert_eq!(told(&[("a", 5, 1), ("b", 6, 2)], &[("a", 5, 1), ("b", 6, 2)]), (2, vec![]));
    }

    #[test]
    fn missing_extra_and_different_are_told_apart_in_the_order_of_time() {
        let ours = [("a", 5, 3), ("b", 6, 2)];
        let theirs = [("b", 7, 2), ("c", 1, 1)];
        let differences = ["Extra c", "Different b", "Missing a"].map(ToOwned::to_owned);
        assert_eq!(told(&ours, &theirs), (0, differences.to_vec()));
    }

    #[test]
    fn what_moved_before_midnight_and_was_recorded_after_is_no_difference() {
        assert_eq!(told(&[("a", 5, 25)], &[("a", 5, 23)]), (1, vec![]));
        assert_eq!(told(&[("a", 5, 23)], &[("a", 5, 25)]), (0, vec![]));
    }

    #[test]
    fn a_refund_that_came_back_is_in_neither_list() {
        let gone = ("expired_or_canceled_card", DeclineClass::Hard);
        let period = Period { from: T0, until: T0.after(hours(24)) };
        let (side, refunds) = (Side::new(), BTreeMap::new());
        let connector = token("simulated");
        let mut heard = Heard { period, connector, side, refunds };
        heard.hear(&refunded(1, order(1), 1, 400), T0);
        heard.hear(&refunded(2, order(1), 1, 400), T0);
        // Two days later.
        heard.hear(&refund_fails((1, 1), order(1), gone, false), T0.after(hours(48)));
        let left: Vec<_> = heard.side.keys().map(|(_, provider_ref)| provider_ref).collect();
        assert_eq!(left, [&token("re-2")]);
    }

    #[test]
    fn what_differs_outside_the_period_is_another_days_business() {
        assert_eq!(told(&[("a", 5, 30)], &[("b", 5, 30)]), (0, vec![]));
    }
}
