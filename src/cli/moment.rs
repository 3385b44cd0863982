//! Moments as people name them, for whoever looks back.

use std::fmt;
use std::str::FromStr;

use super::codes::Code;
use super::failure::Failure;
use super::when;
use crate::domain::{Address, Event, OrderId, Sequence, Timestamp};
use crate::port::{Clock, SystemClock};

/// A moment of the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// When the log ended there.
    Sequence(Sequence),
    /// By the clock of whoever made the commits.
    Time(Timestamp),
    /// When an order was placed.
    Placed(OrderId),
    /// When an order's money was there.
    Paid(OrderId),
}

/// A moment that is there: the last sequence that may be read, and the last time of a commit, when
/// it was named by a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Then {
    pub to: Sequence,
    pub until: Option<Timestamp>,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(sequence) = text.parse() {
            return Ok(Self::Sequence(Sequence(sequence)));
        }
        // Nothing is true between two events of one commit.
        if let Ok(address) = text.parse::<Address>() {
            return Ok(Self::Sequence(address.sequence));
        }
        let order = |id: &str| id.parse::<OrderId>().map_err(|error| error.to_string());
        if let Some(id) = text.strip_prefix("placed:") {
            return order(id).map(Self::Placed);
        }
        if let Some(id) = text.strip_prefix("paid:") {
            return order(id).map(Self::Paid);
        }
        when::read(text).map(Self::Time).map_err(|_| {
            format!(
                "{text:?} is no moment: write a sequence, a time as 2026-11-22T00:00:00Z, or \
                 placed:ORDER or paid:ORDER"
            )
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(sequence) => sequence.fmt(f),
            Self::Time(time) => f.write_str(&when::written(*time)),
            Self::Placed(order_id) => write!(f, "placed:{order_id}"),
            Self::Paid(order_id) => write!(f, "paid:{order_id}"),
        }
    }
}

impl Moment {
    /// The order it is named by.
    pub(super) const fn order(self) -> Option<OrderId> {
        match self {
            Self::Placed(order_id) | Self::Paid(order_id) => Some(order_id),
            Self::Sequence(_) | Self::Time(_) => None,
        }
    }

    /// Whether an event of that order is the one it means.
    pub(super) const fn means(self, event: &Event) -> bool {
        match self {
            Self::Placed(_) => matches!(event, Event::OrderPlaced(_) | Event::OrderRejected(_)),
            Self::Paid(_) => matches!(event, Event::PaymentCaptured(_)),
            Self::Sequence(_) | Self::Time(_) => false,
        }
    }

    /// A moment that is no order's, when `what`, which ends at `last`, has it; a time before its
    /// first commit is one at which there was nothing.
    pub(super) fn within(self, last: Sequence, what: &str) -> Result<Then, Failure> {
        match self {
            Self::Sequence(Sequence(0)) => {
                Err(Failure::beyond(format!("{what} begins at 1, after 0")))
            }
            Self::Sequence(to) if last < to => {
                Err(Failure::beyond(format!("{what} ends at {last}, before {to}")))
            }
            Self::Sequence(to) => Ok(Then { to, until: None }),
            Self::Time(until) if SystemClock.now() < until => {
                let what = format!("{} is in the future", when::written(until));
                Err(Failure::new(Code::Usage, what))
            }
            Self::Time(until) => Ok(Then { to: last, until: Some(until) }),
            Self::Placed(_) | Self::Paid(_) => {
                Err(Failure::not_found(format!("there is no {self}")))
            }
        }
    }
}

impl Then {
    /// The last time that a commit may have.
    pub(super) fn last_time(self) -> Timestamp {
        self.until.unwrap_or(Timestamp(u64::MAX))
    }
}
