//! From an event to what is true after it.

use std::sync::Arc;

use super::{Item, Market, Paper, Settled};
use crate::domain::event::{SkuListed, StockHeld};
use crate::domain::order::Order;
use crate::domain::stock::{Movement, Stock};
use crate::domain::{Address, Event, Misfit, OrderId, Recorded, Sequence, Sku, Token};

impl Market {
    /// Follows the event at `at`, inside the commit that was begun.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when the event cannot follow. What is in the log has happened, so a misfit is a
    /// defect: folding stops and says where.
    pub fn evolve(&mut self, at: Address, record: &Recorded) -> Result<(), Misfit> {
        match &record.event {
            Event::Opened(_) => {}
            Event::SkuListed(listed) => self.listed(listed),
            Event::SkuRepriced(e) => {
                self.item_mut(&record.event, &e.sku)?.price = e.unit_price_minor;
            }
            Event::SkuDelisted(e) => self.item_mut(&record.event, &e.sku)?.listed = false,
            Event::StockReceived(e) => {
                self.book(&record.event, (&e.sku, Paper::Delivery), Some(&e.reference), at)?;
                self.move_stock(&record.event, &e.sku, Movement::Received(e.quantity))?;
            }
            Event::StockAdjusted(e) => {
                self.book(&record.event, (&e.sku, Paper::Correction), e.reference.as_ref(), at)?;
                self.move_stock(&record.event, &e.sku, Movement::Adjusted(e.delta))?;
            }
            Event::ShortageFound(e) => {
                self.item_mut(&record.event, &e.sku)?;
            }
            Event::OrderPlaced(e) => {
                let order = Order::placed(at, record.body, e)
                    .ok_or_else(|| Misfit::new(record.event.kind(), "the lines do not add up"))?;
                self.deadlines.insert((e.hold_until, e.order_id));
                if !self.orders.insert(e.order_id, order) {
                    return Err(Misfit::new(record.event.kind(), "placed before"));
                }
                self.memory.schedule(e.order_id.uuid(), e.order_id.made_at());
            }
            Event::OrderRejected(e) => {
                let refusal = Some(Box::new(e.refusal.clone()));
                let settled = Settled { at, body: record.body, refusal };
                self.memory.rejections.insert(e.order_id, settled);
                self.memory.schedule(e.order_id.uuid(), e.order_id.made_at());
            }
            Event::StockReserved(held) => self.hold(&record.event, held, Movement::Reserved)?,
            Event::StockDeducted(held) => self.hold(&record.event, held, Movement::Deducted)?,
            Event::StockReleased(held) => self.hold(&record.event, held, Movement::Released)?,
            Event::StockReturned(held) => self.hold(&record.event, held, Movement::Returned)?,
            Event::PaymentCaptured(e) => self.evolve_order(at, record, e.order_id)?,
            Event::PaymentFailed(e) => self.evolve_order(at, record, e.order_id)?,
            Event::PaymentUnknown(e) => self.evolve_order(at, record, e.order_id)?,
            Event::PaymentRequested(e) => self.evolve_order(at, record, e.order_id)?,
            Event::PaymentAbandoned(e) => self.evolve_order(at, record, e.order_id)?,
            Event::PaymentNoted(e) => self.evolve_order(at, record, e.order_id)?,
            Event::OrderConfirmed(e) => self.evolve_order(at, record, e.order_id)?,
            Event::CancelRequested(e) => self.evolve_order(at, record, e.order_id)?,
            Event::HoldExpired(e) => self.evolve_order(at, record, e.order_id)?,
            Event::OrderCancelled(e) => self.evolve_order(at, record, e.order_id)?,
            Event::OrderFulfilled(e) => self.evolve_order(at, record, e.order_id)?,
            Event::OrderReinstated(e) => self.evolve_order(at, record, e.order_id)?,
            Event::ReturnReceived(e) => self.evolve_order(at, record, e.order_id)?,
            Event::RefundRequested(e) => self.evolve_order(at, record, e.order_id)?,
            Event::PaymentRefunded(e) => self.evolve_order(at, record, e.order_id)?,
            Event::RefundFailed(e) => self.evolve_order(at, record, e.order_id)?,
            Event::RefundUnknown(e) => self.evolve_order(at, record, e.order_id)?,
            Event::RefundNoted(e) => self.evolve_order(at, record, e.order_id)?,
            Event::AttentionRaised(e) => self.evolve_order(at, record, e.order_id)?,
            Event::CommandRejected(_) | Event::FindingReported(_) | Event::AttentionResolved(_) => {
            }
        }
        if let Some(sku) = record.event.sku() {
            self.mark_changed(sku, at.sequence);
        }
        self.remember(at, record);
        Ok(())
    }

    fn listed(&mut self, listed: &SkuListed) {
        let SkuListed { sku, name, unit_price_minor, currency, per_order_max } = listed;
        if let Some(item) = self.items.get_mut(sku) {
            item.name = name.clone();
            item.price = *unit_price_minor;
            item.currency = *currency;
            item.per_order_max = *per_order_max;
            item.listed = true;
            return;
        }
        let item = Item {
            name: name.clone(),
            price: *unit_price_minor,
            currency: *currency,
            per_order_max: *per_order_max,
            listed: true,
            stock: Stock::default(),
            changed: Sequence::START,
            ledger: Sequence::START,
            papers: Arc::default(),
        };
        self.items.insert(sku.clone(), item);
    }

    fn item_mut(&mut self, event: &Event, sku: &Sku) -> Result<&mut Item, Misfit> {
        let unknown = || Misfit::new(event.kind(), format_args!("{sku} is not known"));
        self.items.get_mut(sku).ok_or_else(unknown)
    }

    fn book(
        &mut self,
        event: &Event,
        (sku, paper): (&Sku, Paper),
        reference: Option<&Token>,
        at: Address,
    ) -> Result<(), Misfit> {
        let item = self.item_mut(event, sku)?;
        let Some(reference) = reference else {
            return Ok(());
        };
        match Arc::make_mut(&mut item.papers).insert((paper, reference.clone()), at) {
            None => Ok(()),
            Some(before) => {
                let why = format_args!("{reference} of {sku} was booked at {before}");
                Err(Misfit::new(event.kind(), why))
            }
        }
    }

    fn move_stock(&mut self, event: &Event, sku: &Sku, moved: Movement) -> Result<(), Misfit> {
        let item = self.item_mut(event, sku)?;
        let before = item.stock.available();
        item.stock = item
            .stock
            .after(moved)
            .map_err(|impossible| Misfit::new(event.kind(), format_args!("{sku}: {impossible}")))?;
        if !self.touched.contains_key(sku) {
            self.touched.insert(sku.clone(), before);
        }
        Ok(())
    }

    fn hold(
        &mut self,
        event: &Event,
        held: &StockHeld,
        movement: impl Fn(crate::domain::Quantity) -> Movement,
    ) -> Result<(), Misfit> {
        let order = self.orders.get_mut(&held.order_id).ok_or_else(|| unknown_order(event))?;
        order.evolve_hold(event, held)?;
        self.move_stock(event, &held.sku, movement(held.quantity))
    }

    fn evolve_order(
        &mut self,
        at: Address,
        record: &Recorded,
        order_id: OrderId,
    ) -> Result<(), Misfit> {
        let unknown = || unknown_order(&record.event);
        let order = self.orders.get_mut(&order_id).ok_or_else(unknown)?;
        let before = order.deadline();
        order.evolve(at, &record.event)?;
        let after = order.deadline();
        if before != after {
            before.map(|deadline| self.deadlines.remove(&(deadline, order_id)));
            after.map(|deadline| self.deadlines.insert((deadline, order_id)));
        }
        if order.is_closed() {
            self.closed.push(order_id);
        }
        Ok(())
    }

    fn mark_changed(&mut self, sku: &Sku, sequence: Sequence) {
        if let Some(item) = self.items.get_mut(sku) {
            item.changed = sequence;
        }
    }

    /// Keeps the command's id, unless something else tells a repetition of it: its order's id for
    /// a placed order, the provider's name of the payment for money that came.
    fn remember(&mut self, at: Address, record: &Recorded) {
        let (Some(id), Some(_)) = (record.cause, record.body) else {
            return;
        };
        let refusal = match &record.event {
            Event::OrderPlaced(_) | Event::OrderRejected(_) | Event::PaymentCaptured(_) => return,
            Event::CommandRejected(rejected) => Some(Box::new(rejected.refusal.clone())),
            Event::Opened(_)
            | Event::SkuListed(_)
            | Event::SkuRepriced(_)
            | Event::SkuDelisted(_)
            | Event::StockReceived(_)
            | Event::StockAdjusted(_)
            | Event::ShortageFound(_)
            | Event::StockReserved(_)
            | Event::StockDeducted(_)
            | Event::StockReleased(_)
            | Event::PaymentFailed(_)
            | Event::PaymentUnknown(_)
            | Event::PaymentRequested(_)
            | Event::PaymentAbandoned(_)
            | Event::PaymentNoted(_)
            | Event::OrderConfirmed(_)
            | Event::CancelRequested(_)
            | Event::HoldExpired(_)
            | Event::OrderCancelled(_)
            | Event::OrderFulfilled(_)
            | Event::OrderReinstated(_)
            | Event::ReturnReceived(_)
            | Event::StockReturned(_)
            | Event::RefundRequested(_)
            | Event::PaymentRefunded(_)
            | Event::RefundFailed(_)
            | Event::RefundUnknown(_)
            | Event::RefundNoted(_)
            | Event::AttentionRaised(_)
            | Event::FindingReported(_)
            | Event::AttentionResolved(_) => None,
        };
        let settled = Settled { at, body: record.body, refusal };
        self.memory.commands.insert(id, settled);
        self.memory.schedule(id.uuid(), id.made_at());
    }
}

fn unknown_order(event: &Event) -> Misfit {
    Misfit::new(event.kind(), "the order is not known")
}
