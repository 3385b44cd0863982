//! The whole table of reason codes, and what each leads to.

use crate::domain::fixtures::*;
use crate::domain::market::{Intent, Verdict};
use crate::domain::payment::codes::{ANY, REVIEWED};
use crate::domain::payment::{DeclineClass, DeclineClasses};
use crate::domain::{Command, Event, Policy};

/// What follows when `connector` declines the first attempt of an order with `code`.
fn follows(connector: &str, code: &str) -> Vec<Event> {
    let mut said = decline(order(1), code);
    if let Intent::Command(Command::RecordPayment(record)) = &mut said.intent {
        record.connector = token(connector);
    }
    let waiting = history([stocked("mug", 5), bought(order(1), &[line("mug", 2)])]);
    let verdict = fold(&waiting).decide(&said, T0, &Policy::default());
    let Verdict::Append { records, .. } = verdict else { panic!("{verdict:?}") };
    records.into_iter().map(|record| record.event).collect()
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::kind).collect()
}

#[test]
fn every_code_that_was_reviewed_leads_to_what_its_class_says() {
    for (connector, code, class) in REVIEWED {
        let connector = if *connector == ANY { "simulated" } else { connector };
        let events = follows(connector, code);
        let retry = matches!(&events[0], Event::PaymentFailed(e) if e.retry.is_some());
        let (led_to, retried): (&[&str], bool) = match class {
            DeclineClass::Infra | DeclineClass::Soft => (&["payment_failed"], true),
            DeclineClass::Customer => (&["payment_failed"], false),
            DeclineClass::Hard => {
                (&["payment_abandoned", "order_cancelled", "stock_released"], false)
            }
        };
        assert_eq!((kinds(&events), retry), (led_to.to_vec(), retried), "{connector} {code}");
    }
}

#[test]
fn what_only_one_connector_says_is_hard_from_any_other() {
    for (connector, code, _) in REVIEWED.iter().filter(|(connector, ..)| *connector != ANY) {
        let other = DeclineClasses::default().of(&token("another"), &token(code));
        let everybodys = REVIEWED.iter().any(|(any, same, _)| *any == ANY && same == code);
        assert!(everybodys || other == DeclineClass::Hard, "{connector} {code}");
        if !everybodys {
            assert_eq!(kinds(&follows("another", code))[0], "payment_abandoned");
        }
    }
}
