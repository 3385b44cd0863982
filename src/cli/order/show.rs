//! One order as a table.

use crate::cli::money;
use crate::cli::output::{Show, pairs};
use crate::cli::when;
use crate::view::{OrderView, RefundView};

impl Show for OrderView {
    fn table(&self) -> String {
        let mut rows = vec![("order", self.order_id.to_string()), ("state", self.state.clone())];
        let mut row = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
        row("refused", self.refusal.as_ref().map(|refusal| refusal.code().to_owned()));
        row("reason", self.reason.clone());
        row("customer", self.customer_ref.as_ref().map(ToString::to_string));
        for line in &self.lines {
            let price = self.currency.map_or_else(String::new, |currency| {
                format!(" at {}", money::written(line.unit_price_minor.minor(), currency))
            });
            row("line", Some(format!("{} × {}{price}", line.quantity, line.sku)));
        }
        let total = self.total_minor.zip(self.currency);
        row("total", total.map(|(total, currency)| money::written(total.minor(), currency)));
        if let Some(payment) = &self.payment {
            let code = payment.code.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
            row("payment", Some(format!("attempt {} {}{code}", payment.attempt, payment.state)));
            row("retry at", payment.retry_at_ms.map(when::written));
        }
        for refund in self.money.iter().flat_map(|money| &money.refunds) {
            row("refund", Some(refund_in_words(refund)));
        }
        row("shipment", self.shipment_ref.as_ref().map(ToString::to_string));
        for back in self.returns.iter().flat_map(|back| &back.lines) {
            let (units, sku, good) = (back.quantity, &back.sku, back.restock);
            row("came back", Some(format!("{units} × {sku}, {good} of them good")));
        }
        row("asked", Some(when::written(self.asked_at_ms)));
        row("updated", Some(when::written(self.updated_at_ms)));
        let events: Vec<_> = self.events.iter().map(|place| place.0.to_string()).collect();
        row("events", Some(events.join(" ")));
        pairs(rows)
    }
}

fn refund_in_words(refund: &RefundView) -> String {
    let amount = money::written(refund.amount_minor.minor(), refund.currency);
    let code = refund.code.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
    format!("{amount} of {}, {}{code}: {}", refund.capture_ref, refund.state, refund.reason.name())
}
