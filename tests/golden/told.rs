//! What is told of every shape of an event.

use kassa::domain::Address;
use kassa::view::story::Story;

use crate::events::every_shape;
use crate::things::{NOON, unasked};

#[test]
fn every_step_of_an_order_has_a_reason_or_an_effect() {
    for (kind, version, event) in every_shape() {
        if event.order_id().is_none() {
            continue;
        }
        let mut story = Story::default();
        story.follow(Address::default(), NOON, &unasked(event));
        let [step] = story.into_steps().try_into().unwrap();
        let told = step.why.len() + step.stock.len();
        assert_eq!(told, 1, "{kind}/{version}: {step:?}");
    }
}
