use super::*;
use crate::domain::{Amount, Currency};

fn charge(key: &str, token: &str) -> Charge {
    Charge {
        order_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
        attempt: 1,
        idempotency_key: key.parse().unwrap(),
        amount: Amount::new(1_250).unwrap(),
        currency: Currency::from_code("EUR").unwrap(),
        payment_method_token: token.parse().unwrap(),
    }
}

#[tokio::test]
async fn one_key_is_one_charge_however_often_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.jsonl");
    let moods = Simulation { answer_lost: SHARES / 2, ..Simulation::default() };
    for _ in 0..2 {
        // Also after a restart of the provider.
        let gateway = SimulatedGateway::with_ledger(moods.clone(), &file).unwrap();
        for _ in 0..10 {
            let _ = gateway.charge(&charge("k1", "tok_visa")).await;
        }
    }
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[tokio::test]
async fn a_provider_with_the_same_seed_says_the_same() {
    let moods = Simulation { seed: 7, declined: SHARES / 2, ..Simulation::default() };
    let (one, other) = (SimulatedGateway::new(moods.clone()), SimulatedGateway::new(moods));
    let mut declined = 0;
    for key in 0..100 {
        let charge = charge(&format!("k{key}"), "tok_visa");
        let word = one.charge(&charge).await.unwrap();
        assert_eq!(word, other.charge(&charge).await.unwrap());
        declined += u32::from(matches!(word, PaymentResult::Declined { .. }));
    }
    assert!((30..70).contains(&declined), "{declined}");
}

#[tokio::test]
async fn a_test_token_may_be_about_the_first_attempts_only() {
    let gateway = SimulatedGateway::new(Simulation::default());
    let mut declined = charge("k", "decline_2x_do_not_honor");
    let mut away = charge("k", "away_2x");
    for attempt in 1..=3 {
        (declined.attempt, away.attempt) = (attempt, attempt);
        let word = gateway.charge(&declined).await.unwrap();
        let is_captured = matches!(word, PaymentResult::Captured { .. });
        assert_eq!(is_captured, 2 < attempt, "attempt {attempt}: {word:?}");
        assert_eq!(gateway.charge(&away).await.is_ok(), 2 < attempt, "attempt {attempt}");
    }
}

#[tokio::test]
async fn a_test_token_is_declined_with_its_code() {
    let gateway = SimulatedGateway::new(Simulation::default());
    let word = gateway.charge(&charge("k", "decline_lost_card")).await.unwrap();
    assert_eq!(word, PaymentResult::Declined { code: "lost_card".parse().unwrap() });
}

fn refund(key: &str, capture_ref: &str, attempt: u8) -> GiveBack {
    GiveBack {
        order_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
        refund: 1,
        attempt,
        idempotency_key: key.parse().unwrap(),
        capture_ref: capture_ref.parse().unwrap(),
        amount: Amount::new(1_250).unwrap(),
        currency: Currency::from_code("EUR").unwrap(),
    }
}

#[tokio::test]
async fn the_refunds_of_a_payment_are_as_its_token_said() {
    let gateway = SimulatedGateway::new(Simulation::default());
    let word = gateway.charge(&charge("k", "refund_decline_1x_insufficient_funds")).await.unwrap();
    let PaymentResult::Captured { provider_ref, .. } = word else { panic!("{word:?}") };
    let refunds = async |attempt: u8| {
        let refund = refund(&format!("r{attempt}"), provider_ref.as_str(), attempt);
        gateway.refund(&refund).await.unwrap()
    };
    let code = "insufficient_funds".parse().unwrap();
    assert_eq!(refunds(1).await, RefundResult::Declined { code });
    assert!(matches!(refunds(2).await, RefundResult::Refunded { .. }));
}

#[tokio::test]
async fn the_list_has_the_money_that_moved_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.jsonl");
    let gateway = SimulatedGateway::with_ledger(Simulation::default(), &file).unwrap();
    gateway.charge(&charge("k1", "tok_visa")).await.unwrap();
    gateway.charge(&charge("k2", "decline_lost_card")).await.unwrap();
    gateway.refund(&refund("r1", "sim_0", 1)).await.unwrap();
    let page = gateway.list(Timestamp(0), Timestamp(u64::MAX), None).await.unwrap();
    let moved: Vec<_> = page.lines.iter().map(|line| line.movement).collect();
    assert_eq!(moved, [crate::port::Movement::Captured, crate::port::Movement::Refunded]);
    let found = gateway.look_up(&page.lines[1].provider_ref).await.unwrap();
    assert!(matches!(found, Some(News::Refund { refund: 1, .. })), "{found:?}");
    assert_eq!(gateway.look_up(&"sim_unknown".parse().unwrap()).await.unwrap(), None);
}
