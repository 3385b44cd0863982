//! What a human must look at.

use kassa::domain::{
    AttentionAction, AttentionResolved, Event, FindingKind, FindingReported, ItemKind,
};

use crate::things::{text, token};

pub(crate) fn of_attention() -> Vec<(&'static str, u16, Event)> {
    vec![
        (
            "finding_reported",
            1,
            Event::FindingReported(FindingReported {
                kind: FindingKind::ViewDiffers,
                id: token("orders"),
                reason: text("1 of 2 keys of kassa_main_orders differ"),
            }),
        ),
        (
            "attention_resolved",
            1,
            Event::AttentionResolved(AttentionResolved {
                kind: ItemKind::Poison,
                id: token("54-0"),
                action: AttentionAction::Discard,
                reason: text("an edge of last year"),
                by: token("ada"),
            }),
        ),
    ]
}
