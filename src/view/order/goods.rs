//! Goods of one order that left in parts, or came back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OrderView;
use crate::domain::{LineUnits, OrderFulfilled, ReturnReceived, ReturnedLine, Token};

/// Goods that left together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentView {
    /// The shipment.
    pub shipment_ref: Token,
    /// What left; everything that was still to leave when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineUnits>,
}

/// Goods that came back together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnView {
    /// The return.
    pub return_ref: Token,
    /// What came back, and what inspecting it said.
    pub lines: Vec<ReturnedLine>,
}

impl OrderView {
    pub(super) fn shipped(&mut self, fulfilled: &OrderFulfilled) {
        if !fulfilled.partial {
            self.enter("fulfilled", None);
        }
        self.shipment_ref = Some(fulfilled.shipment_ref.clone());
        let in_parts = fulfilled.partial || !self.shipments.is_empty();
        if in_parts || !fulfilled.lines.is_empty() {
            self.shipments.push(ShipmentView {
                shipment_ref: fulfilled.shipment_ref.clone(),
                lines: fulfilled.lines.clone(),
            });
        }
    }

    pub(super) fn came_back(&mut self, back: &ReturnReceived) {
        self.returns
            .push(ReturnView { return_ref: back.return_ref.clone(), lines: back.lines.clone() });
    }
}
