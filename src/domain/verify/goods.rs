//! Goods that left, and goods that came back.

use super::orders::{Checked, Line, Order, illegal};
use super::{Fault, Invariant};
use crate::domain::{OrderFulfilled, Quantity, ReturnReceived, Sku};

fn line_of<'a>(lines: &'a mut [Line], sku: &Sku) -> Result<&'a mut Line, Fault> {
    let found = lines.iter_mut().find(|line| line.sku == *sku);
    found.ok_or_else(|| (Invariant::I11, format!("{sku} moved, which the order has not")))
}

fn units(quantity: Quantity) -> i128 {
    i128::from(quantity.get())
}

impl Order {
    /// Whether anything of it has left.
    pub(super) fn has_shipped(&self) -> bool {
        self.lines.iter().any(|line| 0 < line.shipped)
    }

    /// Goods left; whether some are still to leave.
    pub(super) fn ship(&mut self, fulfilled: &OrderFulfilled) -> Result<bool, Fault> {
        if fulfilled.lines.is_empty() {
            self.lines.iter_mut().for_each(|line| line.shipped = line.units);
        }
        for leaving in &fulfilled.lines {
            let line = line_of(&mut self.lines, &leaving.sku)?;
            line.shipped = line.shipped.saturating_add(units(leaving.quantity));
            if line.units < line.shipped {
                let (sku, shipped, units) = (&line.sku, line.shipped, line.units);
                return illegal(format!("{shipped} of {sku} left, {units} were bought"));
            }
        }
        let remains = self.lines.iter().any(|line| line.shipped < line.units);
        if remains != fulfilled.partial {
            return illegal("what is still to leave is not what the shipment says".into());
        }
        Ok(remains)
    }

    /// Goods came back.
    pub(super) fn take_back(&mut self, back: &ReturnReceived) -> Checked {
        for returned in &back.lines {
            let line = line_of(&mut self.lines, &returned.sku)?;
            line.returned = line.returned.saturating_add(units(returned.quantity));
            line.to_restock = line.to_restock.saturating_add(i128::from(returned.restock));
            if line.shipped < line.returned || units(returned.quantity) < line.to_restock {
                let (sku, shipped, returned) = (&line.sku, line.shipped, line.returned);
                return illegal(format!("{returned} of {sku} came back, {shipped} had left"));
            }
        }
        Ok(())
    }

    /// Units that came back are on the shelf again.
    pub(super) fn restock(&mut self, sku: &Sku, units: i128) -> Checked {
        let line = line_of(&mut self.lines, sku)?;
        line.to_restock = line.to_restock.saturating_sub(units);
        if line.to_restock != 0 {
            let what = format!("{units} of {sku} are on the shelf again, not as many came back");
            return Err((Invariant::I3, what));
        }
        Ok(())
    }
}
