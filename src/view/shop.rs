//! The whole shop as of a commit: every SKU, and how much of everything has happened.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{StockView, Totals, View};
use crate::domain::{
    Address, Amount, Currency, Event, Misfit, OrderId, Recorded, Sequence, Sku, Timestamp,
};

/// How long the sum of a refund is remembered: until then it may come back. Providers say so
/// within 30 days.
const COMES_BACK: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Units: milliseconds. How often sums of refunds are looked through for old ones.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The whole shop, folded from the first commit on. It grows with SKUs, not with orders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shop {
    totals: Totals,
    stock: BTreeMap<Sku, StockView>,
    given: BTreeMap<(OrderId, u16), Given>,
}

/// A refund that went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Given {
    at: Timestamp,
    currency: Currency,
    amount: Amount,
}

impl Shop {
    /// How much of everything has happened.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// One SKU.
    #[must_use]
    pub fn item(&self, sku: &Sku) -> Option<&StockView> {
        self.stock.get(sku)
    }

    /// Every SKU.
    pub fn items(&self) -> impl Iterator<Item = &StockView> {
        self.stock.values()
    }

    /// Follows the commit at `sequence`, which was made at `made`.
    ///
    /// # Errors
    ///
    /// Which event cannot follow what was there, and why. The shop is spoilt then.
    pub fn follow(
        &mut self,
        sequence: Sequence,
        made: Timestamp,
        events: &[Recorded],
    ) -> Result<(), (Address, Misfit)> {
        if self.totals.at_ms.0 / DAY_MS < made.0 / DAY_MS {
            let horizon = made.before(COMES_BACK);
            self.given.retain(|_, given| horizon <= given.at);
        }
        self.totals.begin(sequence, made);
        for (index, record) in (0..).zip(events) {
            let (at, event) = (Address::new(sequence, index), &record.event);
            self.totals.hear(event);
            self.hear_of_refunds(made, event);
            if let Some(sku) = event.sku() {
                self.stock_follows(sku, (at, made), event).map_err(|why| (at, why))?;
            }
        }
        Ok(())
    }

    fn stock_follows(
        &mut self,
        sku: &Sku,
        (at, made): (Address, Timestamp),
        event: &Event,
    ) -> Result<(), Misfit> {
        if let Some(item) = self.stock.get_mut(sku) {
            return item.follow(at, made, event);
        }
        let begun = StockView::begin(at, made, event);
        let begun = begun.ok_or_else(|| Misfit::new(event.kind(), "it was never listed"))?;
        self.stock.insert(sku.clone(), begun);
        Ok(())
    }

    /// Money that came back did not go back.
    fn hear_of_refunds(&mut self, made: Timestamp, event: &Event) {
        if let Event::PaymentRefunded(e) = event {
            let (at, currency, amount) = (made, e.currency, e.amount_minor);
            self.given.insert((e.order_id, e.refund), Given { at, currency, amount });
        } else if let Event::RefundFailed(e) = event
            && let Some(given) = self.given.remove(&(e.order_id, e.refund))
        {
            self.totals.came_back(given.currency, given.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Source;
    use crate::domain::fixtures::{T0, order, refund_fails, refunded};
    use crate::domain::payment::DeclineClass;

    fn said(event: Event) -> Recorded {
        Recorded { event, cause: None, source: Source::COMMITTER, body: None, trace: None }
    }

    #[test]
    fn money_that_came_back_did_not_go_back() {
        let gone = ("expired_or_canceled_card", DeclineClass::Hard);
        let mut shop = Shop::default();
        let mut hear = |days: u64, event: Event| {
            let sequence = shop.totals.event_seq.next();
            let made = T0.after(Duration::from_millis(days * DAY_MS));
            shop.follow(sequence, made, &[said(event)]).unwrap();
            (shop.totals.refunded_minor["EUR"], shop.given.len())
        };
        hear(0, refunded(1, order(1), 1, 400));
        assert_eq!(hear(1, refunded(2, order(1), 1, 300)), (700, 2));
        assert_eq!(hear(2, refund_fails((1, 1), order(1), gone, false)), (300, 1));
        // One that never went back takes nothing away.
        assert_eq!(hear(3, refund_fails((3, 1), order(1), gone, false)), (300, 1));
        // After a while it stays where it went, and is forgotten.
        assert_eq!(hear(92, refund_fails((3, 1), order(1), gone, false)), (300, 0));
        assert_eq!(hear(93, refund_fails((2, 1), order(1), gone, false)), (300, 0));
    }
}
