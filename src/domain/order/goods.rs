//! What left the building, and what came back.

use serde::{Deserialize, Serialize};

use super::decide::{Answer, Decision};
use super::{Order, Phase, summed};
use crate::domain::event::{OrderFulfilled, ReturnReceived, StockHeld};
use crate::domain::{
    Address, Event, FulfilOrder, LineUnits, Quantity, Refusal, ReturnLines, ReturnedLine, Text,
    Token,
};

/// The goods of one order on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// What left, in its order.
    pub shipments: Vec<Shipment>,
    /// What came back, by the reference it came back under.
    pub returns: Vec<(Token, Address, Box<[ReturnedLine]>)>,
}

/// Goods that left together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Where it is in the log.
    pub at: Address,
    /// The shipment they left with.
    pub reference: Token,
    /// What left; everything that was still to leave when there is none.
    pub lines: Box<[LineUnits]>,
}

impl Order {
    /// Goods have left.
    pub(in crate::domain) fn fulfil(&self, command: &FulfilOrder) -> Decision {
        let asked = command.lines.as_deref().map(units_of).transpose()?.unwrap_or_default();
        let known = |shipment: &&super::Shipment| shipment.reference == command.shipment_ref;
        if let Some(shipment) = self.goods.shipments.iter().find(known) {
            let same = *shipment.lines == *asked;
            return once(same, "body.shipment_ref", shipment.at);
        }
        if self.phase != Phase::Confirmed {
            return Err(self.wrong_state());
        }
        for (index, line) in asked.iter().enumerate() {
            let held = self.basket.lines.iter().find(|held| held.sku == line.sku);
            let left = held.map_or(0, super::HeldLine::to_leave);
            within(index, line, left, "are still to leave")?;
        }
        let leaving = |sku: &_| asked.iter().find(|line| line.sku == *sku);
        let partial = !asked.is_empty()
            && self.basket.lines.iter().any(|held| {
                leaving(&held.sku).map_or(0, |line| line.quantity.get()) < held.to_leave()
            });
        Ok(Answer::Append(vec![Event::OrderFulfilled(OrderFulfilled {
            order_id: command.order_id,
            shipment_ref: command.shipment_ref.clone(),
            lines: asked,
            partial,
        })]))
    }

    /// Goods came back and were looked at.
    pub(in crate::domain) fn take_back(&self, command: &ReturnLines) -> Decision {
        let known = |(reference, ..): &&(Token, _, _)| *reference == command.return_ref;
        if let Some((_, at, lines)) = self.goods.returns.iter().find(known) {
            return once(**lines == *command.lines, "body.return_ref", *at);
        }
        if !matches!(self.phase, Phase::Confirmed | Phase::Fulfilled)
            || self.goods.shipments.is_empty()
        {
            return Err(self.wrong_state());
        }
        let order_id = command.order_id;
        let mut events = vec![Event::ReturnReceived(ReturnReceived {
            order_id,
            return_ref: command.return_ref.clone(),
            lines: command.lines.clone(),
        })];
        for (index, line) in command.lines.iter().enumerate() {
            let ReturnedLine { sku, quantity, restock } = line;
            if command.lines.iter().take(index).any(|before| before.sku == *sku) {
                let field = format!("body.lines[{index}].sku");
                return Err(Refusal::invalid(&field, &format!("{sku} stands on two lines")));
            }
            let held = self.basket.lines.iter().find(|held| held.sku == *sku);
            let away = held.map_or(0, super::HeldLine::away);
            let units = LineUnits { sku: sku.clone(), quantity: *quantity };
            within(index, &units, away, "have left and not come back")?;
            if quantity.get() < *restock {
                let field = format!("body.lines[{index}].restock");
                let problem = format!("must be 0 to {quantity}, is {restock}");
                return Err(Refusal::invalid(&field, &problem));
            }
            if let Ok(quantity) = Quantity::try_new(*restock) {
                let sku = sku.clone();
                events.push(Event::StockReturned(StockHeld { sku, order_id, quantity }));
            }
        }
        Ok(Answer::Append(events))
    }

    /// The phase after an event about goods; none when it does not fit, or is about something
    /// else.
    pub(super) fn evolve_goods(&mut self, at: Address, event: &Event) -> Option<Phase> {
        if let Event::OrderFulfilled(fulfilled) = event {
            return self.left(at, fulfilled);
        }
        let Event::ReturnReceived(back) = event else { return None };
        if !matches!(self.phase, Phase::Confirmed | Phase::Fulfilled) {
            return None;
        }
        for line in &back.lines {
            let held = self.basket.lines.iter_mut().find(|held| held.sku == line.sku)?;
            if held.away() < line.quantity.get() || line.quantity.get() < line.restock {
                return None;
            }
            held.returned = held.returned.saturating_add(line.quantity.get());
            held.to_restock = held.to_restock.saturating_add(line.restock);
        }
        let lines = back.lines.clone().into_boxed_slice();
        self.goods.returns.push((back.return_ref.clone(), at, lines));
        Some(self.phase.clone())
    }

    fn left(&mut self, at: Address, fulfilled: &OrderFulfilled) -> Option<Phase> {
        if self.phase != Phase::Confirmed {
            return None;
        }
        for held in &mut self.basket.lines {
            let line = fulfilled.lines.iter().find(|line| line.sku == held.sku);
            let units = match line {
                Some(line) => line.quantity.get(),
                None if fulfilled.lines.is_empty() => held.to_leave(),
                None => 0,
            };
            if held.to_leave() < units {
                return None;
            }
            held.shipped = held.shipped.saturating_add(units);
        }
        let remains = self.basket.lines.iter().any(|held| 0 < held.to_leave());
        if remains != fulfilled.partial {
            return None;
        }
        let lines = fulfilled.lines.clone().into_boxed_slice();
        let reference = fulfilled.shipment_ref.clone();
        self.goods.shipments.reserve_exact(1);
        self.goods.shipments.push(Shipment { at, reference, lines });
        Some(if remains { Phase::Confirmed } else { Phase::Fulfilled })
    }
}

/// What was done under a reference before is done once.
fn once(same: bool, field: &str, at: Address) -> Decision {
    if same {
        return Ok(Answer::AlreadyApplied(at));
    }
    Err(Refusal::IdConflict { field: Text::lossy(field) })
}

/// One line a SKU.
fn units_of(lines: &[LineUnits]) -> Result<Vec<LineUnits>, Refusal> {
    let limit = u64::from(Quantity::MAX);
    let sums = summed(lines.iter().map(|line| (&line.sku, line.quantity)))
        .ok_or_else(|| Refusal::Overflow { field: Text::lossy("body.lines"), limit })?;
    Ok(sums.into_iter().map(|(sku, quantity)| LineUnits { sku: sku.clone(), quantity }).collect())
}

fn within(index: usize, line: &LineUnits, there: u32, what: &str) -> Result<(), Refusal> {
    if line.quantity.get() <= there {
        return Ok(());
    }
    let LineUnits { sku, quantity } = line;
    let problem = format!("is {quantity}, {there} of {sku} {what}");
    Err(Refusal::invalid(&format!("body.lines[{index}].quantity"), &problem))
}
